"""The page for people: that it is served whole, takes nothing from elsewhere, and shows what there is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from airflow_provider_instantly.sandbox.client import running_sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

SCRIPTS = ("page.js", "picture.js")
STATIC = resources.files("airflow_provider_instantly.sandbox") / "static"
NODE = shutil.which("node")

in_node = pytest.mark.skipif(NODE is None, reason="Node runs the page's scripts, and is not installed")


def test_the_page_and_its_files_are_served(sandbox: SandboxClient) -> None:
    page = requests.get(sandbox.url, timeout=10)
    assert page.headers["content-type"].startswith("text/html")
    linked = re.findall(r'(?:href|src)="(/[^"]*)"', page.text)
    assert sorted(linked) == ["/_sandbox/page.css", "/_sandbox/page.js", "/_sandbox/picture.js"]
    for path in linked:
        answer = requests.get(sandbox.url + path, timeout=10)
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] in ("text/css", "text/javascript")


def test_the_page_may_load_nothing_from_elsewhere(sandbox: SandboxClient) -> None:
    policy = requests.get(sandbox.url, timeout=10).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    for name in ("page.html", "page.css", *SCRIPTS):
        text = (STATIC / name).read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        found = re.findall(r"https?://[^\s\"')]+", text)
        assert set(found) <= {"http://redirected.invalid/"}, name


def test_the_page_of_a_campaign_in_instantly_is_here_the_same_page(sandbox: SandboxClient) -> None:
    """Where links of tasks lead: the script opens the campaign that the address names."""
    campaign_id = sandbox.add_campaign("Spring")
    page = requests.get(f"{sandbox.url}/app/campaign/{campaign_id}/analytics", timeout=10)
    assert page.status_code == 200
    assert page.text == requests.get(sandbox.url, timeout=10).text
    assert page.headers["content-security-policy"]


def test_what_clients_send_is_shown_as_text_only() -> None:
    script = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    for way_in in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "srcdoc"):
        assert way_in not in script


def test_paths_are_shown_whole_as_the_globs_of_faults_see_them(sandbox: SandboxClient) -> None:
    requests.get(f"{sandbox.url}/api/v2/campaigns", timeout=10)
    (shown,) = requests.get(f"{sandbox.url}/_sandbox/overview", timeout=10).json()["requests"]
    assert [each["path"] for each in sandbox.requests(path=shown["path"])] == ["/api/v2/campaigns"]
    assert sandbox.requests(path="/campaigns") == []
    assert not any("/api/v2" in (STATIC / name).read_text("utf-8") for name in SCRIPTS)


def test_every_element_that_the_script_asks_for_is_on_the_page() -> None:
    page = (STATIC / "page.html").read_text("utf-8")
    script = "".join((STATIC / name).read_text("utf-8") for name in SCRIPTS)
    asked = set(re.findall(r'(?:at|fill|drawInto)\("([\w-]+)"[,)]', script))
    assert asked
    assert asked <= set(re.findall(r'id="([\w-]+)"', page))


def test_the_overview_has_all_that_the_page_shows(sandbox: SandboxClient) -> None:
    name = "<img src=x onerror=alert(1)>"
    sandbox.add_campaign(name, script=[(0, "active"), (5, "bounce_protect")], running=True)
    sandbox.add_campaigns(60, "Bulk")
    sandbox.add_fault("reset")
    seen = requests.get(f"{sandbox.url}/_sandbox/overview", timeout=10).json()
    assert {each["name"]: each["count"] for each in seen["totals"]} == {"Draft": 60, "Active": 1}
    assert len(seen["campaigns"]) == 50
    assert seen["campaigns"][0]["name"] == "Bulk 60"
    assert seen["faults"][0]["kind"] == "reset"
    found = requests.get(f"{sandbox.url}/_sandbox/overview", params={"search": "<img"}, timeout=10).json()
    assert [each["name"] for each in found["campaigns"]] == [name]
    assert found["found"] == 1


def overview(sandbox: SandboxClient, **query: str | int) -> dict[str, Any]:
    answer = requests.get(f"{sandbox.url}/_sandbox/overview", params=query, timeout=10)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_many_campaigns_are_paged(sandbox: SandboxClient) -> None:
    sandbox.add_campaigns(300, "Bulk")
    sandbox.add_campaigns(3, "STRAẞE")
    pages = [overview(sandbox, limit=25, offset=offset) for offset in range(0, 325, 25)]
    assert [len(page["campaigns"]) for page in pages] == [25] * 12 + [3]
    assert {page["found"] for page in pages} == {303}
    names = [each["name"] for page in pages for each in page["campaigns"]]
    assert names == [f"STRAẞE {n}" for n in (3, 2, 1)] + [f"Bulk {n}" for n in range(300, 0, -1)]
    second = overview(sandbox, search="strasse", limit=2, offset=2)
    assert ([each["name"] for each in second["campaigns"]], second["found"]) == (["STRAẞE 1"], 3)
    beyond = overview(sandbox, limit=25, offset=325)
    assert (beyond["campaigns"], beyond["found"]) == ([], 303)


def test_it_tells_where_in_its_script_each_campaign_is(sandbox: SandboxClient, api: Any) -> None:
    def position() -> dict[str, Any] | None:
        (seen,) = overview(sandbox)["campaigns"]
        found: dict[str, Any] | None = seen["position"]
        return found

    # The clock runs on between two answers, so the times lie hours apart.
    campaign = sandbox.add_campaign(script=[(3600, "active"), (36_000, "bounce_protect")])
    assert position() is None
    api.activate(campaign)
    before = position()
    assert before is not None
    assert before["done"] == 0
    assert 1800 < before["next_in"] <= 3600
    sandbox.advance_clock(7200)
    between = position()
    assert between is not None
    assert between["done"] == 1
    assert 25_000 < between["next_in"] <= 28_800
    sandbox.advance_clock(36_000)
    assert position() == {"done": 2, "next_in": None}
    sandbox.pause(campaign)
    assert position() is None


@pytest.mark.parametrize("kind", range(15))
def test_the_page_s_faults_are_ones_that_the_control_api_takes(sandbox: SandboxClient, kind: int) -> None:
    """The faults are written in the script; each is sent here as the page would send it."""
    script = (STATIC / "page.js").read_text("utf-8")
    listed = re.findall(r'^  \["[^"]+", (\{.*\})\],$', script, re.MULTILINE)
    assert len(listed) == 15
    fault = re.sub(r"(\w+):(?= )", r'"\1":', listed[kind])
    # How often comes from the form. Here, the page would find the fault's name again for that number only.
    assert '"count"' not in fault
    answer = requests.post(
        f"{sandbox.url}/_sandbox/faults",
        data=fault[:-1] + ', "path": "*", "method": "*"}',
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text


@contextmanager
def opened(url: str) -> Iterator[Callable[..., dict[str, Any]]]:
    """The page, run in Node; each call presses or clicks something, and returns what is shown and was copied."""
    scripts = [str(STATIC / name) for name in ("picture.js", "page.js")]
    harness = Path(__file__).with_name("page_in_node.js")
    with subprocess.Popen(
        [NODE or "node", str(harness), url, *scripts], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        into, out = process.stdin, process.stdout

        def page(command: str = "look", what: str = "") -> dict[str, Any]:
            into.write(json.dumps([command, what]) + "\n")
            into.flush()
            answer: dict[str, Any] = json.loads(out.readline())
            return answer

        try:
            yield page
        finally:
            into.close()


@in_node
def test_it_shows_300_campaigns_page_by_page_beside_faults_and_requests(sandbox: SandboxClient) -> None:
    ids = sandbox.add_campaigns(300, "Bulk")
    sandbox.add_fault("reset", path="/nowhere")
    requests.get(f"{sandbox.url}/api/v2/campaigns", timeout=10)
    with opened(sandbox.url) as page:
        first = page()["shown"]
        assert first["shown-campaigns"] == "1 to 25 of 300"
        assert [each in first["campaigns"] for each in (ids[-1], ids[-25], ids[-26])] == [True, True, False]
        assert "Connection reset before the effect" in first["faults"]
        assert "/api/v2/campaigns" in first["requests"]
        second = page("click", "next-page")["shown"]
        assert second["shown-campaigns"] == "26 to 50 of 300"
        assert [each in second["campaigns"] for each in (ids[-25], ids[-26])] == [False, True]


@in_node
def test_an_id_can_be_copied(sandbox: SandboxClient) -> None:
    campaign_id = sandbox.add_campaign("Spring")
    with opened(sandbox.url) as page:
        page()
        assert page("press", "Copy the id of Spring")["copied"] == [campaign_id]


@in_node
def test_it_says_that_the_service_was_stopped_and_goes_on_by_itself(tmp_path: Path) -> None:
    database = tmp_path / "sandbox.sqlite"
    with ExitStack() as stack:
        with running_sandbox(database=database) as sandbox:
            sandbox.add_campaign("Spring")
            page = stack.enter_context(opened(sandbox.url))
            assert page()["shown"]["lost"] is None
        stopped = page()["shown"]
        assert stopped["lost-what"] == f"The sandbox at {sandbox.url} cannot be reached."
        assert stopped["lost"] is not None
        assert stopped["lost-since"].endswith("If it was stopped, start it again: this page goes on by itself.")
        assert stopped["state"] == "No answer"
        assert "Spring" in stopped["campaigns"]
        with running_sandbox(database=database, port=int(sandbox.url.rpartition(":")[2])):
            again = page()["shown"]
        assert (again["lost"], again["state"]) == (None, "Live")
