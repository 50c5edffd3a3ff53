"""
What a trigger makes of its arguments: refused while a DAG is parsed, and no other trigger's trouble in the triggerer.

A triggerer makes each trigger from a row that another release may have written. What a constructor raises there, other
than `TypeError`, ends the triggerer (Airflow 3.3.2).
"""

from __future__ import annotations

import asyncio
import json
import re
from contextlib import aclosing, suppress
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_instantly.exceptions import CampaignWaitError
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger, CampaignStatusTrigger
from airflow_provider_instantly.waits.arguments import READABLE
from tests.unit.json_values import json_values

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.sandbox.client import SandboxClient
    from tests.unit.conftest import ThreadsOfLog

CAMPAIGN = "5a3d0e5e-0001-4000-8000-000000000001"

JSON = json_values(
    st.sampled_from([CAMPAIGN, "uuids:AA", f"[{CAMPAIGN}]", 10**400, [1, 3], [5, -2], [[]], {}, "instantly_default"])
)
NAMES = st.sampled_from(
    [
        "instantly_conn_id", "target_statuses", "failed_statuses", "stable_for", "poll_interval", "deadline", "timeout",
        "execution_deadline", "failure_budget", "fail_fast", "passthrough", "end_from_trigger", "resume_after",
        "pause_on_kill", "do_xcom_push", "tag_ids", "from_statuses", "to_statuses", "self", "cls", "goal", "unknown",
    ]
) | st.text()  # fmt: skip
ARGUMENTS = st.dictionaries(NAMES, JSON, max_size=5)


def is_refused(trigger: CampaignStatusTrigger | CampaignChangeTrigger) -> bool:
    """Whether Airflow cannot serialize it."""
    try:
        json.dumps(trigger.serialize())
    except ValueError:
        return True
    return False


@pytest.mark.parametrize("trigger_class", [CampaignStatusTrigger, CampaignChangeTrigger])
@given(arguments=ARGUMENTS, campaign=JSON)
def test_a_constructor_raises_for_no_arguments_that_a_row_can_hold(
    trigger_class: Any, arguments: dict[str, Any], campaign: Any
) -> None:
    trigger = trigger_class(**{"campaign_id": campaign, **arguments})

    repr(trigger)
    assert (trigger.shared_stream_key() is None) is is_refused(trigger)


@given(arguments=ARGUMENTS)
@settings(max_examples=50, deadline=None)
def test_what_is_refused_ends_in_an_event_with_the_reason(arguments: dict[str, Any]) -> None:
    trigger = CampaignStatusTrigger(**{"campaign_id": CAMPAIGN, **arguments, "resume_after": None})
    if not is_refused(trigger):
        return

    async def fire() -> Any:
        async with asyncio.timeout(10), aclosing(trigger.run()) as events:
            return (await anext(events)).payload

    event = asyncio.run(fire())

    assert event["campaigns"] is None
    assert event["reason"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"target_statuses": [5, -2]}, "target_statuses has 5, which this release knows as no status of a campaign."),
        ({"target_statuses": []}, "target_statuses must name at least one status"),
        ({"failed_statuses": "bounced"}, "failed_statuses must be statuses of a campaign, not 'bounced'."),
        ({"fail_fast": "no"}, "fail_fast must be True or False, not 'no'."),
        ({"deadline": "noon"}, "deadline must be a number of seconds, not 'noon'."),
        ({"timeout": float("nan")}, "timeout must be a number of seconds, not nan."),
        ({"stable_for": True}, "stable_for must be a number of seconds, not True."),
        ({"failure_budget": 1e300}, "failure_budget must be a number of seconds, not 1e+300."),
        ({"poll_interval": 0}, "poll_interval must be from 0.1"),
        ({"poll_interval": None}, "poll_interval must be a number of seconds, not None."),
        ({"stable_fro": 60}, "A wait has no stable_fro."),
        ({"campaign_id": "x"}, "campaign_id must be the UUID"),
        ({"instantly_conn_id": 7.5}, "instantly_conn_id must be the id of an Airflow connection"),
        ({"pause_on_kill": "yes"}, "pause_on_kill must be True or False"),
        ({"passthrough": [1]}, "passthrough must be a dict."),
        ({"resume_after": "soon"}, "resume_after must be a moment"),
    ],
)
class TestWrongArgumentsOfAWait:
    """See the parameters."""

    def test_are_refused_while_the_dag_is_parsed(self, wrong: dict[str, Any], message: str) -> None:
        with pytest.raises(ValueError, match="^" + re.escape(message)):
            CampaignStatusTrigger(**{"campaign_id": CAMPAIGN, **wrong}).serialize()

    async def test_fail_the_task_with_the_reason(
        self, wrong: dict[str, Any], message: str, sandbox: SandboxClient
    ) -> None:
        trigger = CampaignStatusTrigger(**{"campaign_id": CAMPAIGN, **wrong})
        async with asyncio.timeout(10), aclosing(trigger.run()) as events:
            event = (await anext(events)).payload

        sensor = CampaignStatusSensor(task_id="wait", campaign_id=CAMPAIGN)
        with pytest.raises(CampaignWaitError) as caught:
            sensor.execute_complete({}, event)

        assert f"The triggerer could not wait: {message}" in str(caught.value)
        assert "The campaign was left as it is." in str(caught.value)
        assert sandbox.requests() == []


def test_a_connection_id_that_rendered_to_a_number_is_a_text() -> None:
    trigger = CampaignStatusTrigger(CAMPAIGN)
    trigger.instantly_conn_id = 7

    assert trigger.shared_stream_key() == ("instantly", "7")
    assert trigger.serialize()[1]["instantly_conn_id"] == "7"


def test_a_wrong_switch_pauses_nothing(sandbox: SandboxClient) -> None:
    trigger = CampaignStatusTrigger(sandbox.add_campaign(status="active"), pause_on_kill="yes")  # type: ignore[arg-type]

    asyncio.run(trigger.on_kill())

    assert sandbox.requests() == []


def test_a_task_that_cannot_wait_stays_away_from_its_worker_for_a_moment(virtually: Any) -> None:
    """Airflow 3.3.2 fails one that comes back at once."""

    async def seconds(resume_after: float) -> float:
        loop = asyncio.get_running_loop()
        began = loop.time()
        trigger = CampaignStatusTrigger(CAMPAIGN, resume_after=began + resume_after, unknown=1)
        async with aclosing(trigger.run()) as events:
            await anext(events)
        return loop.time() - began

    assert virtually(seconds(7.0)) == pytest.approx(7.0)
    assert virtually(seconds(-7.0)) == 0.0
    # A row can say anything.
    assert virtually(seconds(1e9)) == pytest.approx(10.0)


@pytest.mark.parametrize("trigger_class", [CampaignStatusTrigger, CampaignChangeTrigger])
def test_a_row_names_the_class_where_it_is_imported_from_and_a_subclass_where_that_is(trigger_class: Any) -> None:
    class More(trigger_class):  # type: ignore[misc]
        """A class of a user's."""

    path, _ = trigger_class(campaign_id=CAMPAIGN).serialize()
    own_path, _ = More(campaign_id=CAMPAIGN).serialize()

    module, _, name = path.rpartition(".")
    assert getattr(import_module(module), name) is trigger_class
    assert path == f"airflow_provider_instantly.triggers.campaign.{trigger_class.__name__}"
    assert own_path == f"{__name__}.{More.__qualname__}"


class TestIdle:
    """What an asset's trigger does where it can do nothing: one that ended would be started again at once."""

    @staticmethod
    async def warnings_of(trigger: Any, log: ThreadsOfLog) -> list[str]:
        """Run it until it has warned, make sure that it goes on, and end it."""
        trigger._log = log
        running = asyncio.create_task(anext(trigger.run(), None))
        async with asyncio.timeout(20):
            while not log.lines and not running.done():  # noqa: ASYNC110 - a thread has no event of ours
                await asyncio.sleep(0.01)
        done, _ = await asyncio.wait([running], timeout=0.1)
        assert not done
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        return log.lines

    @pytest.mark.parametrize(
        ("wrong", "message"),
        [
            ({"to_statuses": [5, -2]}, "to_statuses has 5, which is no status of a campaign."),
            ({"regions": ["eu"]}, "CampaignChangeTrigger has no argument regions."),
            ({"poll_interval": float("nan")}, "poll_interval must be from 0.1"),
            ({"tag_ids": 7}, "tag_ids must be a list of texts, not 7."),
            ({"instantly_conn_id": ["a"]}, "instantly_conn_id must be the id of an Airflow connection"),
        ],
    )
    async def test_a_watcher_with_wrong_arguments(
        self, wrong: dict[str, Any], message: str, sandbox: SandboxClient, threads_of_log: ThreadsOfLog
    ) -> None:
        trigger = CampaignChangeTrigger(**wrong)
        assert trigger.shared_stream_key() is None

        [line] = await self.warnings_of(trigger, threads_of_log)

        assert line.startswith(f"This trigger is idle: {message}")
        assert sandbox.requests() == []

    async def test_a_wait_that_came_to_watch_an_asset(
        self, sandbox: SandboxClient, threads_of_log: ThreadsOfLog
    ) -> None:
        trigger = CampaignStatusTrigger(sandbox.add_campaign(status="active"))
        trigger.trigger_id = 1
        assert trigger.shared_stream_key() is None

        [line] = await self.warnings_of(trigger, threads_of_log)

        assert "Give the AssetWatcher a CampaignChangeTrigger." in line
        assert sandbox.requests() == []

    async def test_a_wait_of_a_task_does_not(self, sandbox: SandboxClient) -> None:
        trigger = CampaignStatusTrigger(sandbox.add_campaign(status="active"))
        trigger.trigger_id = 1
        trigger.task_instance = SimpleNamespace(task_id="a_task")  # type: ignore[assignment]

        assert trigger.shared_stream_key() is not None
        async with asyncio.timeout(20), aclosing(trigger.run()) as events:
            assert (await anext(events)).payload["campaigns"][0]["verdict"] == "reached"


class TestInAnAssetWatcher:
    """What Airflow >= 3.0 makes of a DAG with a watcher."""

    @staticmethod
    def serialize(trigger: Any) -> Any:
        """Serialize a DAG that an asset with this trigger starts."""
        sdk = pytest.importorskip("airflow.sdk", reason="Airflow 2 has no asset watchers")
        from airflow.serialization import serialized_objects

        # Airflow below 3.2 knows the older name.
        Serialization: Any = getattr(serialized_objects, "DagSerialization", None) or serialized_objects.SerializedDAG  # type: ignore[attr-defined]  # noqa: N806
        watcher = sdk.AssetWatcher(name="watcher", trigger=trigger)
        with sdk.DAG("watching", schedule=[sdk.Asset("watched", watchers=[watcher])]) as dag:
            sdk.BaseOperator(task_id="started")
        return Serialization.to_dict(dag)

    def test_a_wait_is_refused_with_what_to_use_instead(self) -> None:
        with pytest.raises(Exception, match="Give the AssetWatcher a CampaignChangeTrigger"):
            self.serialize(CampaignStatusTrigger(CAMPAIGN))

    def test_a_subclass_of_it_is_refused_too(self) -> None:
        class More(CampaignStatusTrigger):
            def serialize(self) -> tuple[str, dict[str, Any]]:
                return super().serialize()

        with pytest.raises(Exception, match="CampaignChangeTrigger"):
            self.serialize(More(CAMPAIGN))

    def test_a_change_is_watched(self) -> None:
        assert "CampaignChangeTrigger" in json.dumps(self.serialize(CampaignChangeTrigger()))

    def test_a_change_with_wrong_arguments_is_refused(self) -> None:
        with pytest.raises(Exception, match="to_statuses has 5"):
            self.serialize(CampaignChangeTrigger(to_statuses=[5]))


MANY = [str(UUID(int=number, version=4)) for number in range(READABLE + 1)]


@pytest.mark.parametrize("count", [1, 2, READABLE, READABLE + 1])
@pytest.mark.parametrize(
    ("trigger_class", "named"),
    [
        (CampaignStatusTrigger, lambda trigger: trigger.named_campaigns()),
        (CampaignChangeTrigger, lambda trigger: sorted(trigger.campaign_ids)),
    ],
)
def test_a_row_names_the_campaigns_whatever_their_number(
    trigger_class: Any, named: Callable[[Any], list[str]], count: int
) -> None:
    ids = sorted(MANY[:count])
    arguments = trigger_class(campaign_id=ids).serialize()[1]

    assert isinstance(arguments["campaign_id"], list) is (1 < count <= READABLE)
    assert named(trigger_class(**arguments)) == ids
    assert named(trigger_class(**{**arguments, "campaign_id": ids})) == ids
