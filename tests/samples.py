"""Answers of Instantly that are kept as samples, each for an operation of the contract."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = Path(__file__).parent / "contract" / "samples"
NAMES: Final = sorted(file.stem for file in _FOLDER.glob("*.json"))


def sample(name: str) -> dict[str, Any]:
    """
    A sample: its operation, the status of the answer, its body, and for some the request.

    :param name: its file's, without the ending.
    """
    document: dict[str, Any] = json.loads((_FOLDER / f"{name}.json").read_text("utf-8"))
    return document


def body_of(name: str) -> Any:
    """
    The body of a sample.

    :param name: see `sample`.
    """
    return sample(name)["body"]
