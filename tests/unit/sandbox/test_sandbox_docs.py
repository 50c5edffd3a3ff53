"""The reference's page on the sandbox names everything that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from airflow_provider_instantly.sandbox.__main__ import _parser
from airflow_provider_instantly.sandbox.client import SandboxClient
from airflow_provider_instantly.sandbox.faults import Fault
from airflow_provider_instantly.sandbox.samples import SAMPLES
from airflow_provider_instantly.sandbox.server import build_app
from airflow_provider_instantly.sandbox.settings import Settings
from airflow_provider_instantly.sandbox.state import open_sandbox

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "sandbox.md"


@pytest.fixture(scope="module")
def page() -> str:
    return PAGE.read_text("utf-8")


def test_every_option_of_the_command_line(page: str) -> None:
    options = {option for action in _parser()._actions for option in action.option_strings if option.startswith("--")}
    assert {option for option in options - {"--help"} if f"`{option}" not in page} == set()


def test_every_fault_and_what_it_takes(page: str) -> None:
    for fault in get_args(get_args(Fault)[0]):
        (kind,) = get_args(fault.model_fields["kind"].annotation)
        row = re.search(rf"^\| `{kind}` \|.*$", page, re.MULTILINE)
        assert row, kind
        own = set(fault.model_fields) - {"id", "kind", "path", "method", "count", "skip", "delay"}
        named = {fault.model_fields[name].alias or name for name in own}
        fixed = {"moment"} if len(get_args(fault.model_fields["moment"].annotation)) == 1 else set()
        assert {name for name in named - fixed if f"`{name}`" not in row[0]} == set(), kind


def test_a_path_of_a_fault_is_the_whole_path(page: str) -> None:
    (said,) = re.findall(r"whose path \(all of it, such as `(.*?)`\)\s+fits a glob", page)
    assert said.startswith("/api/v2/")


def test_every_setting_and_its_default(page: str) -> None:
    assert {name for name in Settings.model_fields if f"`{name}`" not in page} == set()
    for name in ("latency", "cursor", "retry_after"):
        default = str(Settings.model_fields[name].default).lower().removesuffix(".0")
        assert re.search(rf"^\| `{name}` \| `?{default}`? \|", page, re.MULTILINE), name


def test_every_request_of_the_control_api(page: str) -> None:
    sandbox = open_sandbox()
    paths = [path for path in build_app(sandbox).openapi()["paths"] if path.startswith("/_sandbox/")]
    sandbox.close()
    assert len(paths) >= 20
    for path in paths:
        shown = re.sub(r"\{(campaign_id|fault_id|workspace_id)\}", "{id}", path.removeprefix("/_sandbox"))
        last = "/" + shown.rsplit("/", 1)[1]
        assert shown in page or f"`{last}`" in page, path


def test_what_else_a_new_status_changes(page: str) -> None:
    row = re.search(r"^\| `PATCH /campaigns/\{id\}` \|.*$", page, re.MULTILINE)
    assert row
    assert "`status` and `not_sending_status` are set together and end the script" in row[0]


def test_every_method_of_the_client(page: str) -> None:
    methods = {name for name in vars(SandboxClient) if not name.startswith("_")}
    assert {name for name in methods if f"`{name}" not in page} == set()


def test_the_samples(page: str) -> None:
    for sample in SAMPLES:
        assert f"`{sample.id}`" in page
