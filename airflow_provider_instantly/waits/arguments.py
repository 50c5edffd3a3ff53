"""
How a wait's campaigns are stored as an argument of its trigger, so that Airflow's database has room for them.

MySQL keeps a trigger's arguments in a column of 65,535 bytes, where 1,200 ids fit as texts and twice as many packed.
"""

from __future__ import annotations

import base64
import json
import math
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from airflow.providers.common.compat.sdk import conf

from airflow_provider_instantly.validation import campaign_ids, is_collection, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Bytes of MySQL's type TEXT, which is that of `trigger.kwargs`; those of PostgreSQL and SQLite have no limit.
MAX_BYTES: Final = 65_535
#: How many ids fit beside all else that a wait has.
CAMPAIGNS_THAT_FIT: Final = 2_250
#: Up to so many ids are stored as they are: Airflow's pages show a trigger's arguments to people.
READABLE: Final = 100
#: Base64 has no braces, so a packed text is no template either.
_PREFIX: Final = "uuids:"
_UUID_BYTES: Final = 16
#: What Airflow (2.11 and 3.3.2) adds to arguments that it passes through its own serialization.
_AIRFLOWS_SHARE: Final = 256


def packed(ids: Sequence[str]) -> str | list[str]:
    """
    Return the shortest form that `unpacked` reads: one id as it is, some as a list, many as one packed text.

    :param ids: UUIDs in lower case, with hyphens.
    """
    if len(ids) <= READABLE:
        return ids[0] if len(ids) == 1 else list(ids)
    joined = b"".join(UUID(each).bytes for each in ids)
    return _PREFIX + base64.urlsafe_b64encode(joined).decode().rstrip("=")


def unpacked(value: object) -> Any:
    """
    Return the ids of a packed text; anything else is returned as it is, for others to judge.

    :param value: what `packed` wrote, or what a person gave.
    """
    if not isinstance(value, str) or not value.startswith(_PREFIX):
        return value
    text = value.removeprefix(_PREFIX)
    try:
        joined = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return value
    if len(joined) % _UUID_BYTES:
        return value
    return [str(UUID(bytes=joined[i : i + _UUID_BYTES])) for i in range(0, len(joined), _UUID_BYTES)]


def packed_if_literal(campaign_id: object) -> Any:
    """
    Return ids that need no rendering as `packed` has them; templates as they are, a collection of them as a list.

    :param campaign_id: what a DAG's author gave, checked by `validation.check_campaign_ids_early`.
    """
    if not is_collection(campaign_id):
        return campaign_id
    entries = listed(campaign_id)
    try:
        return packed(campaign_ids("campaign_id", entries, many=True)) if len(entries) > READABLE else entries
    except ValueError:
        return entries


def fit(arguments: Mapping[str, Any]) -> bool:
    """
    Whether Airflow's database has room for a trigger's arguments.

    :param arguments: plain values, as the trigger serializes them.
    """
    return not _may_be_mysql() or stored_bytes(arguments) <= MAX_BYTES


def stored_bytes(arguments: Mapping[str, Any]) -> int:
    """
    How long arguments are once Airflow has encrypted them, at most: a Fernet token around JSON.

    Airflow 3.3.2 does not encrypt those of a task that defers from a worker; 2.11 does, and so does its scheduler.

    :param arguments: plain values.
    """
    plain = len(json.dumps(arguments)) + _AIRFLOWS_SHARE
    # Version, time, initialization vector, blocks of 16 with at least one byte of padding, signature.
    token = 1 + 8 + 16 + (plain // 16 + 1) * 16 + 32
    return math.ceil(token / 3) * 4


def _may_be_mysql() -> bool:
    """Airflow >= 3 hides its database from tasks and from DAGs, so it may be any there."""
    return not conf.get("database", "sql_alchemy_conn", fallback="").startswith(("postgresql", "sqlite"))
