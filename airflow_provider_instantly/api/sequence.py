"""What a campaign sends: the steps of its sequence and the variants of each, parsed tolerantly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Variant:
    """
    One wording of a step's e-mail.

    :param subject: its subject as it came; empty in a later step, which goes on in the same thread.
    :param body: its body as it came, which is HTML.
    :param is_enabled: whether it is sent.
    """

    subject: str = field(default="", repr=False)
    body: str = field(default="", repr=False)
    is_enabled: bool = True

    @classmethod
    def from_api(cls, document: object) -> Self:
        """
        Parse one entry of ``variants``. What is missing or of a wrong type counts as empty.

        :param document: the decoded JSON.
        """
        if not isinstance(document, Mapping):
            return cls()
        return cls(
            subject=_text(document.get("subject")),
            body=_text(document.get("body")),
            is_enabled=document.get("v_disabled") is not True,
        )


@dataclass(frozen=True)
class Step:
    """
    One e-mail of a sequence.

    :param variants: its wordings, of which each lead gets one.
    """

    variants: tuple[Variant, ...] = ()


def steps_of(document: Mapping[str, Any]) -> tuple[Step, ...]:
    """
    The steps of a campaign. Only the first of its ``sequences`` is used by Instantly.

    :param document: the API's JSON object of the campaign.
    """
    sequences = document.get("sequences")
    first = sequences[0] if isinstance(sequences, list) and sequences else None
    steps = first.get("steps") if isinstance(first, Mapping) else None
    return tuple(Step(_variants(step)) for step in steps) if isinstance(steps, list) else ()


def _variants(step: object) -> tuple[Variant, ...]:
    variants = step.get("variants") if isinstance(step, Mapping) else None
    return tuple(map(Variant.from_api, variants)) if isinstance(variants, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
