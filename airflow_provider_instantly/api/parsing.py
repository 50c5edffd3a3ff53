"""How single values of an answer are read: what is missing, null or of a wrong type counts as not there."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime
from enum import IntEnum
from typing import Self

#: Beyond these, a number fits neither Airflow's messages nor a database.
_INTEGERS = range(-(2**63), 2**63)
#: No character has a number of more digits. Python refuses to read numbers of some thousand.
_DIGITS = re.compile(r"&#0*([0-9]{1,8})[0-9]*")


class OpenIntEnum(IntEnum):
    """An integer enum that keeps a number it does not know, named ``UNKNOWN(n)``."""

    @classmethod
    def _missing_(cls, value: object) -> Self | None:
        if isinstance(value, bool) or not isinstance(value, int):
            return None
        # Not remembered as a member: a service that invents numbers must not make the enum grow.
        member = int.__new__(cls, value)
        member._name_ = f"UNKNOWN({value})"
        member._value_ = value
        return member

    @classmethod
    def from_api(cls, value: object) -> Self | None:
        """
        Return the member that a number of an answer means, or None where it is no number.

        :param value: what the answer's JSON has.
        """
        number = integer(value)
        return None if number is None else cls(number)

    @property
    def is_known(self) -> bool:
        """Whether this release has a name for the number."""
        return self._value_ in type(self)._value2member_map_

    @property
    def label(self) -> str:
        """The name as a person reads it in Instantly: ``Accounts Unhealthy``, or ``UNKNOWN(7)``."""
        return self._name_.replace("_", " ").title() if self.is_known else self._name_


def integer(value: object) -> int | None:
    """
    Return an integer from JSON, or None; ``1.0`` is one too, since the API declares many fields as ``number``.

    :param value: what the answer's JSON has.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value in _INTEGERS else None


def count(value: object) -> int | None:
    """
    Return how many there are, from JSON, or None: a number below zero is nonsense, and not a few.

    :param value: what the answer's JSON has.
    """
    found = integer(value)
    return None if found is None or found < 0 else found


def flag(value: object) -> bool | None:
    """
    Return a boolean from JSON, or None: null is unknown, and not False.

    :param value: what the answer's JSON has.
    """
    return value if isinstance(value, bool) else None


def unescaped(markup: str) -> str:
    """
    Decode the character references of HTML, however many digits they have.

    :param markup: a text with or without them.
    """
    return html.unescape(_DIGITS.sub(r"&#\1", markup) if "&#" in markup else markup)


def moment(value: object) -> datetime | None:
    """
    Return an ISO 8601 timestamp from JSON, aware, or None; without a zone it is in UTC.

    :param value: what the answer's JSON has.
    """
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC)
