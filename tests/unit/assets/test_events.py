"""What events of assets say of campaigns: as tasks write it, and as the DAGs that follow them read it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import Asset, AssetAlias
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.assets.campaign import ALL_CAMPAIGNS_URI, campaign_asset, campaign_uri
from airflow_provider_instantly.assets.events import MAX_ALIAS_EVENTS, _fresh, announce, campaign_events
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from tests.statuses import ACTIVE
from tests.unit.outlet_events import Outlet, OutletEvents

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

CAMPAIGN = "5a3d0e5e-0001-4000-8000-000000000001"
OTHER = "5a3d0e5e-0002-4000-8000-000000000002"
WAITS: list[dict[str, Any]] = [{}, {"wait_for_active": True, "deferrable": True, "poll_interval": 0.1}]


@dataclass
class Event:
    """An event of an asset, as Airflow gives it to the run that it started."""

    extra: Any
    timestamp: datetime = datetime(2026, 11, 29, tzinfo=UTC)


class TestTasksWriteThem:
    @pytest.mark.parametrize("wait", WAITS)
    def test_a_launch_says_what_a_dag_that_follows_it_needs(
        self, sandbox: SandboxClient, run_task: Any, wait: dict[str, Any]
    ) -> None:
        cid = sandbox.add_campaign("Spring", script=[(0, "active")])
        events, outlets = OutletEvents(), [campaign_asset(cid), Asset(ALL_CAMPAIGNS_URI)]
        operator = ActivateCampaignOperator(task_id="launch", campaign_id=cid, outlets=outlets, **wait)

        run = run_task(operator, outlet_events=events)

        assert run.error is None
        said = {
            "campaign_id": cid,
            "name": "Spring",
            "status": ACTIVE,
            "status_name": "Active",
            "url": f"{sandbox.url}/app/campaign/{cid}/analytics",
            "launched": True,
            "next_window_opens": run.value["next_sending_window"]["opens"],
            "next_window_closes": run.value["next_sending_window"]["closes"],
            "instantly_conn_id": "instantly_default",
        }
        assert [events[outlet].extra for outlet in outlets] == [said, said]

    def test_an_alias_gets_an_event_of_the_campaigns_own_asset(self, sandbox: SandboxClient, run_task: Any) -> None:
        """For templates and mapped tasks: which campaign they mean is not known while the DAG is parsed."""
        cid = sandbox.add_campaign("Spring", script=[(0, "active")])
        events, alias = OutletEvents(), AssetAlias("launched_campaigns")

        run_task(ActivateCampaignOperator(task_id="launch", campaign_id=cid, outlets=[alias]), outlet_events=events)

        [(uri, said)] = events[alias].added
        assert uri == campaign_uri(cid)
        assert (said["campaign_id"], said["launched"]) == (cid, True)
        # Airflow 2.11 to 3.1 put an alias's events in a set.
        assert hash(frozenset(said.items()))

    def test_a_launch_that_fails_says_nothing(self, sandbox: SandboxClient, run_task: Any) -> None:
        cid = sandbox.add_campaign("Spring", status="bounce_protect")
        events, outlets = OutletEvents(), [campaign_asset(cid), AssetAlias("launched_campaigns")]

        task = ActivateCampaignOperator(task_id="launch", campaign_id=cid, outlets=outlets)
        run = run_task(task, outlet_events=events)

        assert run.error is not None
        assert events.said == {}

    @pytest.mark.parametrize("mode", [{}, {"deferrable": True}])
    def test_a_sensor_says_which_campaigns_have_arrived(
        self, sandbox: SandboxClient, run_task: Any, mode: dict[str, Any]
    ) -> None:
        ids = sorted(sandbox.add_campaigns(2, "Spring", status=ACTIVE))
        events, asset, alias = OutletEvents(), Asset(ALL_CAMPAIGNS_URI), AssetAlias("running_campaigns")
        sensor = CampaignStatusSensor(
            task_id="wait", campaign_id=ids, poke_interval=0.1, timeout=20, outlets=[asset, alias], **mode
        )

        assert run_task(sensor, outlet_events=events).error is None

        said: list[dict[str, Any]] = [
            {
                "campaign_id": each,
                "status": ACTIVE,
                "status_name": "Active",
                "instantly_conn_id": "instantly_default",
            }
            for each in ids
        ]
        assert events[asset].extra == {"campaigns": said}
        assert events[alias].added == [(campaign_uri(each["campaign_id"]), each) for each in said]

    def test_an_outlet_that_is_no_asset_is_passed_over(self) -> None:
        events = OutletEvents()
        announce({"outlet_events": events}, ["a table"], "instantly_default", [{"campaign_id": CAMPAIGN}])
        assert events.said == {}

    def test_an_alias_has_no_event_of_a_list_of_leads(self) -> None:
        events, asset, alias = OutletEvents(), Asset("leads"), AssetAlias("any")
        said = {"campaign_id": None, "list_id": OTHER, "present": 7}

        announce({"outlet_events": events}, [asset, alias], "instantly_default", [said])

        assert events.said == {repr(asset): Outlet(extra={**said, "instantly_conn_id": "instantly_default"})}

    def test_what_is_not_plain_is_no_part_of_an_event(self) -> None:
        events, alias = OutletEvents(), AssetAlias("any")
        plain = {"campaign_id": CAMPAIGN, "status": 1, "share": 0.5, "launched": True, "url": None}

        said = {**plain, "window": {"opens": "9:00"}, "findings": [1]}
        announce({"outlet_events": events}, [alias], "instantly_default", [said])

        assert events[alias].added == [(campaign_uri(CAMPAIGN), {**plain, "instantly_conn_id": "instantly_default"})]

    def test_a_window_that_came_back_as_something_else_fails_no_launch(self) -> None:
        """A trigger carries it, and a trigger's event is input."""
        events, asset = OutletEvents(), campaign_asset(CAMPAIGN)
        task = ActivateCampaignOperator(task_id="launch", campaign_id=CAMPAIGN, outlets=[asset])
        context: Any = {"outlet_events": events}

        task._done(context, {"id": CAMPAIGN, "next_sending_window": "tomorrow"})

        said = events[asset].extra or {}
        assert (said["next_window_opens"], said["next_window_closes"]) == (None, None)

    @pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="Airflow 2 has no references to assets")
    @pytest.mark.parametrize("by", [{"name": "campaigns"}, {"uri": ALL_CAMPAIGNS_URI}], ids=["name", "uri"])
    def test_a_reference_to_an_asset_is_one(self, by: dict[str, str]) -> None:
        events, outlet = OutletEvents(), Asset.ref(**by)
        announce({"outlet_events": events}, [outlet], "instantly_default", [{"campaign_id": CAMPAIGN}])
        assert events[outlet].extra == {"campaign_id": CAMPAIGN, "instantly_conn_id": "instantly_default"}

    def test_an_outlet_that_airflow_cannot_make_out_fails_no_task_that_is_done(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        unknown, known = Asset("unknown"), campaign_asset(CAMPAIGN)
        events = Unresolved(unknown, RuntimeError("ASSET_NOT_FOUND: ann@customer.example"))

        announce({"outlet_events": events}, [unknown, known], "instantly_default", [{"campaign_id": CAMPAIGN}])

        assert events[known].extra == {"campaign_id": CAMPAIGN, "instantly_conn_id": "instantly_default"}
        [line] = caplog.messages
        assert line == "The event of an outlet says nothing of what this task did (RuntimeError)."

    def test_a_task_that_is_killed_meanwhile_ends(self) -> None:
        outlet = campaign_asset(CAMPAIGN)
        events = Unresolved(outlet, TaskKilledError("The task was killed."))
        with pytest.raises(TaskKilledError):
            announce({"outlet_events": events}, [outlet], "instantly_default", [{"campaign_id": CAMPAIGN}])

    def test_an_alias_has_events_of_some_of_very_many_campaigns_and_an_asset_names_all(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        """Airflow gets them in one request, and makes a row of each."""
        events, alias, asset = OutletEvents(), AssetAlias("any"), Asset(ALL_CAMPAIGNS_URI)
        many = [{"campaign_id": f"5a3d0e5e-0001-4000-8000-{n:012}"} for n in range(MAX_ALIAS_EVENTS + 1_000)]

        announce({"outlet_events": events}, [alias, asset], "instantly_default", many)

        assert [said["campaign_id"] for _, said in events[alias].added] == [
            each["campaign_id"] for each in many[:MAX_ALIAS_EVENTS]
        ]
        assert len((events[asset].extra or {})["campaigns"]) == len(many)
        assert "500 campaigns and none of 1,000 more" in caplog.text


class Unresolved(OutletEvents):
    """
    Events of outlets, one of which Airflow cannot make out.

    :param outlet: which.
    :param error: what it raises.
    """

    def __init__(self, outlet: Any, error: Exception) -> None:
        super().__init__()
        self._outlet, self._error = outlet, error

    def __getitem__(self, outlet: Any) -> Outlet:
        if outlet == self._outlet:
            raise self._error
        return super().__getitem__(outlet)


def names(context: dict[str, Any]) -> list[str]:
    return [each["campaign_id"] for each in campaign_events(context)]


class TestDagsReadThem:
    #: What else comes on an asset: from the REST API, a person, another provider's task.
    OTHERS: tuple[Any, ...] = (
        None,
        {},
        [],
        "text",
        {"from_rest_api": True},
        {"campaign_id": None},
        {"campaign_id": "spring"},
        {"campaign_id": 7},
        {"id": CAMPAIGN},
        {"payload": None},
        {"payload": {}},
        {"payload": "text"},
        {"from_trigger": True, "payload": {"object": "s3://bucket/key"}},
        {"campaigns": {}},
        {"campaigns": [None, "text", {}, {"campaign_id": "spring"}]},
    )

    @pytest.mark.parametrize("key", ["triggering_asset_events", "triggering_dataset_events"])
    def test_of_tasks_and_watchers_alike(self, key: str) -> None:
        launch = {"campaign_id": CAMPAIGN.upper(), "status": 1, "launched": True}
        change = {"campaign_id": OTHER, "to_status": -2}
        context = {key: {"a": [Event(launch)], "b": [Event({"from_trigger": True, "payload": change})]}}
        assert campaign_events(context) == [{**launch, "campaign_id": CAMPAIGN}, change]

    @pytest.mark.parametrize("extra", OTHERS, ids=str)
    def test_whatever_names_no_campaign_is_left_out(self, extra: Any) -> None:
        events = [Event({"campaign_id": CAMPAIGN}), Event(extra), Event({"campaign_id": OTHER})]
        assert names({"triggering_asset_events": {"a": events}}) == [CAMPAIGN, OTHER]

    def test_each_campaign_of_an_event_of_several(self) -> None:
        several = {"campaigns": [{"campaign_id": CAMPAIGN, "status": 1}, {"campaign_id": OTHER, "status": 3}]}
        found = campaign_events({"triggering_asset_events": {"a": [Event(several)]}})
        assert found == several["campaigns"]

    def test_the_oldest_first_over_all_assets(self) -> None:
        now = datetime(2026, 11, 29, tzinfo=UTC)
        later, sooner = Event({"campaign_id": CAMPAIGN}, now + timedelta(1)), Event({"campaign_id": OTHER}, now)
        assert names({"triggering_asset_events": {"a": [later], "b": [sooner]}}) == [OTHER, CAMPAIGN]

    def test_once_though_it_came_through_an_alias(self) -> None:
        event = Event({"campaign_id": CAMPAIGN})
        assert names({"triggering_asset_events": {"an asset": [event], "its alias": [event]}}) == [CAMPAIGN]

    def test_twice_if_it_happened_twice(self) -> None:
        events = [Event({"campaign_id": CAMPAIGN}), Event({"campaign_id": CAMPAIGN})]
        assert names({"triggering_asset_events": {"a": events}}) == [CAMPAIGN, CAMPAIGN]

    @pytest.mark.parametrize("context", [{}, {"triggering_asset_events": {}}, {"triggering_dataset_events": {}}])
    def test_a_run_that_was_started_by_hand_has_none(self, context: dict[str, Any]) -> None:
        assert campaign_events(context) == []


class TestOnlyWhatIsFresh:
    """Airflow hands a run the events that came while its DAG was switched off, too."""

    @staticmethod
    def came(ago: timedelta, campaign_id: str) -> Event:
        return Event({"campaign_id": campaign_id}, datetime.now(UTC) - ago)

    def test_an_old_one_is_left_out_and_logged_with_its_age(self, caplog: pytest.LogCaptureFixture) -> None:
        old, new = self.came(timedelta(days=7, hours=3), CAMPAIGN), self.came(timedelta(minutes=59), OTHER)
        context = {"triggering_asset_events": {"a": [old, new]}}

        found = campaign_events(context, newer_than=timedelta(hours=1))

        assert found == [{"campaign_id": OTHER}]
        [line] = caplog.messages
        assert line == (
            "Its event is left out: it is 7 days, 3:00:00 old, and only what is newer than 1:00:00 counts. "
            f"[campaign {CAMPAIGN}]"
        )

    def test_each_campaign_of_an_old_event_of_several_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        several = {"campaigns": [{"campaign_id": CAMPAIGN}, {"campaign_id": OTHER}]}
        old = Event(several, datetime.now(UTC) - timedelta(hours=2))
        assert campaign_events({"triggering_asset_events": {"a": [old]}}, newer_than=3600) == []
        assert [line[-len(f"[campaign {CAMPAIGN}]") :] for line in caplog.messages] == [
            f"[campaign {CAMPAIGN}]",
            f"[campaign {OTHER}]",
        ]

    def test_a_campaign_that_came_again_is_fresh(self) -> None:
        events = [self.came(timedelta(days=1), CAMPAIGN), self.came(timedelta(minutes=1), CAMPAIGN)]
        found = campaign_events({"triggering_asset_events": {"a": events}}, newer_than=timedelta(hours=1))
        assert found == [{"campaign_id": CAMPAIGN}]

    def test_one_is_as_old_as_the_limit(self) -> None:
        now, limit = datetime(2026, 11, 29, 12, tzinfo=UTC), timedelta(hours=1)
        events = [Event({"campaign_id": CAMPAIGN}, now - limit + timedelta(seconds=n)) for n in (-1, 0, 1)]
        assert _fresh(events, limit, now) == events[2:]

    def test_a_clock_of_the_server_that_is_ahead_makes_none_old(self) -> None:
        events = [self.came(-timedelta(minutes=2), CAMPAIGN)]
        assert len(campaign_events({"triggering_asset_events": {"a": events}}, newer_than=60)) == 1

    def test_without_a_limit_all_count(self, caplog: pytest.LogCaptureFixture) -> None:
        assert names({"triggering_asset_events": {"a": [self.came(timedelta(days=400), CAMPAIGN)]}}) == [CAMPAIGN]
        assert caplog.messages == []

    @pytest.mark.parametrize("wrong", [0, -timedelta(hours=1), "an hour", True], ids=str)
    def test_a_limit_is_a_length_of_time(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="newer_than must be"):
            campaign_events({}, newer_than=wrong)
