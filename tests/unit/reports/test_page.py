"""The page of a report: whole, safe, and readable without its pictures."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from airflow_provider_instantly.analytics.limits import Limits
from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.reports.figures import Sender, State
from airflow_provider_instantly.reports.page import page
from tests.unit.reports.campaigns import DRAFT_ID, GONE_ID, SENT_ID, draft, report, sent_campaign

#: Elements that have no end.
_VOID = {"meta", "link", "br", "img", "input", "hr"}


class Outline(HTMLParser):
    """What a browser sees: elements, which must be closed in order, and the text outside of styles."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(document)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module")
def outline() -> Outline:
    return Outline(page(report()))


def test_it_names_every_campaign_and_how_it_stands(outline: Outline) -> None:
    for said in ("3 campaigns", "Spring", "Bounce Protect", "Draft", GONE_ID, "The workspace has no such campaign."):
        assert said in outline.text
    assert "Figures as of 2026-05-04 12:00 UTC." in outline.text
    assert "with a confidence of 99 %" in outline.text


def test_one_campaign() -> None:
    assert "1 campaign " in Outline(page(report(draft()))).text


def test_states_in_order(outline: Outline) -> None:
    assert re.search(r"the launch Active now Bounce Protect", outline.text)


@pytest.mark.parametrize(
    ("status", "look"),
    [
        (CampaignStatus.ACTIVE, "pill good"),
        (CampaignStatus.PAUSED, "pill warning"),
        (CampaignStatus.ACCOUNT_SUSPENDED, "pill bad"),
        (CampaignStatus.DRAFT, "pill "),
        (None, "pill "),
    ],
)
def test_a_status_has_a_colour_and_a_word(status: CampaignStatus | None, look: str) -> None:
    state = State("now", status)
    assert f'<span class="{look}">{state.label}</span>' in page(report(replace(draft(), states=(state,))))


def test_nothing_sent_is_not_nothing_bounced(outline: Outline) -> None:
    assert "Instantly says that nothing was sent, so there are no rates." in outline.text
    text = Outline(page(report(draft()))).text
    assert "0.0 %" not in text


def test_what_is_not_known_is_not_nothing() -> None:
    shown = Outline(page(report(sent_campaign(sent=None, bounced=50)))).text
    assert "nothing was sent" not in shown
    assert "none" not in shown
    assert "Instantly does not say how many e-mails were sent, so there are no rates." in shown


def test_verdicts_are_words(outline: Outline) -> None:
    assert "2.6 % (1.3 to 5.1 %) breached" in outline.text
    assert re.search(r"5\.7 % \([^)]*\) kept", outline.text)


def test_without_limits_there_is_no_verdict() -> None:
    text = Outline(page(replace(report(), limits=Limits()))).text
    assert "breached" not in text
    assert "kept" not in text


def test_senders_and_windows(outline: Outline) -> None:
    assert "b…@example.com cannot send It is in the status Paused. Warm-up score 100." in outline.text
    assert "0 of 1 without a finding." in outline.text
    assert "Mon 2026-05-04 09:00 to 17:00 America/Detroit (Weekdays)" in outline.text
    assert "It has no sending account, so it sends nothing." in outline.text
    assert "Its schedule does not open again." in outline.text


def test_senders_that_could_not_be_read_are_not_said_to_be_none() -> None:
    text = Outline(page(report(replace(draft(), senders=None)))).text
    assert "They could not be read." in text
    assert "no sending account" not in text


@pytest.mark.parametrize(
    ("level", "word"), [("good", "good"), ("unknown", "not known"), ("warning", "cold"), ("bad", "cannot send")]
)
def test_how_a_sender_stands_in_a_word(level: str, word: str) -> None:
    markup = page(report(replace(draft(), senders=(Sender("s…@example.com", level, ("A note.",)),))))
    assert f'<span class="pill {level}">{word}</span>' in markup


def test_many_senders_are_counted() -> None:
    many = tuple(Sender(f"{number}…@example.com", "good") for number in range(40))
    text = Outline(page(report(replace(draft(), senders=many)))).text
    assert "40 of 40 without a finding." in text
    assert "The first 12 of 40." in text
    assert "12…@example.com" not in text


# For everybody


def test_every_picture_says_what_it_shows(outline: Outline) -> None:
    pictures = [attributes for _, attributes in outline.elements if attributes.get("role") == "img"]
    assert len(pictures) == 4
    assert all(attributes["aria-label"] for attributes in pictures)
    drawn = [attributes for tag, attributes in outline.elements if tag == "svg"]
    assert all(attributes.get("aria-hidden") == "true" for attributes in drawn)
    assert not any(tag == "img" for tag, _ in outline.elements)


def test_every_table_has_heads_and_every_id_is_there_once(outline: Outline) -> None:
    tables = sum(tag == "table" for tag, _ in outline.elements)
    heads = [attributes.get("scope") for tag, attributes in outline.elements if tag == "th"]
    assert tables == 5
    assert set(heads) == {"row", "col"}
    ids = [attributes["id"] for _, attributes in outline.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    targets = [attributes["href"] for tag, attributes in outline.elements if tag == "a"]
    assert {f"#c-{SENT_ID}", f"#c-{DRAFT_ID}", f"{SENT_ID}.png"} <= set(targets)
    assert {str(target)[1:] for target in targets if str(target).startswith("#")} <= set(ids)


def test_it_has_a_language_a_title_and_headings_in_order(outline: Outline) -> None:
    tags = [tag for tag, _ in outline.elements]
    assert ("html", {"lang": "en"}) in outline.elements
    assert tags.count("h1") == 1
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_it_knows_light_and_dark_and_narrow() -> None:
    text = page(report())
    assert "prefers-color-scheme: dark" in text
    assert "color-scheme: light dark" in text
    assert "max-width: 640px" in text
    assert 'content="width=device-width, initial-scale=1"' in text


# Safe


def test_it_loads_nothing_and_runs_nothing(outline: Outline) -> None:
    text = page(report())
    assert "default-src 'none'" in text
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in outline.elements}
    assert not any(name.startswith("on") for _, attributes in outline.elements for name in attributes)
    outside = set(re.findall(r"https?://[^\s\"'<)]+", text))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "url(http" not in text
    assert "@import" not in text


MARKUP = "<script>alert(1)</script>\"'>&"


def test_what_others_have_named_is_text_only() -> None:
    campaign = replace(
        sent_campaign(MARKUP), states=(State(MARKUP, CampaignStatus.ACTIVE), State("now", CampaignStatus.ACTIVE)),
        senders=(Sender(MARKUP, "bad", (MARKUP,)),),
    )  # fmt: skip
    outline = Outline(page(report(campaign, title=MARKUP)))
    assert "script" not in {tag for tag, _ in outline.elements}
    assert outline.text.count("alert(1)") >= 5
