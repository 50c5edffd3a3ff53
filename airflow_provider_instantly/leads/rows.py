"""
What a row of an input is: a lead, or why it cannot be one.

A reason names columns and says what is wrong with a value, and never shows the value: it is a person's.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from functools import cache
from math import isfinite
from numbers import Integral, Real
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from uuid import UUID

from airflow_provider_instantly.api.lead import CORE_VARIABLES
from airflow_provider_instantly.api.redaction import shown_value

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Of `Columns.custom_variables`: all columns that are no field.
ALL_OTHERS: Final = "*"
#: The fields of a lead, as ``POST /leads/add`` names them.
FIELDS: Final = (*CORE_VARIABLES, "pl_value_lead", "assigned_to", "lt_interest_status")
#: Characters of one text. Instantly documents no limit; nothing that is put into an e-mail is as long.
MAX_TEXT: Final = 10_000
#: Characters of the name of a custom variable.
MAX_NAME: Final = 100
#: Characters of all texts of a lead, names included: sixteen such leads fit into a megabyte.
MAX_LEAD: Final = 60_000

#: Integers beyond are not kept exactly by many readers of JSON (RFC 8259, section 6).
_EXACT: Final = 2**53 - 1
_LONGEST_DECIMAL: Final = 100
#: Characters of a number or a boolean, at most.
_LONGEST_NUMBER: Final = 32
#: Kinds of rows that are remembered of an input whose rows differ, and the columns that such a row has at most.
_KEPT_LAYOUTS: Final = 64
_KEPT_COLUMNS: Final = 1_000
_CORE_NAMES: Final = frozenset(CORE_VARIABLES.values())
#: RFC 5321, section 4.5.3.1.1.
_LONGEST_LOCAL_PART: Final = 64
#: Characters of an address before its domain is in ASCII (RFC 5321: 254, then). Longer ones would take long to judge.
_LONGEST_ADDRESS: Final = 1_000
#: Addresses that are valid at a glance, in lower case: most of all there are. ``email-validator`` judges the others.
_PLAIN_ADDRESS: Final = re.compile(r"[a-z0-9_+-]++(?:\.[a-z0-9_+-]++)*+@(?:[a-z0-9]++(?:-[a-z0-9]++)*+\.)++[a-z]{2,63}")
#: Characters of such an address, at most: no part of it is then too long.
_LONGEST_PLAIN: Final = 64
#: A name that no template of an e-mail could use.
_BROKEN_NAME: Final = re.compile(r"[{}|\x00-\x1f]")


class LeadRow(NamedTuple):
    """
    A row that can be sent.

    :param number: which row of the input it is; the first is 1.
    :param lead: the lead with the API's own names. A person's: never log it.
    """

    number: int
    lead: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"LeadRow(number={self.number})"


class Reject(NamedTuple):
    """
    A row that cannot be sent, or that was refused.

    :param number: which row of the input it is; the first is 1.
    :param reason: a sentence without any value of the row.
    :param row: the row as it was read. A person's: never log it.
    """

    number: int
    reason: str
    row: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"Reject(number={self.number}, reason={self.reason!r})"


class BrokenRow(NamedTuple):
    """
    What stands in the place of a row in a source, and is none.

    :param reason: a sentence without any value of the row.
    :param row: what was read. A person's: never log it.
    """

    reason: str
    row: Mapping[str, Any]

    def __repr__(self) -> str:
        return f"BrokenRow(reason={self.reason!r})"


class _Layout(NamedTuple):
    """
    What the columns of a row are.

    :param fields: each field that the row has, its column, and what reads its value.
    :param variables: the columns that are custom variables.
    :param names_size: the characters of all their names.
    """

    fields: Sequence[tuple[str, str, Callable[[object, str], Any]]]
    variables: Sequence[str]
    names_size: int


@dataclass(frozen=True)
class Columns:
    """
    Which column of the input is which field of a lead.

    :param fields: the column of each field whose column has another name: ``{"first_name": "given_name"}``. Each of
        these columns has to be in every row. Other fields are read from columns of their own names, if there are any.
    :param custom_variables: the columns that become custom variables, each of which has to be in every row, while all
        others are left out; `ALL_OTHERS`, for all columns that are no field; or None for none, and then a column that
        is no field is an error.
    :raises ValueError: if a field does not exist, or a name can be of no use.
    """

    fields: Mapping[str, str] = field(default_factory=dict)
    custom_variables: Sequence[str] | None = None
    #: By a row's columns: most inputs have rows of one kind.
    _layouts: dict[tuple[object, ...], _Layout] = field(default_factory=dict, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.fields, Mapping) or not all(isinstance(name, str) for name in self.fields.values()):
            raise ValueError("fields must name a column for each field, such as {'first_name': 'given_name'}.")
        if unknown := [name for name in self.fields if name not in FIELDS]:
            raise ValueError(f"fields has {_shown(unknown[0])}, which is no field of a lead: {', '.join(FIELDS)}.")
        names = self.custom_variables
        if names is None or names == ALL_OTHERS:
            return
        # An iterator would be used up here.
        is_several = isinstance(names, Collection) and not isinstance(names, str)
        if not is_several or not all(isinstance(name, str) for name in names):
            raise ValueError(f"custom_variables must be a list of columns, {ALL_OTHERS!r} for all others, or None.")
        for name in names:
            if problem := _problem_of_name(name):
                raise ValueError(f"custom_variables has {_shown(name)}, which {problem}.")

    def read(self, number: int, row: object) -> LeadRow | Reject:
        """
        Read one row.

        :param number: which row of the input it is; the first is 1.
        :param row: a mapping of columns to values. Anything else is rejected, a `BrokenRow` with its own reason.
        """
        if isinstance(row, BrokenRow):
            return Reject(number, *row)
        if type(row) is not dict and not isinstance(row, Mapping):
            reason = f"it is no mapping of columns to values, but of type {type(row).__name__}"
            return Reject(number, reason, {"row": row})
        try:
            return LeadRow(number, self._lead(row))
        except _UnfitError as error:
            return Reject(number, str(error), row)

    def _lead(self, row: Mapping[str, Any]) -> dict[str, Any]:
        layout = self._layout(tuple(row))
        #: No fewer characters than the lead has, at a glance.
        size = layout.names_size
        lead: dict[str, Any] = {}
        for name, column, read in layout.fields:
            value = read(row[column], column)
            if value is not None:
                lead[name] = value
                size += len(value) if type(value) is str else _LONGEST_NUMBER
        variables: dict[str, Any] = {}
        for column in layout.variables:
            value = _scalar(row[column], column)
            if value is not None:
                variables[column] = value
                size += len(value) if type(value) is str else _LONGEST_NUMBER
        if size > MAX_LEAD and (size := _exact_size(lead) + _exact_size(variables)) > MAX_LEAD:
            raise _UnfitError(f"it has {size:,} characters, and more than {MAX_LEAD:,} are no lead")
        if variables:
            lead["custom_variables"] = variables
        return lead

    def _layout(self, present: tuple[object, ...]) -> _Layout:
        """What the columns of a row are, or why it is no lead whatever their values are."""
        known = self._layouts.get(present)
        if known is not None:
            return known
        columns = self._columns(present)
        if "email" not in columns:
            raise _UnfitError("it has no column 'email'; say which column has the address: fields={'email': …}")
        fields = [(name, column, _FIELD_READERS.get(name, _text)) for name, column in columns.items()]
        variables = self._variables(present, columns)
        layout = _Layout(fields, variables, sum(map(len, (*columns, *variables))))
        if len(self._layouts) == _KEPT_LAYOUTS:
            self._layouts.clear()
        if len(present) <= _KEPT_COLUMNS and sum(len(name) for name in present if isinstance(name, str)) <= MAX_LEAD:
            self._layouts[present] = layout
        return layout

    def _columns(self, present: tuple[object, ...]) -> Mapping[str, str]:
        """The column of each field that the row has."""
        for column in self.fields.values():
            if column not in present:
                raise _UnfitError(f"it has no column {_shown(column)}")
        return {name: self.fields.get(name, name) for name in FIELDS if self.fields.get(name, name) in present}

    def _variables(self, present: tuple[object, ...], columns: Mapping[str, str]) -> Sequence[str]:
        if self.custom_variables is not None and self.custom_variables != ALL_OTHERS:
            for name in self.custom_variables:
                if name not in present:
                    raise _UnfitError(f"it has no column {_shown(name)}")
            return self.custom_variables
        used = set(columns.values())
        others = [column for column in present if column not in used]
        if others and self.custom_variables is None:
            raise _UnfitError(
                f"its column {_shown(others[0])} is no field of a lead; name it in fields or in custom_variables"
            )
        for column in others:
            if problem := _problem_of_name(column):
                raise _UnfitError(f"its column {_shown(column)} {problem}")
        return [column for column in others if isinstance(column, str)]


def _exact_size(values: Mapping[str, Any]) -> int:
    """The characters of names and values."""
    return sum(len(name) + len(str(value)) for name, value in values.items())


class _UnfitError(Exception):
    """Why a row is no lead."""


def address(value: object) -> str:
    """
    Return an e-mail address as it is sent and compared: in lower case, its domain in ASCII.

    :param value: an address.
    :raises ValueError: if it is none that mail can be sent to; the message does not show it.
    """
    if not isinstance(value, str):
        raise ValueError(f"is no address but of type {type(value).__name__}")
    plain = value.strip().lower()
    if (
        len(plain) <= _LONGEST_PLAIN
        and _PLAIN_ADDRESS.fullmatch(plain)
        and not (plain[plain.rindex(".") + 1 :] in _special_endings() and plain.endswith(_special_domains()))
    ):
        return plain
    if not plain:
        raise ValueError("has no address")
    if len(plain) > _LONGEST_ADDRESS:
        raise ValueError("has no valid address: it is too long")
    from email_validator import EmailNotValidError, validate_email

    try:
        # A mailbox with other letters than ASCII is reached by few mail servers.
        valid = validate_email(plain, check_deliverability=False, allow_smtputf8=False)
    except EmailNotValidError as error:
        # What stands behind the colon, or in brackets, is of the address.
        what = re.split(r"[:(]", str(error))[0].strip().rstrip(".")
        raise ValueError(f"has no valid address: {what}") from None
    if len(valid.local_part) > _LONGEST_LOCAL_PART:
        raise ValueError(f"has no valid address: more than {_LONGEST_LOCAL_PART} characters stand before the @-sign")
    return str(valid.ascii_email).lower()


@cache
def _special_domains() -> tuple[str, ...]:
    """How addresses end that are plain, and yet not valid: ``.test``, ``.local`` …"""
    from email_validator import SPECIAL_USE_DOMAIN_NAMES

    return tuple(f"{separator}{name}" for name in SPECIAL_USE_DOMAIN_NAMES for separator in ".@")


@cache
def _special_endings() -> frozenset[str]:
    """What stands behind the last dot in these."""
    return frozenset(name.lstrip(".@").rpartition(".")[2] for name in _special_domains())


def _email(value: object, column: str) -> str:
    try:
        return address(value)
    except ValueError as error:
        raise _UnfitError(f"its column {_shown(column)} {error}") from None


def _text(value: object, column: str) -> str | None:
    """A field's value. Numbers, such as those of telephones, become texts."""
    value = _scalar(value, column)
    if type(value) is str:
        return value
    if isinstance(value, bool):
        raise _UnfitError(f"its column {_shown(column)} is of type bool, and has to be a text")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if value is None or isinstance(value, str) else str(value)


def _integer(value: object, column: str) -> int | None:
    value = _scalar(value, column)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,9}", value, re.ASCII):
        value = int(value)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise _UnfitError(f"its column {_shown(column)} is of type {type(value).__name__}, and has to be an integer")
    return value


_FIELD_READERS: Final[Mapping[str, Callable[[object, str], Any]]] = MappingProxyType(
    {"email": _email, "lt_interest_status": _integer}
)


def _scalar(value: object, column: str) -> str | int | float | bool | None:
    """
    A value as JSON has it. What is blank is no value.

    What a database returns and JSON does not have becomes a text as a person would write it.
    """
    if isinstance(value, str):
        text = value.strip()
        # Most texts take no call of ours.
        if len(text) <= MAX_TEXT and text.isascii() and "\0" not in text:
            return text or None
        return _checked_text(text, column)
    if value is None or isinstance(value, bool):
        return value
    # Most integers are of this type, and to ask an abstract one takes ten times as long.
    if type(value) is int or isinstance(value, Integral):
        number = int(value)
        return number if abs(number) <= _EXACT else _number(Decimal(number), column)
    if isinstance(value, Real | Decimal):
        return _number(value, column)
    if isinstance(value, date | time | datetime) and value == value:
        return value.isoformat()
    if isinstance(value, UUID):
        return str(value)
    raise _UnfitError(
        f"its column {_shown(column)} is of type {type(value).__name__}, and has to be a text, a number or a boolean"
    )


def _number(value: Real | Decimal, column: str) -> str | float:
    """A number that is no integer. A decimal stays as exact as it is: a text."""
    if isinstance(value, Decimal):
        if value.is_finite() and -_LONGEST_DECIMAL < value.adjusted() < _LONGEST_DECIMAL:
            return format(value, "f")
    else:
        # A fraction may be too large for a float.
        with suppress(OverflowError):
            if isfinite(value):
                return float(value)
    raise _UnfitError(f"its column {_shown(column)} is not a number that can be sent")


def _checked_text(text: str, column: str) -> str | None:
    if len(text) > MAX_TEXT:
        raise _UnfitError(f"its column {_shown(column)} has {len(text):,} characters, and may have {MAX_TEXT:,}")
    if "\0" in text or not (text.isascii() or _is_unicode(text)):
        raise _UnfitError(f"its column {_shown(column)} has a character that cannot be sent")
    return text or None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _problem_of_name(name: object) -> str | None:
    """Why a column cannot be a custom variable, or None."""
    if not isinstance(name, str):
        return f"has a name of type {type(name).__name__}"
    if name in _CORE_NAMES:
        return "has the name of a variable that Instantly fills from a field; name it in fields"
    if not name.strip() or len(name) > MAX_NAME or _BROKEN_NAME.search(name) or not _is_unicode(name):
        return "has a name that no e-mail could use"
    return None


def _shown(name: object) -> str:
    return shown_value(name, limit=80)
