"""
What a DAG's author passes to operators and sensors, checked: where it can be known, while the DAG is parsed.

Each error names the parameter and what it accepts.
"""

from __future__ import annotations

import ast
import contextlib
import re
from collections.abc import Collection, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, timedelta
from os import PathLike
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeAlias, TypeGuard
from uuid import UUID

from airflow_provider_instantly.api.campaign import CampaignStatus, UnusableValueError, check_campaign_id
from airflow_provider_instantly.api.redaction import shown_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow.providers.common.compat.sdk import ObjectStoragePath

    class Resolvable(Protocol):
        """What Airflow makes a value of when the task runs: an `XComArg`, or a parameter of the DAG."""

        def iter_references(self) -> Iterable[tuple[Any, str]]:
            """The tasks that it is made of."""

        def resolve(self, context: Any) -> Any:
            """The value."""

    #: One campaign: a UUID as text or as an object, a template, or an XCom.
    CampaignId: TypeAlias = str | UUID | Resolvable
    #: A text as it is, a template, or an XCom.
    Text: TypeAlias = str | Resolvable
    #: A file or a folder: a text or a path, a template, or an XCom.
    Location: TypeAlias = str | PathLike[str] | ObjectStoragePath | Resolvable
    #: A day: ``YYYY-MM-DD``, a ``date``, a template, an XCom, or None.
    Day: TypeAlias = str | date | Resolvable | None
    #: One or more; rows of a database are one level of collections more.
    CampaignIds: TypeAlias = CampaignId | Collection[CampaignId | Collection[CampaignId]]

#: The name of a class in what Python shows of a value: ``UUID('…')``, ``frozenset({…})``, ``dict_keys([…])``.
_CLASS_NAME: Final = re.compile(r"(?<![\w.])[A-Za-z_][\w.]*+(?=\()")

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

#: Asking more often than this tells nothing new and uses up the rate limit that all tasks share.
MIN_POLL_INTERVAL: Final = 0.1
MAX_SECONDS: Final = 366 * 86_400.0
MAX_CAMPAIGNS: Final = 10_000
#: More e-mails or leads than anyone has.
MAX_COUNT: Final = 1_000_000_000


def seconds(name: str, value: object, *, low: float = 0.0, high: float = MAX_SECONDS) -> float:
    """
    Return a length of time in seconds.

    :param name: the parameter's name.
    :param value: a number of seconds, or a ``timedelta``.
    :param low: the least that is accepted, in seconds.
    :param high: the most that is accepted, in seconds.
    :raises ValueError: if it is neither, or out of bounds.
    """
    if isinstance(value, timedelta):
        value = value.total_seconds()
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number of seconds or a timedelta, not {_shown(value)}.")
    if not low <= value <= high:
        raise ValueError(f"{name} must be from {low:g} to {high:g} seconds, not {_shown(value)}.")
    return float(value)


def hold(name: str, value: object, *, timeout: float) -> float:
    """
    Return how long a target must be seen to hold, in seconds.

    :param name: the parameter's name.
    :param value: a number of seconds, a ``timedelta``, or None for not at all.
    :param timeout: seconds after which the wait fails.
    :raises ValueError: if it is no length of time, or one that no wait lasts.
    """
    held = 0.0 if value is None else seconds(name, value)
    # It begins at the end of a poll and is judged by the beginning of a later one, so both have to fit.
    if held and held >= timeout:
        raise ValueError(f"{name} must be shorter than timeout, or the wait fails always: {held:g} >= {timeout:g} s.")
    return held


def number(name: str, value: object, *, low: float, high: float) -> float:
    """
    Return a number within bounds.

    :param name: the parameter's name.
    :param value: a number.
    :param low: the least that is accepted.
    :param high: the most that is accepted.
    :raises ValueError: if it is none, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {_shown(value)}.")
    return value


def optional_share(name: str, value: object) -> float | None:
    """
    Return a share from 0 to 1, which may be left out.

    :param name: the parameter's name.
    :param value: a number, or None.
    :raises ValueError: if it is anything else, or out of bounds.
    """
    return None if value is None else number(name, value, low=0, high=1)


def confidence(name: str, value: object) -> float:
    """
    Return how sure an interval is to be.

    :param name: the parameter's name.
    :param value: a number from 0.5 to 0.9999.
    :raises ValueError: if it is none, or out of bounds.
    """
    return number(name, value, low=0.5, high=0.9999)


def some_of(name: str, value: object, known: Collection[str]) -> frozenset[str]:
    """
    Return a set of words that are known.

    :param name: the parameter's name.
    :param value: a collection of words, which may be empty.
    :param known: the words that are accepted.
    :raises ValueError: if it is anything else, or has another word.
    """
    words = list(value) if is_collection(value) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{name} must be a list of texts, not {_shown(value)}.")
    if others := [word for word in words if word not in known]:
        raise ValueError(f"{name} has {_shown(others[0])}, but accepts only: {', '.join(sorted(known))}.")
    return frozenset(map(str, words))


def flag(name: str, value: object) -> bool:
    """
    Return a switch.

    :param name: the parameter's name.
    :param value: True or False; a text such as "False" is neither.
    :raises ValueError: if it is anything else.
    """
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, not {_shown(value)}.")
    return value


def optional_flag(name: str, value: object) -> bool | None:
    """
    Return a switch that may be left to the provider.

    :param name: the parameter's name.
    :param value: True, False, or None.
    :raises ValueError: if it is anything else.
    """
    return None if value is None else flag(name, value)


def optional_day(name: str, value: object) -> str | None:
    """
    Return a day as ``YYYY-MM-DD``, or None for none.

    :param name: the parameter's name.
    :param value: that text, a ``date``, or None; an empty text is none, too, as a template makes it.
    :raises ValueError: if it is anything else: a moment, for instance, whose time would be ignored.
    """
    if value is None or (isinstance(value, str) and value in ("", "None")):
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str) and _DAY.fullmatch(value):
        with contextlib.suppress(ValueError):
            return date.fromisoformat(value).isoformat()
    raise ValueError(f"{name} must be a day such as 2026-11-24, not {_shown(value)}.")


def optional_day_early(name: str, value: Any) -> Any:
    """
    Return a day as Airflow can store it, and refuse, while the DAG is parsed, what can be none in any run.

    :param name: the parameter's name.
    :param value: a day, a template, an XCom, or None.
    :raises ValueError: if no run could use it.
    """
    return value if is_rendered_later(value) else optional_day(name, value)


def period(since: object, until: object) -> tuple[str | None, str | None]:
    """
    Return the days of ``since`` and ``until``, each as `optional_day` does.

    :param since: from the midnight, UTC, at which this day begins.
    :param until: up to the midnight, UTC, at which this day begins.
    :raises ValueError: if one is no day, or no time is between them.
    """
    first, end = optional_day("since", since), optional_day("until", until)
    if first and end and end <= first:
        raise UnusableValueError(
            f"There is no time from since ({first}) until the midnight at which until ({end}) begins.",
            "Nothing was requested from Instantly.",
            "For one day, until is the day after.",
        )
    return first, end


def period_early(since: Any, until: Any) -> tuple[Any, Any]:
    """
    Return the days of ``since`` and ``until`` as Airflow can store them, and refuse what can be no period in any run.

    :param since: a day, a template, an XCom, or None.
    :param until: the same.
    :raises ValueError: if no run could use them.
    """
    if is_rendered_later(since) or is_rendered_later(until):
        return optional_day_early("since", since), optional_day_early("until", until)
    return period(since, until)


def statuses(name: str, value: object, *, may_be_empty: bool = False) -> frozenset[int]:
    """
    Return a set of campaign statuses as plain numbers.

    :param name: the parameter's name.
    :param value: a collection of `CampaignStatus` members or their numbers.
    :param may_be_empty: whether no status at all makes sense.
    :raises ValueError: if it is anything else, or empty.
    """
    members = list(value) if is_collection(value) else None
    if members is None or not all(isinstance(m, int) and not isinstance(m, bool) for m in members):
        raise ValueError(f"{name} must be a set of CampaignStatus members, not {_shown(value)}.")
    if not members and not may_be_empty:
        raise ValueError(f"{name} must name at least one CampaignStatus.")
    unknown = [m for m in members if not CampaignStatus(m).is_known]
    if unknown:
        raise ValueError(f"{name} has {unknown[0]}, which is no status of a campaign.")
    return frozenset(int(m) for m in members)


def texts(name: str, value: object) -> list[str]:
    """
    Return a list of texts, each once.

    :param name: the parameter's name.
    :param value: a collection of texts, none of them blank.
    :raises ValueError: if it is anything else.
    """
    entries = list(value) if is_collection(value) else None
    if entries is None or not all(isinstance(entry, str) and entry.strip() for entry in entries):
        raise ValueError(f"{name} must be a list of texts, not {_shown(value)}.")
    return list(dict.fromkeys(entries))


def one_of(name: str, value: object, allowed: Sequence[str]) -> str:
    """
    Return one of some words.

    :param name: the parameter's name.
    :param value: the word.
    :param allowed: the words that are accepted.
    :raises ValueError: if it is none of them.
    """
    if not isinstance(value, str) or value not in allowed:
        words = ", ".join(f'"{word}"' for word in allowed[:-1])
        raise ValueError(f'{name} must be {words} or "{allowed[-1]}", not {_shown(value)}.')
    return value


def count(name: str, value: object, *, low: int, high: int = MAX_COUNT) -> int:
    """
    Return a whole number.

    :param name: the parameter's name.
    :param value: the number.
    :param low: the least that is accepted.
    :param high: the most that is accepted.
    :raises ValueError: if it is anything else, or out of bounds.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ValueError(f"{name} must be a whole number from {low:,} to {high:,}, not {_shown(value)}.")
    return value


def amount(name: str, value: object) -> int | float:
    """
    Return a count, which is an integer, or a share from 0.0 to 1.0, which is a float.

    :param name: the parameter's name.
    :param value: the count or the share.
    :raises ValueError: if it is neither.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, float) and 0.0 <= value <= 1.0:
        return value
    raise ValueError(f"{name} must be a count, such as 100, or a share, such as 0.95, not {_shown(value)}.")


def connection_id(name: str, value: object) -> str:
    """
    Return the id of an Airflow connection.

    :param name: the parameter's name.
    :param value: a text that is not blank; or an integer, which native rendering makes of digits.
    :raises ValueError: if it is anything else.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} must be the id of an Airflow connection, not {_shown(value)}.")
    return value


def storage_path(name: str, value: object) -> Any:
    """
    Return a place in object storage as Airflow can render and store it: a text, or an XCom as it is.

    :param name: the parameter's name.
    :param value: a path or URL, an ``ObjectStoragePath``, a template, an XCom.
    :raises ValueError: if it is anything else, or blank.
    """
    if is_rendered_later(value):
        return value
    # Below Airflow 3, an `ObjectStoragePath` is no `PathLike`.
    is_path = isinstance(value, str | PathLike) or hasattr(value, "storage_options")
    if not is_path or not str(value).strip():
        raise ValueError(f"{name} must be a path or URL such as s3://aws_default@bucket/reports, not {_shown(value)}.")
    return str(value)


def optional_web_address(name: str, value: object) -> str | None:
    """
    Return the address of a web page or folder, which may be left out.

    :param name: the parameter's name.
    :param value: a text that needs no rendering, or None; an empty text is none.
    :raises ValueError: if it is no address that a browser opens.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not value.startswith(("https://", "http://")):
        raise ValueError(f"{name} must begin with https:// or http://, not {_shown(value)}.")
    return value


def results_by_moment(name: str, value: object) -> Mapping[str, object]:
    """
    Return what tasks returned, by what to call the moment.

    :param name: the parameter's name.
    :param value: a dict, or None.
    :raises ValueError: if it is anything else.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ValueError(
            f'{name} must be a dict such as {{"the launch": activate.output}}, not {type(value).__name__}.'
        )
    return value


def check_campaign_ids_early(name: str, value: object, *, many: bool) -> None:
    """
    Refuse, while the DAG is parsed, what can be no campaign id whatever the templates render to.

    :param name: the parameter's name.
    :param value: an id, a template, an XCom, or a collection of them or of collections of them.
    :param many: whether a collection is accepted.
    :raises ValueError: if no run could use it.
    """
    if not is_collection(value):
        _check_campaign_id_early(name, value, many=many)
        return
    if not many:
        raise ValueError(f"{name} must be one campaign; map the task to launch several.")
    entries = _flattened(list(value))
    if not entries:
        raise ValueError(f"{name} must name at least one campaign.")
    for entry in entries:
        _check_campaign_id_early(name, entry, many=False)


def _check_campaign_id_early(name: str, value: object, *, many: bool) -> None:
    if is_rendered_later(value):
        return
    if not isinstance(value, str | UUID):
        raise ValueError(f"{name} must be the UUID of a campaign or a template, not {_shown(value)}.")
    campaign_ids(name, value, many=many)


def plain_campaign_ids(value: Any) -> Any:
    """
    Return what an author passed as Airflow can store it: UUIDs as texts, a collection as one list in a lasting order.

    :param value: an id, a template, an XCom, or a collection of them.
    """
    if isinstance(value, UUID):
        return str(value)
    return [plain_campaign_ids(entry) for entry in _flattened(listed(value))] if is_collection(value) else value


def campaign_ids(name: str, value: object, *, many: bool) -> list[str]:
    """
    Return the campaigns of a rendered parameter, each once, in lower case, in their order.

    :param name: the parameter's name.
    :param value: an id, as text or as a ``uuid.UUID``; a collection of ids, or of collections of them, such as the rows
        of a database; or the text of a collection, which is what a template makes of one.
    :param many: whether several are accepted.
    :raises ValueError: if an entry is no UUID, or there is none.
    """
    entries = _flattened(listed(value)) if many else [value]
    if not entries:
        raise ValueError(f"{name} names no campaign; nothing was requested from Instantly.")
    if len(entries) > MAX_CAMPAIGNS:
        raise ValueError(f"{name} must name at most {MAX_CAMPAIGNS:,} campaigns, not {len(entries):,}.")
    return list(dict.fromkeys(check_campaign_id(entry, name) for entry in entries))


def is_rendered_later(value: object) -> bool:
    """
    Whether it is known only when the task runs: an XCom, a parameter of the DAG, or a template.

    :param value: a parameter, before it is rendered.
    """
    if isinstance(value, str):
        return "{{" in value or "{%" in value
    # A path has a method `resolve`, too.
    return hasattr(value, "resolve") and hasattr(value, "iter_references")


def is_collection(value: object) -> TypeGuard[Collection[Any]]:
    """
    Whether it is several. What Airflow makes of a mapped task's XComs is a sequence, but no list.

    :param value: a parameter.
    """
    return isinstance(value, Sequence | Set | ValuesView) and not isinstance(value, str | bytes)


def listed(value: object) -> list[Any]:
    """
    Return the entries of a collection, or of a text that a template made of one, in an order that is always the same.

    :param value: a parameter.
    """
    entries = _shown_by_python(value) if isinstance(value, str) else value
    if not is_collection(entries):
        return [value]
    return sorted(entries, key=str) if isinstance(entries, Set) else list(entries)


def _flattened(entries: list[Any]) -> list[Any]:
    """The entries, and those of each collection among them: one level, as rows of a database have it."""
    return [entry for group in entries for entry in listed(group)]


def _shown_by_python(text: str) -> object:
    """What a text is the ``repr`` of, as far as a collection of texts or of UUIDs goes; None if it is of none."""
    bare = _CLASS_NAME.sub("", text.strip())
    if not bare.startswith(("[", "(", "{")) or "\\" in bare:
        return None
    try:
        return ast.literal_eval(bare)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _shown(value: object) -> str:
    return shown_value(value, limit=80)
