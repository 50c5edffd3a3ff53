"""The site that `make docs` built: each of its links leads somewhere, it can be searched, and it asks no other host."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest

from airflow_provider_instantly import __version__
from tests.docs.documents import ROOT

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("sphinx", reason="Only `make docs` makes the site")

SITE = ROOT / "build" / "docs"


class _Page(HTMLParser):
    """What a page leads to, what it loads, and what can be led to in it."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loaded: set[str] = set()
        self.anchors: set[str] = set()
        self.feed(file.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value for name, value in attrs if value}
        self.anchors |= {found[name] for name in ("id", "name") if name in found}
        if "src" in found:
            self.loaded.add(found["src"])
        if "href" in found:
            (self.loaded if tag == "link" else self.links).add(found["href"])


PAGES = {file: _Page(file) for file in sorted(SITE.rglob("*.html"))}


def _is_elsewhere(target: str) -> bool:
    return bool(urlsplit(target).scheme or urlsplit(target).netloc)


def test_each_link_leads_to_a_page_and_a_place_in_it() -> None:
    dead = []
    for file, page in PAGES.items():
        for target in page.links | page.loaded:
            if _is_elsewhere(target):
                continue
            parts = urlsplit(target)
            to = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            anchors = PAGES[to].anchors if to in PAGES else set()
            if not to.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                dead.append(f"{file.relative_to(SITE)}: {target}")
    assert dead == []
    assert sum(len(page.links) for page in PAGES.values()) > 100


def test_no_page_asks_another_host_for_anything() -> None:
    assert {target for page in PAGES.values() for target in page.loaded if _is_elsewhere(target)} == set()


def test_a_picture_of_airflow_can_be_seen_in_full_size() -> None:
    assert {"_images/launched.png", "_images/stopped.png"} <= PAGES[SITE / "get-started.html"].links


def test_guides_and_reference_can_be_searched() -> None:
    index = (SITE / "searchindex.js").read_text("utf-8")
    assert '"how-to/launch"' in index
    assert '"reference/parameters"' in index
    assert '"reference/api/operators"' in index
    assert "ActivateCampaignOperator" in index
    assert (SITE / "search.html").is_file()


def test_the_first_page_is_the_readme_of_this_version() -> None:
    first = (SITE / "index.html").read_text("utf-8")
    assert __version__ in re.findall(r"<title>(.*?)</title>", first, re.DOTALL)[0]
    assert "E-mails cannot be unsent." in first
