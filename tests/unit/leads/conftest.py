"""What the tests of sources and rejects share."""

from __future__ import annotations

import fsspec
import pytest
from airflow.providers.common.compat.sdk import ObjectStoragePath


@pytest.fixture
def object_storages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Object storages that need no provider: one in memory, and one that is read over HTTP in blocks."""

    def filesystem(place: ObjectStoragePath) -> object:
        return fsspec.filesystem(place.protocol)

    monkeypatch.setattr(ObjectStoragePath, "fs", property(filesystem))
