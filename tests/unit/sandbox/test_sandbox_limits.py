"""Rate limits: 100 requests a second and 6,000 a minute for each workspace."""

from __future__ import annotations

import concurrent.futures
import uuid
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.sandbox.limits import SlidingWindows

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient


# Times on a grid that floats hold exactly.
@given(
    st.lists(st.integers(0, 130 * 64).map(lambda ticks: ticks / 64), max_size=60).map(sorted),
    st.integers(1, 5),
    st.integers(1, 12),
)
def test_windows_against_the_definition(times: list[float], per_second: int, per_minute: int) -> None:
    windows = SlidingWindows()
    accepted: list[float] = []
    for now in times:
        free = (
            sum(then > now - 1 for then in accepted) < per_second
            and sum(then > now - 60 for then in accepted) < per_minute
        )
        assert (windows.wait(now, per_second, per_minute) == 0) == free
        if free:
            accepted.append(now)


def test_the_wait_is_the_time_until_a_place_is_free() -> None:
    windows = SlidingWindows()
    assert [windows.wait(now, 2, 100) for now in (10.0, 10.25)] == [0, 0]
    assert windows.wait(10.5, 2, 100) == 0.5
    assert windows.wait(11.0, 2, 100) == 0


def test_by_default_the_101st_request_of_a_second_is_refused(sandbox: SandboxClient, api: Any) -> None:
    def ask(_: int) -> int:
        return int(api.get("/workspaces/current").status_code)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        codes = list(pool.map(ask, range(300)))
    logged = sandbox.requests(limit=300)
    accepted = [each["at"] for each in logged if each["status"] == 200]
    assert codes.count(429) == sum(each["status"] == 429 for each in logged)
    for first, hundred_and_first in zip(accepted, accepted[100:], strict=False):
        assert hundred_and_first - first > 0.99


def test_a_refusal_has_the_service_s_body(sandbox: SandboxClient, api: Any) -> None:
    sandbox.set(requests_per_second=1)
    codes = [api.get("/workspaces/current") for _ in range(3)]
    assert codes[0].status_code == 200
    assert codes[2].status_code == 429
    assert codes[2].json()["statusCode"] == 429
    assert codes[2].json()["error"] == "Too Many Requests"
    assert "retry-after" not in codes[2].headers


def test_retry_after_on_request(sandbox: SandboxClient, api: Any) -> None:
    sandbox.set(requests_per_minute=1, retry_after=True)
    api.get("/workspaces/current")
    assert 58 <= int(api.get("/workspaces/current").headers["retry-after"]) <= 61


def test_each_workspace_has_its_own_windows(sandbox: SandboxClient, api: Any, api_with: Any) -> None:
    other = api_with(sandbox.add_key("other", workspace=str(uuid.uuid4())))
    sandbox.set(requests_per_minute=1)
    assert [api.get("/workspaces/current").status_code for _ in range(2)] == [200, 429]
    assert other.get("/workspaces/current").status_code == 200


def test_all_keys_of_a_workspace_share_them(sandbox: SandboxClient, api: Any, api_with: Any) -> None:
    second = api_with(sandbox.add_key("second"))
    sandbox.set(requests_per_minute=1)
    assert api.get("/workspaces/current").status_code == 200
    assert second.get("/workspaces/current").status_code == 429


def test_off_switch(sandbox: SandboxClient, api: Any) -> None:
    sandbox.set(limits_enabled=False, requests_per_minute=1)
    assert {api.get("/workspaces/current").status_code for _ in range(5)} == {200}
