"""The sandbox is for this machine only, unless a person says otherwise: and then it says so too."""

from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from airflow_provider_instantly.sandbox.client import running_sandbox

ANY_ADDRESS = "0.0.0.0"  # noqa: S104 - it is what is tested


def listeners(pid: int | None) -> set[str]:
    return {each.laddr.ip for each in psutil.Process(pid).net_connections("inet") if each.status == psutil.CONN_LISTEN}


def test_by_default_only_this_machine_can_reach_it() -> None:
    with running_sandbox() as sandbox:
        assert listeners(sandbox.pid) == {"127.0.0.1"}


def test_elsewhere_only_where_a_person_says_so() -> None:
    with running_sandbox("--host", ANY_ADDRESS) as sandbox:
        assert listeners(sandbox.pid) == {ANY_ADDRESS}


@pytest.mark.parametrize("host", ["", " ", "no such host", "192.0.2.1"])
def test_an_address_that_it_cannot_have_is_no_reason_to_take_another(host: str) -> None:
    command = [sys.executable, "-m", "airflow_provider_instantly.sandbox", "--port", "0", "--host", host]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert ended.returncode in (1, 2)
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
