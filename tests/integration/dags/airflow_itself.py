"""DAGs without Instantly, for the tests of the Airflow that the integration tests run on."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import DAG, get_current_context, task

with DAG(dag_id="airflow_works", schedule=None, params={"names": ["a name"]}):

    @task
    def names() -> list[str]:
        """Return what the run was given."""
        return list(get_current_context()["params"]["names"])

    @task
    def greet(name: str) -> str:
        """Log something and return something."""
        print(f"Hello {name}")
        return name.upper()

    greet.expand(name=names())

with DAG(dag_id="airflow_fails", schedule=None):

    @task
    def fail() -> None:
        """Fail with a reason."""
        raise ValueError("This is the reason.")

    fail()
