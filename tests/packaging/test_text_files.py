"""Each file is as .editorconfig tells editors to write it. Spaces at the ends of lines are git's to find."""

from __future__ import annotations

from configparser import ConfigParser
from fnmatch import fnmatch

from tests.packaging.project import ROOT, tracked_files


def _settings() -> dict[str, dict[str, str]]:
    """The sections of the file. Its first lines stand in none, which configparser would not read."""
    parsed = ConfigParser()
    parsed.read_string("[top]\n" + (ROOT / ".editorconfig").read_text("utf-8"))
    return {name: dict(parsed[name]) for name in parsed.sections()}


SETTINGS = _settings()


def test_it_says_what_is_checked_here_and_by_ruff() -> None:
    checked = {"charset": "utf-8", "end_of_line": "lf", "insert_final_newline": "true"}
    assert SETTINGS["*"].items() >= checked.items() | {("trim_trailing_whitespace", "true")}
    ruff = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f"line-length = {SETTINGS['*.py']['max_line_length']}\n" in ruff


def _faults(name: str) -> list[str]:
    content = (ROOT / name).read_bytes()
    if b"\0" in content:  # a picture
        return []
    text = content.decode("utf-8")
    styles = [
        section["indent_style"]
        for pattern, section in SETTINGS.items()
        if fnmatch(name, pattern) and "indent_style" in section
    ]
    found = {
        "a carriage return": "\r" in text,
        "no newline at the end": bool(text) and not text.endswith("\n"),
        "a tab": styles[-1] == "space" and any(line.startswith("\t") for line in text.splitlines()),
    }
    return [f"{name}: {fault}" for fault, is_there in found.items() if is_there]


def test_each_file_is_written_so() -> None:
    assert [fault for name in sorted(tracked_files()) for fault in _faults(name)] == []
