"""
What a row of an input blocks: an address, or a domain and with it all addresses there.

As in `rows`, a reason never shows a value.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from airflow_provider_instantly.api.redaction import shown_value
from airflow_provider_instantly.leads.rows import BrokenRow, LeadRow, Reject, address


@dataclass(frozen=True)
class Contacts:
    """
    Where in a row the address or domain is.

    :param column: its column; or None, if rows are texts or have one column.
    """

    column: str | None = None

    def read(self, number: int, row: object) -> LeadRow | Reject:
        """
        Read one row.

        :param number: which row of the input it is; the first is 1.
        :param row: a text, or a mapping of columns to values.
        :return: a row with nothing but its ``email``, which may be a domain here.
        """
        if isinstance(row, BrokenRow):
            return Reject(number, *row)
        kept = row if isinstance(row, Mapping) else {"value": row}
        try:
            return LeadRow(number, {"email": contact(self._value(row))})
        except ValueError as error:
            return Reject(number, f"it {error}", kept)

    def _value(self, row: object) -> object:
        if not isinstance(row, Mapping):
            return row
        if self.column is not None:
            if self.column not in row:
                raise ValueError(f"has no column {shown_value(self.column, limit=80)}")
            return row[self.column]
        if len(row) != 1:
            raise ValueError(f"has {len(row)} columns; say which one has the address or domain: column=…")
        ((name, value),) = row.items()
        if _is_contact(name):
            # Else the first line of a file without a header would not be blocked, and nothing would say so.
            raise ValueError(
                "has a column named like an address or a domain, so its file may lack a header; if that is the "
                "column's name, say so: column=…"
            )
        return value


@lru_cache(maxsize=16)
def _is_contact(name: object) -> bool:
    try:
        return bool(contact(name))
    except ValueError:
        return False


def contact(value: object) -> str:
    """
    Return an address or a domain as it is blocked: in lower case, its domain in ASCII.

    :param value: an address, or a domain with or without an @-sign before it.
    :raises ValueError: if it is neither; the message does not show it.
    """
    if not isinstance(value, str):
        raise ValueError(f"has no text but a value of type {type(value).__name__}")
    text = value.strip()
    if not text:
        raise ValueError("has no value")
    domain = text.removeprefix("@")
    if "@" in domain:
        return address(text)
    try:
        return address(f"x@{domain}").removeprefix("x@")
    except ValueError:
        raise ValueError("has neither an address nor a domain") from None
