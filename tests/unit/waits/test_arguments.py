"""How many campaigns fit into a trigger's row: packed and read again, and measured with Airflow's own encryption."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.waits import arguments
from airflow_provider_instantly.waits.goal import Goal
from airflow_provider_instantly.waits.placement import TOO_LONG, why_not_start_in_triggerer
from tests.airflow_versions import TaskDeferred

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from tests.unit.conftest import RunTask

IDS = [str(UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % 2**128)) for number in range(1, 3_001)]
#: What a wait of many campaigns has beside them, where nothing is left at its default.
BESIDE = {
    "instantly_conn_id": "instantly_of_an_agency",
    **Goal(frozenset({2, 3, 4}), frozenset(), 900.0, 30.0, 1795473202.05, 3600.0, 1795473202.05, 60.0, False).as_json(),
    "end_from_trigger": True,
    "resume_after": 1795473202.05,
    "do_xcom_push": False,
}
PROMISED = arguments.CAMPAIGNS_THAT_FIT


@pytest.fixture
def encrypting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow with a key, which the tests' own has not."""
    from airflow.models import crypto

    forget = getattr(crypto.get_fernet, "cache_clear", lambda: setattr(crypto, "_fernet", None))
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    forget()
    yield
    monkeypatch.undo()
    forget()


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Say which database Airflow has; in tasks and DAGs, Airflow >= 3 says none."""
    return lambda url: monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)


class TestPacked:
    @given(st.lists(st.uuids().map(str), min_size=1, max_size=300))
    def test_is_read_as_it_was(self, ids: list[str]) -> None:
        stored = json.loads(json.dumps(arguments.packed(ids)))
        assert arguments.unpacked(stored) == (ids if len(ids) > 1 else ids[0])

    def test_few_can_be_read_by_people(self) -> None:
        assert arguments.packed(IDS[:1]) == IDS[0]
        assert arguments.packed(IDS[: arguments.READABLE]) == IDS[: arguments.READABLE]
        assert isinstance(arguments.packed(IDS[: arguments.READABLE + 1]), str)

    def test_is_no_template(self) -> None:
        assert not set(arguments.packed(IDS)) & set("{}%#")

    @given(st.text() | st.text().map("uuids:".__add__) | st.none() | st.integers() | st.lists(st.text()))
    def test_anything_else_is_for_others_to_judge(self, value: Any) -> None:
        found = arguments.unpacked(value)
        assert found == value or all(UUID(each) for each in found)

    @pytest.mark.parametrize("broken", ["uuids:A", "uuids:AAAA", "uuids:é", "uuids:****", " uuids:"])
    def test_what_is_broken_too(self, broken: str) -> None:
        assert arguments.unpacked(broken) == broken

    def test_templates_stay_as_they_are(self) -> None:
        template = "{{ params.campaigns }}"
        assert arguments.packed_if_literal(template) == template
        assert arguments.packed_if_literal([*IDS, template]) == [*IDS, template]
        assert arguments.packed_if_literal((IDS[0], template)) == [IDS[0], template]
        assert arguments.packed_if_literal(IDS) == arguments.packed(IDS)
        assert arguments.packed_if_literal(frozenset(IDS)) == arguments.packed(sorted(IDS))


class TestWhereAWaitForVeryManyTakesPlace:
    """2,250 campaigns fit into a row on MySQL, so a wait for more stays on its worker."""

    @staticmethod
    def sensor(ids: list[str]) -> CampaignStatusSensor:
        return CampaignStatusSensor(task_id="wait", campaign_id=ids, deferrable=True, poke_interval=40, timeout=600)

    def test_one_that_a_worker_begins_and_that_fits(
        self, database: Any, sandbox: SandboxClient, task_instance: Any
    ) -> None:
        database("mysql://airflow@db/airflow")
        ids = sandbox.add_campaigns(PROMISED, "One")

        with pytest.raises(TaskDeferred) as deferral:
            self.sensor(ids).execute({"ti": task_instance()})

        assert deferral.value.trigger.named_campaigns() == ids

    @pytest.mark.usefixtures("sandbox_time")
    def test_one_that_a_worker_begins_and_that_does_not(
        self, database: Any, sandbox: SandboxClient, run_task: RunTask, task_log: Callable[[], str]
    ) -> None:
        database("mysql://airflow@db/airflow")
        ids = sandbox.add_campaigns(2_400, "One", script=[(30, "active")], running=True)

        run = run_task(self.sensor(ids))

        assert run.error is None
        assert run.value["progress"] == "2,400 of 2,400 Active"
        assert run.deferred_to == []
        line = "The wait for 2400 campaigns stays on its worker, although deferrable=True: a trigger's row has room"
        assert line in task_log()

    @pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="Below 3.3 every wait begins on a worker")
    @pytest.mark.parametrize(
        ("ids", "starts"),
        [
            (IDS[:PROMISED], True),
            (IDS[:2_400], False),
            (["{{ params.one }}", *IDS[:1_000]], True),
            (["{{ params.one }}", *IDS[:1_300]], False),
        ],
    )
    def test_one_that_begins_in_the_triggerer(self, ids: list[str], starts: bool, database: Any) -> None:
        database("mysql://airflow@db/airflow")
        sensor = CampaignStatusSensor(task_id="wait", campaign_id=ids, deferrable=True)

        assert sensor.start_from_trigger is starts
        assert why_not_start_in_triggerer(sensor) == (None if starts else TOO_LONG)


class TestRoom:
    @pytest.mark.usefixtures("encrypting")
    @pytest.mark.parametrize("count", [1, 20, arguments.READABLE + 1, 1_300, PROMISED])
    @pytest.mark.parametrize("by", ["a worker", "the scheduler"])
    def test_no_row_is_longer_than_it_was_reckoned(self, count: int, by: str) -> None:
        from airflow.models.trigger import Trigger
        from airflow.serialization.serialized_objects import BaseSerialization

        given = {"campaign_id": arguments.packed(IDS[:count]), **BESIDE}
        # Of a task that begins in the triggerer, Airflow has the arguments from the serialized DAG.
        kwargs = given if by == "a worker" else BaseSerialization.serialize(given)
        row = Trigger(classpath="x", kwargs=kwargs)

        assert row.encrypted_kwargs.startswith("gAAAA"), "it is encrypted"
        stored = len(row.encrypted_kwargs.encode())
        assert stored <= arguments.stored_bytes(given) <= stored + 600
        assert stored <= 65_535

    def test_as_many_fit_as_the_manual_says(self, database: Any) -> None:
        database("mysql+mysqldb://airflow@db/airflow")
        assert arguments.fit({"campaign_id": arguments.packed(IDS[:PROMISED]), **BESIDE})
        assert not arguments.fit({"campaign_id": arguments.packed(IDS[: PROMISED + 50]), **BESIDE})
        assert not arguments.fit({"campaign_id": IDS[:1_300], **BESIDE}), "as texts, half as many"

    @pytest.mark.parametrize("url", ["postgresql+psycopg2://airflow@db/airflow", "sqlite:////tmp/airflow.db"])
    def test_other_databases_have_no_limit(self, url: str, database: Any) -> None:
        database(url)
        assert arguments.fit({"campaign_id": IDS * 10, **BESIDE})

    def test_a_database_that_airflow_hides_may_be_mysql(self, database: Any) -> None:
        database("airflow-db-not-allowed:///")
        assert not arguments.fit({"campaign_id": arguments.packed(IDS), **BESIDE})
