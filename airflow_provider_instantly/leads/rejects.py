"""Where the rows that were not sent, or were refused, go: a file of JSON objects, one a line, that the user owns."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.storage import local_file, place_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from os import PathLike

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    from airflow_provider_instantly.leads.rows import Reject
    from airflow_provider_instantly.tasklog import TaskLog

#: Rejected rows that the log names.
NAMED: Final = 20


def log_rejects(log: TaskLog, rejects: Iterable[Reject]) -> None:
    """
    Write the numbers and reasons of the first rejects to the log.

    :param log: the task's log.
    :param rejects: the rejects.
    """
    for count, reject in enumerate(rejects):
        if count == NAMED:
            log.warning("More rows were rejected; only the first %s are named here.", NAMED)
            return
        log.warning("Row %s: %s.", f"{reject.number:,}", reject.reason)


def write_rejects(path: str | PathLike[str] | ObjectStoragePath, rejects: Iterable[Reject]) -> int:
    """
    Write rejects to a file, one JSON object a line: ``number``, ``reason`` and ``row``.

    What an earlier try wrote there is replaced, also if there are no rejects now. A new local file is readable for this
    user alone, since the rows are persons.

    :param path: a path or URL, or an Airflow ``ObjectStoragePath``.
    :param rejects: the rejects, read once.
    :return: how many there are.
    :raises OSError: if it cannot be written.
    """
    place = place_of(path)
    if (file := local_file(place)) is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
    count = 0
    with place.open("wb") as opened:
        for count, reject in enumerate(rejects, 1):  # noqa: B007 - the last one is their number
            entry = {"number": reject.number, "reason": reject.reason, "row": reject.row}
            opened.write(json.dumps(entry, default=str).encode() + b"\n")
    return count
