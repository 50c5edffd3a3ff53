"""The first launch of "Get started", command by command, on a bare Airflow: both samples end as the page says."""

from __future__ import annotations

import shlex
import subprocess
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.sandbox.client import running_sandbox
from airflow_provider_instantly.sandbox.samples import BOUNCING_ID, HEALTHY_ID
from local_airflow.configuration import AIRFLOW_3, environment
from local_airflow.standalone import LocalAirflow
from tests.docs.documents import blocks, section, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.every_version

PAGE = "docs/get-started.md"
STEPS = section(text_of(PAGE), "The first launch")
TIMEOUT = 600.0
"""Seconds that a run may take; it takes minutes where other tests keep the machine busy."""
#: Airflow looks for new DAG files as late as where nothing is set; a task waits longer for the API server of a full
#: machine.
SETTINGS = {
    "core.dags_are_paused_at_creation": "True",
    "dag_processor.refresh_interval": "300",
    "scheduler.dag_dir_list_interval": "300",
    "workers.execution_api_timeout": "60",
}


def commands(program: str) -> list[list[str]]:
    """The commands of the steps that call a program, as lists of words."""
    lines = [line for text in shown("sh") for line in text.splitlines()]
    return [words for words in map(shlex.split, lines) if words[0] == program]


def shown(language: str) -> list[str]:
    """The steps' blocks of code of a language."""
    return [block.text for block in blocks(language) if block.document == PAGE and block.text in STEPS]


@pytest.fixture
def bare_airflow(tmp_path: Path) -> Iterator[LocalAirflow]:
    """A real Airflow, started where the page says so: with its DAG, without a connection or an example."""
    [dag] = shown("python")
    [start] = [text for text in shown("sh") if "standalone" in text]
    assert STEPS.index(dag) < STEPS.index(start), "Airflow may read a DAG that is saved later only minutes later"
    [setting] = [word for word in shlex.split(start) if "=" in word]
    (tmp_path / "launch.py").write_text(
        dag if AIRFLOW_3 else dag.replace("airflow.sdk", "airflow.providers.common.compat.sdk")
    )
    with LocalAirflow(tmp_path, settings=SETTINGS, variables=dict([setting.split("=")])) as airflow:
        yield airflow


def test_a_person_who_gets_started_sees_a_launch_and_a_failure(bare_airflow: LocalAirflow) -> None:
    def run(words: list[str]) -> None:
        env = environment(bare_airflow.configuration)
        ended = subprocess.run(words, env=env, cwd=bare_airflow.home, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr

    def newest_run() -> str:
        return bare_airflow.run_ids("launch")[-1]

    [start] = commands("python")
    assert start[:5] == ["python", "-m", "airflow_provider_instantly.sandbox", "--port", "8989"]
    connect, *launch, launch_the_other = commands("airflow")
    with running_sandbox(*start[5:]) as sandbox:
        # Another port, since that one may be taken here.
        run([word.replace("8989", sandbox.url.rpartition(":")[2]) for word in connect])
        # The page has a person repeat the next commands until then.
        bare_airflow.wait_until_known("launch")
        for words in launch:
            run(words)
        healthy = newest_run()
        assert bare_airflow.wait_for_run("launch", healthy, timeout=TIMEOUT) == "success"

        run(launch_the_other)
        bouncing = newest_run()
        assert bare_airflow.wait_for_run("launch", bouncing, timeout=TIMEOUT) == "failed"

        assert bare_airflow.task_states("launch", bouncing) == {"activate": "success", "wait": "failed"}
        assert "is Bounce Protect" in bare_airflow.task_log("launch", bouncing, "wait")
        assert [sandbox.activations(campaign) for campaign in (HEALTHY_ID, BOUNCING_ID)] == [1, 1]
