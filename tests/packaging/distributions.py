"""Builds what is published, and reads it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email import message_from_bytes
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path


def build(source: Path, target: Path) -> Path:
    """
    Build a wheel and an sdist with the backend that pyproject.toml names, and return where they are.

    :param source: a checkout, or an unpacked sdist.
    :param target: the folder to put them into.
    """
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-d", str(target)], cwd=source, check=True)
    return target


def files_of_wheel(folder: Path) -> dict[str, bytes]:
    """
    The files of a wheel, by their paths in it.

    :param folder: where the wheel is, as the only one.
    """
    [wheel] = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: dict[str, bytes]) -> Message:
    """
    What a wheel says of itself.

    :param wheel: its files.
    """
    [document] = [content for name, content in wheel.items() if name.endswith(".dist-info/METADATA")]
    return message_from_bytes(document)
