"""The values for Airflow's Helm chart name what is tested, hold no secret, and agree with docker-compose.yaml."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from airflow_provider_instantly import __version__

CHECKOUT = Path(__file__).parents[3]
VALUES: dict[str, Any] = yaml.safe_load((CHECKOUT / "deployment" / "kubernetes" / "values.yaml").read_text())
COMPOSE: dict[str, Any] = yaml.safe_load((CHECKOUT / "docker-compose.yaml").read_text())


def _secret_names(values: Any, name: str = "") -> set[str]:
    """The secrets that are named anywhere."""
    if isinstance(values, dict):
        return {each for key, value in values.items() for each in _secret_names(value, key)}
    if isinstance(values, list):
        return {each for value in values for each in _secret_names(value)}
    return {values} if name.lower().endswith("secretname") else set()


def test_the_versions_are_those_that_are_tested() -> None:
    [newest] = re.findall(r"^AIRFLOW := (.+)$", (CHECKOUT / "Makefile").read_text(), re.MULTILINE)

    assert VALUES["airflowVersion"] == newest
    assert VALUES["images"]["airflow"]["tag"] == f"{newest}-{__version__}"


def test_every_secret_is_made_beforehand_and_described() -> None:
    guide = (CHECKOUT / "docs" / "operations" / "deployment.md").read_text().split("## Kubernetes")[1]
    described = re.findall(r"^\| (airflow-[a-z-]+) \|", guide, re.MULTILINE)

    assert sorted(_secret_names(VALUES)) == sorted(described)
    assert not VALUES["createUserJob"]["enabled"]


def test_waits_outlive_a_triggerer_and_the_chart_keeps_no_data() -> None:
    assert VALUES["triggerer"]["replicas"] == VALUES["workers"]["celery"]["replicas"] == 2
    assert not VALUES["postgresql"]["enabled"]
    assert not VALUES["redis"]["enabled"]


def test_airflow_is_set_as_with_compose() -> None:
    environment = COMPOSE["services"]["worker"]["environment"]
    for section, options in VALUES["config"].items():
        for option, value in options.items():
            theirs = environment[f"AIRFLOW__{section}__{option}".upper()]
            assert re.sub(r"\$\{\w+:-(.+)\}", r"\1", theirs) == str(value)
