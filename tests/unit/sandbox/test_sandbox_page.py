"""The page for people: that it is served whole, and takes nothing from elsewhere."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from airflow_provider_instantly.sandbox.client import SandboxClient

SCRIPTS = ("page.js", "picture.js")
STATIC = resources.files("airflow_provider_instantly.sandbox") / "static"


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


@pytest.mark.parametrize("kind", range(15))
def test_the_page_s_faults_are_ones_that_the_control_api_takes(sandbox: SandboxClient, kind: int) -> None:
    """The faults are written in the script; each is sent here as the page would send it."""
    script = (STATIC / "page.js").read_text("utf-8")
    listed = re.findall(r'^  \["[^"]+", (\{.*\})\],$', script, re.MULTILINE)
    assert len(listed) == 15
    fault = re.sub(r"(\w+):(?= )", r'"\1":', listed[kind])
    answer = requests.post(
        f"{sandbox.url}/_sandbox/faults",
        data=fault[:-1] + ', "path": "*", "method": "*"}',
        headers={"Content-Type": "application/json"},
        timeout=10,
    )
    assert answer.status_code == 201, answer.text
