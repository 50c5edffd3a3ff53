"""What the local Airflow makes of its arguments and of Airflow's logs; the integration tests show that it runs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from local_airflow.configuration import Configuration, default_executor, environment
from local_airflow.work import readable

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def configuration(home: Path, **more: Any) -> Configuration:
    return Configuration(home=home, port=1234, database_url="sqlite:////x.db", executor="LocalExecutor", **more)


def test_the_environment_has_nothing_of_the_callers_airflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_INSTANTLY_DEFAULT", "of the caller")
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "True")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")

    found = environment(configuration(tmp_path))

    assert "AIRFLOW_CONN_INSTANTLY_DEFAULT" not in found
    assert found["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert found["SOMETHING_ELSE"] == "kept"
    assert found["AIRFLOW_HOME"] == str(tmp_path)


def test_settings_and_variables_of_the_caller_win(tmp_path: Path) -> None:
    found = environment(
        configuration(
            tmp_path,
            settings={"core.parallelism": "3", "common.io.xcom_objectstorage_threshold": "1"},
            variables={"NO_PROXY": "*", "MINE": "1"},
        )
    )

    assert found["AIRFLOW__CORE__PARALLELISM"] == "3"
    assert found["AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD"] == "1"
    assert (found["NO_PROXY"], found["MINE"]) == ("*", "1")


def test_each_airflow_has_its_own_keys_and_shows_none(tmp_path: Path) -> None:
    one, other = configuration(tmp_path), configuration(tmp_path)

    assert one.secrets.fernet_key != other.secrets.fernet_key
    assert one.secrets.signing_key != other.secrets.signing_key
    assert one.secrets.fernet_key not in repr(one)
    assert one.secrets.signing_key not in repr(one)


def test_servers_listen_on_loopback_only(tmp_path: Path) -> None:
    found = environment(configuration(tmp_path))

    hosts = {value for name, value in found.items() if name.startswith("AIRFLOW__") and name.endswith("_HOST")}
    assert hosts <= {"127.0.0.1"}
    assert configuration(tmp_path).url == "http://127.0.0.1:1234"


def test_tasks_run_side_by_side_on_a_server_database() -> None:
    assert default_executor("postgresql://localhost/airflow") == "LocalExecutor"


def test_a_log_line_of_airflow_3_becomes_text() -> None:
    line = {
        "timestamp": "2026-01-01T00:00:00Z",
        "level": "error",
        "event": "Task failed",
        "error_detail": [{"exc_type": "ValueError", "exc_value": "This is why."}],
    }

    assert readable(json.dumps(line)) == "2026-01-01T00:00:00Z ERROR Task failed\nValueError: This is why."


def test_a_log_line_of_airflow_2_stays() -> None:
    for line in ("[2026-01-01] {task.py:1} INFO - hello", "12", "[1]", '{"a": 1}', ""):
        assert readable(line) == line
