"""The charts of a report: what they say in words and numbers, and what is drawn of it."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace

import pytest

from airflow_provider_instantly.analytics.limits import Limits
from airflow_provider_instantly.api.analytics import CampaignAnalytics
from airflow_provider_instantly.reports.charts import (
    ON_WHITE,
    Chart,
    charts_of,
    each_png,
    percent,
    rate_text,
    svg,
    variant_name,
)
from airflow_provider_instantly.reports.figures import CampaignFigures, Rate
from tests.unit.reports.campaigns import LIMITS, SENT_ID, draft, part, sent_campaign

NAMESPACE = "{http://www.w3.org/2000/svg}"


def charts(campaign: CampaignFigures | None = None, limits: Limits = LIMITS) -> dict[str, Chart]:
    return {chart.name: chart for chart in charts_of(campaign or sent_campaign(), limits)}


def parsed(drawn: str) -> ElementTree.Element:
    return ElementTree.fromstring(drawn)  # noqa: S314 - we have just drawn it


def words(chart: Chart) -> str:
    """All text that is drawn."""
    return " ".join(filter(None, (node.text for node in parsed(svg(chart, "x")).iter())))


def png_texts(content: bytes) -> dict[str, str]:
    """The texts in a PNG's metadata."""
    found, at = {}, 8
    while at < len(content):
        (length,) = struct.unpack(">I", content[at : at + 4])
        kind, body = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        if kind == b"tEXt":
            key, _, value = body.partition(b"\0")
            found[key.decode()] = value.decode("latin-1")
        elif kind == b"iTXt":
            key, _, rest = body.partition(b"\0")
            is_packed, text = rest[0], rest[2:].split(b"\0", 2)[2]
            found[key.decode()] = (zlib.decompress(text) if is_packed else text).decode()
        at += length + 12
    return found


def test_a_campaign_that_has_sent_has_four() -> None:
    assert list(charts()) == ["funnel", "rates", "days", "variants"]
    assert charts_of(draft(), LIMITS) == ()


@pytest.mark.parametrize("name", ["funnel", "rates", "days", "variants"])
def test_each_says_in_words_and_in_a_table_what_it_draws(name: str) -> None:
    chart = charts()[name]
    assert chart.title
    assert chart.alt.endswith(".")
    assert chart.rows
    assert all(len(row) == len(chart.head) for row in chart.rows)
    drawn = words(chart)
    assert name == "days" or all(row[0] in drawn for row in chart.rows)


def test_the_funnel() -> None:
    chart = charts()["funnel"]
    assert ("Written to", "540") in chart.rows
    assert "bounces 14" in chart.alt
    assert "Bounces" not in [row[0] for row in charts(sent_campaign(bounced=None))["funnel"].rows]


def test_rates_with_their_limits() -> None:
    found = {row[0]: row[1:] for row in charts()["rates"].rows}
    assert found["Bounces"] == ("2.6 % (1.3 to 5.1 %)", "2.0 %", "breached")
    assert found["Replies"][1:] == ("1.0 %", "kept")
    assert charts(limits=Limits())["rates"].rows[0][2:] == ("none", "no limit")
    assert "limit" not in charts(limits=Limits())["rates"].alt


def test_a_limit_is_shown_as_it_was_given() -> None:
    limits = Limits(max_bounce_rate=0.0125, max_unsubscribe_rate=0.0025, min_reply_rate=0.07)
    chart = charts(limits=limits)["rates"]
    assert [row[2] for row in chart.rows] == ["1.25 %", "0.25 %", "7.0 %"]
    assert "limit 0.25 %: " in chart.alt


def test_no_axis_goes_beyond_all() -> None:
    shares = [float(each) for each in re.findall(r"([0-9.]+) %", words(charts(sent_campaign(bounced=540))["rates"]))]
    assert max(shares) == 100


def test_without_any_rate_there_is_no_chart_of_rates() -> None:
    assert "rates" not in charts(sent_campaign(bounced=None, unsubscribed=None, replied=None))


def test_figures_that_only_say_how_many_were_sent_have_no_charts() -> None:
    bare = CampaignFigures(SENT_ID, "Spring", totals=CampaignAnalytics(SENT_ID, sent=5))
    assert charts_of(bare, LIMITS) == ()
    assert list(each_png([bare], LIMITS)) == []


def test_days_in_order_and_the_latest_only() -> None:
    assert [row[0] for row in charts()["days"].rows] == ["2026-05-02", "2026-05-03"]
    many = tuple(part(f"2026-{month:02}-{day:02}") for month in (3, 4, 5) for day in range(1, 31))
    chart = charts(replace(sent_campaign(), days=many))["days"]
    assert (len(chart.rows), chart.rows[-1][0]) == (60, "2026-05-30")
    assert "days" not in charts(replace(sent_campaign(), days=()))
    assert "days" not in charts(replace(sent_campaign(), days=(part("", sent=1), part("2026-05-01", sent=None))))


def test_variants_in_order() -> None:
    rows = charts()["variants"].rows
    assert [row[:2] for row in rows] == [("Step 1 A", "276"), ("Step 1 B", "264")]
    assert "variants" not in charts(replace(sent_campaign(), variants=(part(step="0", variant="0", sent=0),)))


def test_many_variants_are_all_in_the_table() -> None:
    many = tuple(part(step=str(step), variant="0") for step in range(12))
    chart = charts(replace(sent_campaign(), variants=many))["variants"]
    assert [row[0] for row in chart.rows] == [f"Step {step} A" for step in range(1, 13)]
    assert "The first 10 of 12." in chart.alt
    assert "Step 11" not in words(chart)


@pytest.mark.parametrize(
    ("step", "variant", "name"),
    [
        ("0", "0", "Step 1 A"),
        ("2", "25", "Step 3 Z"),
        ("0", "26", "Step 1 variant 26"),
        ("x", "", "Step x variant ?"),
        ("ada@example.com", "9" * 12, f"Step (an address) variant {'9' * 12}"),
    ],
)
def test_what_a_variant_is_called(step: str, variant: str, name: str) -> None:
    assert variant_name(part(step=step, variant=variant)) == name


def test_shares_and_rates_as_text() -> None:
    assert percent(0.0254) == "2.5 %"
    assert rate_text(None) == "not known"
    assert rate_text(Rate(0, 20, 0.95)) == "0.0 % (0.0 to 20.0 %)"


# What is drawn


@pytest.mark.parametrize("name", ["funnel", "rates", "days", "variants"])
def test_an_svg_takes_size_colours_and_type_from_its_page(name: str) -> None:
    drawn = svg(charts()[name], "a-prefix")
    root = parsed(drawn)
    assert root.tag == f"{NAMESPACE}svg"
    assert {"width", "height"}.isdisjoint(root.attrib)
    assert root.get("aria-hidden") == "true"
    assert "DejaVu" not in drawn
    assert not re.search(r"#0[1-6]0[1-6]0[1-6]", drawn)
    assert "var(--ink)" in drawn
    assert re.findall(r"(?:fill|stroke): ?#[0-9a-f]{6}", drawn) == []
    assert all(node.get("id", "a-prefix-").startswith("a-prefix-") for node in root.iter())
    links = re.findall(r"(?:href=\"|url\()#([^\")]+)", drawn)
    ids = {node.get("id") for node in root.iter()}
    assert set(links) <= ids
    assert "<metadata" not in drawn


def test_the_same_figures_give_the_same_drawing() -> None:
    assert svg(charts()["rates"], "x") == svg(charts()["rates"], "x")


def test_a_name_with_markup_or_formulas_is_text() -> None:
    campaign = sent_campaign("$1 & <b>2</b> $")
    ((name, content),) = each_png([campaign, draft()], LIMITS)
    assert name == f"{SENT_ID}.png"
    assert png_texts(content)["Title"] == "$1 & <b>2</b> $"


def test_a_png_carries_what_it_shows_as_text() -> None:
    ((_, content),) = each_png([sent_campaign()], LIMITS)
    assert content.startswith(b"\x89PNG\r\n")
    width, height = struct.unpack(">II", content[16:24])
    assert width > 1000
    assert height > 600
    assert "bounces 14" in png_texts(content)["Description"]


def test_three_charts_leave_a_place_empty() -> None:
    ((_, content),) = each_png([replace(sent_campaign(), days=())], LIMITS)
    assert content.startswith(b"\x89PNG")


def test_an_own_matplotlibrc_changes_nothing() -> None:
    import matplotlib

    before = svg(charts()["funnel"], "x")
    with matplotlib.rc_context({"font.size": 40, "axes.facecolor": "black", "svg.fonttype": "path"}):
        assert svg(charts()["funnel"], "x") == before


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(("name", "least"), [("ink", 4.5), ("soft", 4.5), ("main", 3), ("good", 3), ("bad", 3)])
def test_colours_stand_out_from_white(name: str, least: float) -> None:
    assert 1.05 / (_luminance(getattr(ON_WHITE, name)) + 0.05) >= least


def test_rows_that_came_twice_are_drawn_once() -> None:
    campaign = sent_campaign()
    twice = replace(campaign, days=campaign.days * 2, variants=campaign.variants * 2)
    assert {name: chart.rows for name, chart in charts(twice).items()} == {
        name: chart.rows for name, chart in charts(campaign).items()
    }


def test_very_many_variants_make_no_endless_table() -> None:
    variants = tuple(part(step=str(number), variant="0") for number in range(1_000))
    rows = charts(replace(sent_campaign(), variants=variants))["variants"].rows
    assert len(rows) == 101
    assert rows[-1] == ("And 900 more", "", "")


def test_the_name_of_a_step_is_short() -> None:
    assert len(variant_name(part(step="x" * 500, variant="y" * 500))) < 80


@pytest.mark.parametrize("most", [2**63 - 1, 10**9])
def test_huge_numbers_are_drawn(most: int) -> None:
    names = ("leads", "contacted", "sent", "bounced", "replied", "unsubscribed", "completed")
    campaign = sent_campaign("Spring", **dict.fromkeys(names, most))
    huge = replace(
        campaign,
        days=(part("2026-05-03", sent=most, replied=most),),
        variants=(part(step="0", variant="0", sent=most, replied=most),),
    )
    assert len(charts(huge)) == 4
    assert all(words(chart) for chart in charts(huge).values())
    [(_, picture)] = each_png([huge], LIMITS)
    assert picture.startswith(b"\x89PNG")
