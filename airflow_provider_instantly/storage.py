"""The files of tasks: which place of an object storage, or of the worker, a path names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from os import PathLike

    from airflow.providers.common.compat.sdk import ObjectStoragePath

#: The protocols of places on the worker itself.
_LOCAL: Final = ("", "file", "local")


def place_of(path: str | PathLike[str] | ObjectStoragePath) -> Any:
    """
    The place that a path names, as an ``ObjectStoragePath``, which an author may have given already.

    A leading ``~`` is the user's home. Airflow takes it for a folder's name; on 2.11, of one in the root directory.

    :param path: a path or URL, or an Airflow ``ObjectStoragePath``.
    """
    from airflow.providers.common.compat.sdk import ObjectStoragePath

    if isinstance(path, ObjectStoragePath):
        return path
    return ObjectStoragePath(os.path.expanduser(path))  # noqa: PTH111 - it may be a URL, which no Path keeps as it is


def local_file(place: ObjectStoragePath) -> Path | None:
    """
    The file on this machine that a place is, as it is opened, or None if it is elsewhere.

    :param place: the place.
    """
    return Path(place.path).expanduser() if place.protocol in _LOCAL else None
