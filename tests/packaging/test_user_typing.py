"""A user's own strict type check passes for what the manual names, and refuses what would fail when a DAG is parsed."""

from __future__ import annotations

import json
import re
import runpy
import sys
from pathlib import Path

import pytest

from tests.packaging.project import ROOT

mypy = pytest.importorskip("mypy.api", reason="only the newest Airflow's environment has mypy")

RIGHT = Path(__file__).with_name("user_code.py")
IMPORTS = """
from datetime import datetime
from pathlib import Path
from airflow_provider_instantly.assets.campaign import campaign_asset, campaign_uri, changes_uri
from airflow_provider_instantly.assets.changes import changes_asset
from airflow_provider_instantly.assets.events import campaign_events
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.notifications.campaign import PauseCampaignNotifier
from airflow_provider_instantly.operators.analytics import CampaignAnalyticsOperator
from airflow_provider_instantly.operators.block_list import BlockContactsOperator
from airflow_provider_instantly.operators.campaign import ActivateCampaignOperator, PauseCampaignOperator
from airflow_provider_instantly.operators.check import CheckCampaignOperator
from airflow_provider_instantly.operators.lead import AddLeadsOperator
from airflow_provider_instantly.operators.report import CampaignReportOperator
from airflow_provider_instantly.sensors.campaign import CampaignStatusSensor
from airflow_provider_instantly.transfers.sql_to_instantly import SqlToInstantlyLeadsOperator
from airflow_provider_instantly.triggers.campaign import CampaignChangeTrigger, CampaignStatusTrigger
ONE = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
"""
WRONG = """
ActivateCampaignOperator(task_id="t")
ActivateCampaignOperator(task_id="t", campaign_id=7)
ActivateCampaignOperator(task_id="t", campaign_id=None)
ActivateCampaignOperator(task_id="t", campaign_id=b"x")
ActivateCampaignOperator(task_id="t", campaign_id=Path("x"))
ActivateCampaignOperator(task_id="t", campaign_id=[ONE])
ActivateCampaignOperator(task_id="t", campaign_id=ONE, timeout="60")
ActivateCampaignOperator(task_id="t", campaign_id=ONE, stable_for=datetime.now())
ActivateCampaignOperator(task_id="t", campaign_id=ONE, wait_for_active="yes")
ActivateCampaignOperator(task_id="t", campaign_id=ONE, poll_interval=None)
ActivateCampaignOperator(task_id="t", campaign_id=ONE, preflight="yes")
PauseCampaignOperator(task_id="t", campaign_id=[ONE])
PauseCampaignOperator(task_id="t", campaign_id=ONE, pause_drafts="yes")
PauseCampaignNotifier(campaign_id=7)
PauseCampaignNotifier()
CheckCampaignOperator(task_id="t", campaign_id=[ONE])
CheckCampaignOperator(task_id="t", campaign_id=ONE, ignore=7)
CheckCampaignOperator(task_id="t", campaign_id=ONE, min_warmup_score="80")
AddLeadsOperator(task_id="t", campaign_id=7, rows=[])
AddLeadsOperator(task_id="t", campaign_id=ONE, path=7)
AddLeadsOperator(task_id="t", campaign_id=ONE, rows=[], fields=["email"])
AddLeadsOperator(task_id="t", campaign_id=ONE, rows=[], verify="yes")
AddLeadsOperator(task_id="t", campaign_id=ONE, rows=[], max_rejected="1 %")
AddLeadsOperator(task_id="t", campaign_id=ONE, rows=[], blocklist_id=7)
SqlToInstantlyLeadsOperator(task_id="t", campaign_id=ONE, sql="SELECT 1")
SqlToInstantlyLeadsOperator(task_id="t", campaign_id=ONE, sql=7, sql_conn_id="db")
SqlToInstantlyLeadsOperator(task_id="t", campaign_id=ONE, sql="SELECT 1", sql_conn_id="db", parameters=7)
BlockContactsOperator(task_id="t", path=7)
BlockContactsOperator(task_id="t", rows=[], column=7)
CampaignAnalyticsOperator(task_id="t", campaign_id=7)
CampaignAnalyticsOperator(task_id="t", campaign_id=ONE, since=7)
CampaignAnalyticsOperator(task_id="t", campaign_id=ONE, max_bounce_rate="3 %")
CampaignReportOperator(task_id="t", campaign_id=ONE)
CampaignReportOperator(task_id="t", campaign_id=ONE, path=7)
CampaignReportOperator(task_id="t", campaign_id=ONE, path="x", results=[7])
CampaignStatusSensor(task_id="t", campaign_id=7)
CampaignStatusSensor(task_id="t", campaign_id=[7])
CampaignStatusSensor(task_id="t", campaign_id=[[[ONE]]])
CampaignStatusSensor(task_id="t", campaign_id=b"x")
CampaignStatusSensor(task_id="t", campaign_id=ONE, target_statuses=1)
CampaignStatusSensor(task_id="t", campaign_id=ONE, target_statuses=["Active"])
CampaignStatusSensor(task_id="t", campaign_id=ONE, failure_budget=None)
CampaignStatusSensor(task_id="t", campaign_id=ONE, start_from_trigger="yes")
CampaignStatusTrigger(7)
CampaignStatusTrigger([7])
CampaignChangeTrigger(campaign_id=[7])
CampaignChangeTrigger(to_statuses=["Active"])
CampaignChangeTrigger(tag_ids=[1])
InstantlyHook(instantly_conn_id=None)
InstantlyHook().get_campaign(7)
InstantlyHook().read_campaigns([7])
campaign_uri(7)
changes_uri(7)
campaign_asset(None)
changes_asset("stopped", CampaignStatusTrigger(ONE))
changes_asset(CampaignChangeTrigger())
campaign_events("context")
"""


@pytest.fixture(scope="module")
def errors(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[int, str]]:
    """What mypy says of right and wrong code, without this project's configuration: by file and line."""
    wrong = tmp_path_factory.mktemp("user") / "wrong.py"
    wrong.write_text(IMPORTS + WRONG, "utf-8")
    cache = ROOT / ".mypy_cache" / "user"
    options = ["--strict", "--config-file=", f"--cache-dir={cache}", f"--python-executable={sys.executable}"]
    output, problems, _ = mypy.run([*options, str(RIGHT), str(wrong)])
    assert not problems
    found: dict[str, dict[int, str]] = {RIGHT.name: {}, wrong.name: {}}
    for file, line, error in re.findall(r"^(.*?):(\d+): error: (.*)$", output, re.MULTILINE):
        found[Path(file).name][int(line)] = error
    return found


def test_every_form_of_the_manual_passes(errors: dict[str, dict[int, str]]) -> None:
    assert errors[RIGHT.name] == {}


def test_every_wrong_form_is_refused(errors: dict[str, dict[int, str]]) -> None:
    lines = dict(enumerate((IMPORTS + WRONG).splitlines(), start=1))
    wrong = {number for number, line in lines.items() if line in WRONG.split("\n")[1:-1]}
    refused = set(errors["wrong.py"])
    assert [lines[number] for number in sorted(wrong - refused)] == []
    assert [errors["wrong.py"][number] for number in sorted(refused - wrong)] == []


def test_every_form_of_the_manual_can_be_parsed() -> None:
    parsed = runpy.run_path(str(RIGHT))
    assert len(parsed["launches"].task_dict) > 10
    assert len(parsed["leads"].task_dict) > 10
    assert len(parsed["guards"].task_dict) > 5
    for trigger in (*parsed["WATCHERS"], *parsed["DEFERRALS"]):
        path, arguments = trigger.serialize()
        assert path.endswith(type(trigger).__name__)
        assert json.loads(json.dumps(arguments)) == arguments
