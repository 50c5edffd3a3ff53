"""Where a path leads, on the worker and in an object storage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath

from airflow_provider_instantly.storage import local_file, place_of

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("path", ["~/new/leads.csv", "file://~/new/leads.csv"])
def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_file(place_of(path)) == tmp_path / "new" / "leads.csv"


def test_a_path_of_the_worker(tmp_path: Path) -> None:
    file = tmp_path / "leads.csv"
    assert [local_file(place_of(path)) for path in (file, str(file), f"file://{file}")] == [file] * 3


def test_a_path_of_the_author_stays_as_it_is() -> None:
    place = ObjectStoragePath("memory://bucket/leads.csv")
    assert place_of(place) is place


def test_an_object_storage_is_no_local_file() -> None:
    place = place_of("memory://bucket/a~b/leads.csv")
    assert place.path.endswith("bucket/a~b/leads.csv")
    assert local_file(place) is None
