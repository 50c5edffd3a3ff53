"""The sandbox meets the contract: schemathesis makes requests of it, good and bad, and checks the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from airflow_provider_instantly.sandbox.client import SandboxClient, running_sandbox
from airflow_provider_instantly.sandbox.contract import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is installed in one environment only")

BOUNDED = settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

any_request = schemathesis.openapi.from_dict(contract())
# The service ignores query parameters that it does not know. Wrong keys have tests of their own.
any_request.config.generation.update(allow_extra_parameters=False, with_security_parameters=False)
good_request = schemathesis.openapi.from_dict(contract())
good_request.config.generation.update(modes=[schemathesis.GenerationMode.POSITIVE])

#: A launch of an unknown campaign is a 400 that says 404; and what the contract cannot say is needed may be missing: a
#: place to move leads to, the campaign whose leads are deleted. Dates of figures are plain text to it.
REFUSED_THOUGH_WELL_FORMED = {
    ("POST", "/api/v2/campaigns/{id}/activate"),
    ("POST", "/api/v2/campaigns/{id}/pause"),
    ("POST", "/api/v2/leads/move"),
    ("DELETE", "/api/v2/leads"),
}


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with running_sandbox("--no-limits") as sandbox:
        yield sandbox


def call(sandbox: SandboxClient, case: Any, *not_checked: Any) -> None:
    case.call_and_validate(
        base_url=sandbox.url,
        headers={"Authorization": f"Bearer {sandbox.api_key}", "User-Agent": "schemathesis"},
        # The service's framework answers an unknown method with 404, and so does the sandbox, not with 405.
        excluded_checks=[schemathesis.checks.unsupported_method, *not_checked],
        timeout=10,
    )


@any_request.parametrize()  # type: ignore[untyped-decorator]
@BOUNDED
def test_any_request_is_answered_as_the_contract_says(sandbox: SandboxClient, case: Any) -> None:
    may_be_refused = (case.method, case.path) in REFUSED_THOUGH_WELL_FORMED or "/analytics" in case.path
    call(sandbox, case, *([schemathesis.checks.positive_data_acceptance] if may_be_refused else []))


@good_request.include(path_regex=r"/campaigns/\{id\}").parametrize()  # type: ignore[untyped-decorator]
@BOUNDED
def test_good_requests_for_campaigns_that_exist_succeed(sandbox: SandboxClient, case: Any) -> None:
    case.path_parameters = {"id": sandbox.add_campaign(script=[(0, "active", 1)], status="paused")}
    case.headers.pop("x-as-workspace", None)
    call(sandbox, case)


def test_every_operation_was_tried() -> None:
    tried = {operation.ok().label for operation in any_request.get_all_operations()}
    assert tried == {f"{method.upper()} {path}" for path, methods in contract()["paths"].items() for method in methods}
