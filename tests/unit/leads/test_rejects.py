"""The file of rejects: one JSON object a line, for the task's user alone, and always of the last try."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_instantly.leads.rejects import write_rejects
from airflow_provider_instantly.leads.rows import Reject
from airflow_provider_instantly.leads.sources import from_file

if TYPE_CHECKING:
    from pathlib import Path

REJECTS = [Reject(3, "it has no column 'email'", {"mail": "j\u00fcrgen"}), Reject(9, "why", {"line": "\ud800"})]
ENTRIES = [{"number": each.number, "reason": each.reason, "row": each.row} for each in REJECTS]


def test_one_object_a_line(tmp_path: Path) -> None:
    path = tmp_path / "a" / "folder" / "rejects.jsonl"
    assert write_rejects(path, iter(REJECTS)) == 2
    assert [json.loads(line) for line in path.read_text("utf-8").splitlines()] == ENTRIES


def test_a_local_file_is_for_the_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    write_rejects(str(path), REJECTS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("path", ["~/rejects.jsonl", "~/new/rejects.jsonl", "file://~/rejects.jsonl"])
def test_a_file_below_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    assert write_rejects(path, REJECTS) == 2
    (file,) = tmp_path.rglob("*.jsonl")
    assert file.is_relative_to(tmp_path / "home")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_later_try_replaces_it(tmp_path: Path) -> None:
    path = tmp_path / "rejects.jsonl"
    write_rejects(path, REJECTS)
    assert write_rejects(f"file://{path}", []) == 0
    assert path.read_text() == ""


@pytest.mark.usefixtures("object_storages")
def test_in_an_object_storage() -> None:
    place = ObjectStoragePath("memory://bucket/run/rejects.jsonl")
    assert write_rejects(place, REJECTS) == 2
    assert list(from_file("memory://bucket/run/rejects.jsonl")) == ENTRIES


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        write_rejects(tmp_path / "file" / "rejects.jsonl", REJECTS)
