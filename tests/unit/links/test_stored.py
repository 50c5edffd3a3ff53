"""Links that a task stores: what Airflow asks of them. That a button works is tested on a real Airflow."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.links import stored as links
from airflow_provider_instantly.links.campaign import CampaignLink
from airflow_provider_instantly.links.report import ReportLink

if TYPE_CHECKING:
    from pathlib import Path

CAMPAIGN_ID = "7d1f6c52-6f0e-4a39-9c9c-0b2f2a3c4d5e"
URL = f"https://app.instantly.ai/app/campaign/{CAMPAIGN_ID}/analytics"


@pytest.mark.parametrize("link", [CampaignLink, ReportLink])
def test_what_is_persisted_lies_where_airflow_looks_for_it(task_instance: Any, link: Any) -> None:
    ti = task_instance()

    link.persist({"ti": ti}, URL)

    assert ti.xcom == {link().xcom_key: URL} == {f"_link_{link.__name__}": URL}


@pytest.mark.parametrize(("stored", "address"), [(URL, URL), (None, "")], ids=["pushed", "never pushed"])
def test_the_address_is_read_from_the_tasks_xcom(monkeypatch: pytest.MonkeyPatch, stored: Any, address: str) -> None:
    asked: list[dict[str, Any]] = []

    class XCom:
        @staticmethod
        def get_value(**where: Any) -> Any:
            asked.append(where)
            return stored

    monkeypatch.setattr("airflow_provider_instantly.links.stored.DatabaseXCom", XCom)

    assert CampaignLink().get_link(None, ti_key="the task") == address  # type: ignore[arg-type]
    assert asked == [{"key": CampaignLink().xcom_key, "ti_key": "the task"}]


@pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 reads links as all other XComs")
def test_links_lie_past_the_backend_on_each_airflow_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """Airflow 3.0 and 3.1 do not have the class in `airflow.sdk` itself."""
    from airflow.sdk.bases.xcom import BaseXCom

    monkeypatch.setitem(sys.modules, "airflow.sdk", ModuleType("airflow.sdk"))
    assert links._database_xcom() is BaseXCom


class Supervisor:
    """Keeps what a task sends to its supervisor, which writes it to Airflow's database as it is."""

    def __init__(self) -> None:
        self.database: dict[str, Any] = {}

    def send(self, message: Any) -> Any:
        """Write or read an XCom."""
        from airflow.sdk.execution_time.comms import SetXCom, XComResult

        if isinstance(message, SetXCom):
            self.database[message.key] = message.value
            return None
        return XComResult(key=message.key, value=self.database.get(message.key))


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Supervisor:
    """A task's supervisor, and an XCom backend that stores everything in a folder."""
    backend = pytest.importorskip("airflow.providers.common.io.xcom.backend")
    task_runner = pytest.importorskip("airflow.sdk.execution_time.task_runner", reason="Airflow 2 has no supervisor")
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH", f"file://{tmp_path}")
    monkeypatch.setenv("AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD", "1")
    for cached in (backend._get_base_path, backend._get_threshold, backend._get_compression):
        cached.cache_clear()
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    monkeypatch.setattr(links, "XCom", backend.XComObjectStorageBackend)
    return supervisor


def test_with_an_xcom_backend_the_database_has_the_address_itself(supervisor: Supervisor, task_instance: Any) -> None:
    """Airflow >= 3 reads links past the backend: of what that stores, the button would open the path."""
    ti = task_instance()
    backend: Any = vars(links)["XCom"]
    backend.set("return_value", {"a": 1}, dag_id="d", task_id="t", run_id="r")
    assert supervisor.database["return_value"].startswith("file://"), "the backend stores all else"

    CampaignLink.persist({"ti": ti}, URL)

    assert supervisor.database[CampaignLink.XCOM_KEY] == URL
    # At the end of a task, Airflow writes again what this returns.
    assert CampaignLink().get_link(None, ti_key=ti) == URL  # type: ignore[arg-type]
