"""What becomes of a campaign after its activation: a script, read against the clock. Pure."""

from __future__ import annotations

import json
from bisect import bisect_right
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

STATUS_NAMES = {
    0: "Draft",
    1: "Active",
    2: "Paused",
    3: "Completed",
    4: "Running Subsequences",
    -1: "Accounts Unhealthy",
    -2: "Bounce Protect",
    -99: "Account Suspended",
}
DRAFT, ACTIVE, PAUSED, RUNNING_SUBSEQUENCES, BOUNCE_PROTECT = 0, 1, 2, 4, -2
STOPPED = frozenset({-1, -2, -99})
_BY_NAME = {name.lower().replace(" ", "_"): status for status, name in STATUS_NAMES.items()}


def status_name(status: int) -> str:
    """The status as a person reads it; a number that has no name stays a number."""
    return STATUS_NAMES.get(status, f"Unknown ({status})")


def parse_status(value: object) -> int:
    """
    A status from a number or a name: ``-2``, ``"bounce_protect"``, ``"Bounce Protect"``.

    A number without a name is taken too: services grow new ones, and a client must survive that.
    """
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        name = value.strip().lower().replace(" ", "_")
        if name in _BY_NAME:
            return _BY_NAME[name]
        if name.removeprefix("-").isdecimal():
            return int(name)
    raise ValueError(f"{value!r} is no campaign status. Give a number or one of: {', '.join(_BY_NAME)}.")


#: Any number that the database can keep.
Number = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Status = Annotated[Number, BeforeValidator(parse_status)]


class Step(BaseModel):
    """
    One step of a script; also written ``[after, status]`` or ``[after, status, not_sending_status]``.

    :param after: seconds after the activation.
    :param status: the status from then on, as a number or a name.
    :param not_sending_status: why the campaign is not sending, or None.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: float = Field(ge=0, allow_inf_nan=False)
    status: Status
    not_sending_status: Number | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_sequence(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            if not 2 <= len(value) <= 3:
                raise ValueError("A step has two or three parts: seconds, status, not_sending_status.")
            return dict(zip(("after", "status", "not_sending_status"), value, strict=False))
        return value


Script = tuple[Step, ...]
_SCRIPT: TypeAdapter[list[Step]] = TypeAdapter(list[Step])


def parse_script(value: object) -> Script:
    """
    A script from JSON-like data, in the order of time.

    :param value: a list of steps.
    :raises ValueError: if it is no script.
    """
    try:
        steps = _SCRIPT.validate_python(value)
    except ValidationError as error:
        complaints = [each["msg"].removeprefix("Value error, ") for each in error.errors()]
        raise ValueError(" ".join(complaints)) from None
    return tuple(sorted(steps, key=lambda step: step.after))


def parse_script_text(text: str) -> Script:
    """
    A script as the command line writes it: ``active@2,bounce_protect@10``.

    :param text: steps, separated by commas, each ``status@seconds``.
    :raises ValueError: if it is no script.
    """
    steps = []
    for part in text.split(","):
        status, at, after = part.partition("@")
        if not at:
            raise ValueError(f"{part.strip()!r} is no step. Write status@seconds, such as active@2.")
        steps.append({"after": float(after), "status": status})
    return parse_script(steps)


def dump_script(script: Sequence[Step] | None) -> str | None:
    """The script as it is stored."""
    if script is None:
        return None
    return json.dumps([[step.after, step.status, step.not_sending_status] for step in script])


@lru_cache(maxsize=4096)
def load_script(text: str) -> Script:
    """The script from its stored form. Cached, since many campaigns share one script."""
    return parse_script(json.loads(text))


class Standing(NamedTuple):
    """How a campaign stands at one moment."""

    status: int
    not_sending_status: int | None


def standing_at(base: Standing, script: str | None, started_at: float | None, now: float) -> Standing:
    """
    How a campaign stands now: the last step of its script that is due, else what it was before.

    :param base: how it stood when the script was started.
    :param script: its script in stored form, or None.
    :param started_at: when the script was started, in seconds since the epoch, or None if it does not run.
    :param now: the present, in seconds since the epoch.
    """
    if script is None or started_at is None:
        return base
    steps = load_script(script)
    done = _done(steps, now - started_at)
    return Standing(steps[done - 1].status, steps[done - 1].not_sending_status) if done else base


class Position(NamedTuple):
    """
    Where in its script a campaign is.

    :param done: how many of its steps have come.
    :param next_in: seconds until the next one, or None after the last.
    """

    done: int
    next_in: float | None


def position_at(script: str | None, started_at: float | None, now: float) -> Position | None:
    """
    Where in its script a campaign is now; None if no script runs.

    :param script: its script in stored form, or None.
    :param started_at: when the script was started, in seconds since the epoch, or None if it does not run.
    :param now: the present, in seconds since the epoch.
    """
    if script is None or started_at is None:
        return None
    steps = load_script(script)
    done = _done(steps, now - started_at)
    return Position(done, steps[done].after - (now - started_at) if done < len(steps) else None)


def _done(steps: Script, elapsed: float) -> int:
    """How many steps have come so many seconds after the start."""
    return bisect_right(steps, elapsed, key=lambda step: step.after)
