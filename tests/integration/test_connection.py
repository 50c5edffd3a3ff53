"""The connection in Airflow's pages: the button that tests it, as the page of Airflow 3 asks for the test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_1_PLUS

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient
    from local_airflow.standalone import LocalAirflow

pytestmark = [
    pytest.mark.every_version,
    pytest.mark.skipif(not AIRFLOW_V_3_0_PLUS, reason="the button of Airflow 2 sends what its form has, and the key"),
]


def as_the_page_sends_it(stored: dict[str, Any]) -> dict[str, Any]:
    """What the page makes of a connection that it was given: no null, and a port in any case. The key is masked."""
    texts = ("connection_id", "conn_type", "description", "host", "login", "password", "schema")
    return {
        **{name: stored[name] or "" for name in texts},
        "extra": stored["extra"] or "{}",
        "port": stored["port"] or 0,
    }


def answer_to_the_button(airflow: LocalAirflow, sandbox: SandboxClient) -> dict[str, Any]:
    """What Airflow answers to the button Test of a connection that it has stored."""
    host, _, port = sandbox.url.rpartition(":")
    airflow.add_connection("tested", conn_type="instantly", host=host, port=int(port), password=sandbox.api_key)
    sent = as_the_page_sends_it(airflow.api("/connections/tested"))
    assert sent["password"] == "***"

    answer: dict[str, Any] = airflow.api("/connections/test", method="POST", json=sent)
    return answer


@pytest.mark.skipif(not AIRFLOW_V_3_1_PLUS, reason="Airflow 3.0 tests a stored connection without its key")
def test_a_connection_with_its_port_can_be_tested(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    answer = answer_to_the_button(airflow, sandbox)

    assert answer["status"], answer
    assert answer["message"].startswith("Connected to the workspace ")


@pytest.mark.skipif(AIRFLOW_V_3_1_PLUS, reason="Airflow tests a stored connection with its key from 3.1 on")
def test_a_button_that_knows_no_key_says_how_to_test(airflow: LocalAirflow, sandbox: SandboxClient) -> None:
    answer = answer_to_the_button(airflow, sandbox)

    assert not answer["status"]
    assert answer["message"].startswith("The Instantly connection has *** in the place of its API key")
    assert "`airflow connections test`" in answer["message"]
