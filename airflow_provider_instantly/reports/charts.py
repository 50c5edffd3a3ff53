"""
The charts of a report: what each shows, in words and numbers too, and how matplotlib draws it.

matplotlib is loaded when something is drawn. A chart of a page takes its colours from the page, light or dark.
"""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from airflow_provider_instantly.analytics.limits import Verdict
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.reports.figures import rate_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from airflow_provider_instantly.analytics.limits import Limits
    from airflow_provider_instantly.api.analytics import PartAnalytics
    from airflow_provider_instantly.reports.figures import CampaignFigures, Judged, Rate

#: Inches of one chart. A page shows it from 335 to 420 pixels wide, so its text of 9 points is 11 to 14 pixels high.
_WIDTH, _HEIGHT = 3.8, 2.5
_PADDING: Final = 0.08
_DPI: Final = 144
#: So many days, the latest, and so many variants, the first, are drawn.
_DAYS: Final = 60
_VARIANTS: Final = 10
#: So many variants, the first, are in the table.
_LISTED: Final = 100
#: What Instantly calls a step or a variant is a number.
_SHOWN_CHARS: Final = 20


@dataclass(frozen=True)
class Palette:
    """Colours of a chart."""

    ink: str
    soft: str
    line: str
    main: str
    good: str
    bad: str


#: What a PNG has, on white. Text is at least 4.5:1 against it, and what is drawn at least 3:1.
ON_WHITE: Final = Palette("#172033", "#55607a", "#d5dbe6", "#2f5bea", "#0b7a4b", "#b3261e")
#: Stand for the variables of a page's style sheet, and are nowhere else.
_FOR_A_PAGE: Final = Palette("#010101", "#020202", "#030303", "#040404", "#050505", "#060606")
_VARIABLES: Final = {
    "#010101": "var(--ink)",
    "#020202": "var(--soft)",
    "#030303": "var(--line)",
    "#040404": "var(--main)",
    "#050505": "var(--good)",
    "#060606": "var(--bad)",
}


@dataclass(frozen=True)
class Chart:
    """
    A chart, for eyes and for a screen reader.

    :param name: one word for it.
    :param title: its heading.
    :param alt: what it shows, in a sentence.
    :param head: the head of the table of its numbers.
    :param rows: the rows of that table.
    :param draw: draws it.
    """

    name: str
    title: str
    alt: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    draw: Callable[[Axes, Palette], None]


def charts_of(campaign: CampaignFigures, limits: Limits) -> tuple[Chart, ...]:
    """
    The charts of a campaign; none where it never sent.

    :param campaign: the campaign.
    :param limits: what its rates are held against.
    """
    if not campaign.has_sent:
        return ()
    made = (
        _funnel(campaign),
        _rates(campaign.judged(limits)),
        _days(campaign.days),
        _variants(campaign.variants, limits.confidence),
    )
    return tuple(chart for chart in made if chart is not None)


def percent(share: float) -> str:
    """
    A share as a person reads it: ``2.5 %``.

    :param share: from 0 to 1.
    """
    return f"{100 * share:.1f} %"


def _as_given(limit: float) -> str:
    """A limit, which is not rounded: its author wrote it."""
    points = round(100 * limit, 10)
    return percent(limit) if points == round(points, 1) else f"{points:g} %"


def rate_text(rate: Rate | None) -> str:
    """
    A rate with its interval: ``2.5 % (1.1 to 5.7 %)``.

    :param rate: the rate, or None.
    """
    if rate is None:
        return "not known"
    low, high = rate.interval
    return f"{percent(rate.value)} ({100 * low:.1f} to {percent(high)})"


def svg(chart: Chart, prefix: str) -> str:
    """
    A chart as an SVG element for a page, in the page's colours.

    :param chart: the chart.
    :param prefix: what its ids begin with; no other chart of the page has the same.
    """
    with _settings():
        figure = _figure(_WIDTH, _HEIGHT)
        _fill(figure.subplots(), chart, _FOR_A_PAGE, with_title=False)
        written = io.StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _for_a_page(written.getvalue(), prefix)


def png(charts: Sequence[Chart], title: str, alt: str) -> bytes:
    """
    Charts as one picture, two in a row, for a chat or a document.

    :param charts: the charts, at least one.
    :param title: the heading.
    :param alt: what it shows; it is in the file's metadata, too.
    """
    columns = min(2, len(charts))
    rows = -(-len(charts) // columns)
    with _settings():
        figure = _figure(_WIDTH * columns, _HEIGHT * rows + 0.5)
        figure.suptitle(title, color=ON_WHITE.ink, fontsize=12, fontweight="bold")
        places = figure.subplots(rows, columns, squeeze=False).flat
        for axes, chart in zip(places, charts, strict=False):
            _fill(axes, chart, ON_WHITE, with_title=True)
        for axes in list(places)[len(charts) :]:
            axes.set_axis_off()
        written = io.BytesIO()
        figure.savefig(
            written, format="png", dpi=_DPI, facecolor="white", metadata={"Title": title, "Description": alt}
        )
    return written.getvalue()


# What is drawn


def _funnel(campaign: CampaignFigures) -> Chart | None:
    totals = campaign.totals
    assert totals is not None  # noqa: S101 - charts are of campaigns that have sent
    bars = [
        (name, count, kind)
        for name, count, kind in (
            ("Leads", totals.leads, "soft"),
            ("Written to", totals.contacted, "main"),
            ("Completed", totals.completed, "main"),
            ("Replies", totals.replied, "good"),
            ("Unsubscribed", totals.unsubscribed, "bad"),
            ("Bounces", totals.bounced, "bad"),
        )
        if count is not None
    ]
    if not bars:
        return None

    def draw(axes: Axes, palette: Palette) -> None:
        names, counts, kinds = zip(*bars, strict=True)
        colours = [getattr(palette, kind) for kind in kinds]
        drawn = axes.barh(names, counts, color=colours, height=0.66)
        axes.bar_label(drawn, [f"{count:,}" for count in counts], padding=4, color=palette.ink)
        axes.invert_yaxis()
        axes.set_xlim(0, max(1, *counts) * 1.18)
        axes.xaxis.set_visible(False)
        axes.spines["bottom"].set_visible(False)

    said = ", ".join(f"{name.lower()} {count:,}" for name, count, _ in bars)
    rows = tuple((name, f"{count:,}") for name, count, _ in bars)
    return Chart("funnel", "From lead to reply", f"Bars: {said}.", ("", "Count"), rows, draw)


def _rates(judged: Sequence[Judged]) -> Chart | None:
    known = [(each, rate) for each in judged if (rate := each.rate) is not None]
    if not known:
        return None

    def draw(axes: Axes, palette: Palette) -> None:
        for place, (each, rate) in enumerate(known):
            colours = {Verdict.BREACHED: palette.bad, Verdict.KEPT: palette.good}
            colour = palette.main if each.verdict is None else colours.get(each.verdict, palette.main)
            _draw_rate(axes, place, rate, colour, palette)
            if each.limit is not None:
                ends = place - 0.34, place + 0.34
                axes.vlines(100 * each.limit, *ends, color=palette.ink, linestyle="--", linewidth=1.2)
        limits = [each.limit for each, _ in known if each.limit is not None]
        _finish_rates(axes, [each.name for each, _ in known], [rate for _, rate in known], limits, palette)

    rows = tuple(
        (each.name, rate_text(rate), "none" if each.limit is None else _as_given(each.limit), each.word)
        for each, rate in known
    )
    said = "; ".join(
        f"{name.lower()} {share}" + ("" if limit == "none" else f", limit {limit}: {verdict}")
        for name, share, limit, verdict in rows
    )
    head = ("", "Of e-mails sent", "Limit", "Verdict")
    return Chart("rates", "Rates and their limits", f"Rates of e-mails sent: {said}.", head, rows, draw)


def _days(parts: Sequence[PartAnalytics]) -> Chart | None:
    days = sorted(
        (each for each in dict.fromkeys(parts) if each.date and each.sent is not None), key=lambda each: each.date
    )[-_DAYS:]
    if not days:
        return None

    def draw(axes: Axes, palette: Palette) -> None:
        places = range(len(days))
        axes.bar(places, [day.sent or 0 for day in days], color=palette.main, width=0.8, label="e-mails")
        axes.bar(places, [day.replied or 0 for day in days], color=palette.good, width=0.8, label="replies")
        middle = {(len(days) - 1) // 2} if len(days) > 6 else set()
        shown = sorted({0, len(days) - 1} | middle)
        axes.set_xticks(shown, [days[place].date for place in shown])
        axes.set_xlim(-0.7, max(len(days), 4) - 0.3)
        _whole_numbers(axes, palette)
        looks: dict[str, Any] = {"frameon": False, "labelcolor": palette.ink, "borderpad": 0, "ncols": 2}
        axes.legend(loc="lower right", bbox_to_anchor=(1, 1), **looks)

    sent, replied = (sum(getattr(day, name) or 0 for day in days) for name in ("sent", "replied"))
    alt = f"Bars for {len(days)} days from {days[0].date} to {days[-1].date}: {sent:,} e-mails, {replied:,} replies."
    rows = tuple((day.date, _count(day.sent), _count(day.replied)) for day in days)
    return Chart("days", "E-mails and replies by day (UTC)", alt, ("Day", "E-mails", "Replies"), rows, draw)


def _variants(parts: Sequence[PartAnalytics], confidence: float) -> Chart | None:
    found = sorted(
        dict.fromkeys(parts), key=lambda each: (_number(each.step), _number(each.variant), each.step, each.variant)
    )
    rates = [(part, rate) for part in found if (rate := rate_of(part.replied, part.sent, confidence)) is not None]
    if not rates:
        return None
    names = [variant_name(part) for part, _ in rates]

    def draw(axes: Axes, palette: Palette) -> None:
        drawn = rates[:_VARIANTS]
        for place, (_, rate) in enumerate(drawn):
            _draw_rate(axes, place, rate, palette.main, palette)
        labels = [f"{name} ({rate.of:,})" for name, (_, rate) in zip(names, drawn, strict=False)]
        _finish_rates(axes, labels, [rate for _, rate in drawn], [], palette)

    rows = tuple((name, f"{rate.of:,}", rate_text(rate)) for name, (_, rate) in zip(names, rates, strict=True))
    rows = rows[:_LISTED] + ((f"And {len(rows) - _LISTED:,} more", "", ""),) * (len(rows) > _LISTED)
    said = "; ".join(f"{name}: {share} of {sent}" for name, sent, share in rows[:_VARIANTS])
    left_out = f" The first {_VARIANTS} of {len(rates)}." if len(rates) > _VARIANTS else ""
    alt = f"Replies by step and variant: {said}.{left_out}"
    head = ("Variant", "E-mails", "Replies")
    return Chart("variants", "Replies by variant (of e-mails)", alt, head, rows, draw)


def variant_name(part: PartAnalytics) -> str:
    """
    How a variant is called: ``Step 1 B``. The API counts both from "0".

    :param part: its figures.
    """
    step, variant = _number(part.step), _number(part.variant)
    letter = chr(ord("A") + variant) if 0 <= variant < 26 else f"variant {_shown(part.variant)}"
    return f"Step {step + 1 if step >= 0 else _shown(part.step)} {letter}"


def _shown(text: str) -> str:
    return shown_text(text, limit=_SHOWN_CHARS) or "?"


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else -1


def _count(number: int | None) -> str:
    return "not known" if number is None else f"{number:,}"


# How it is drawn


def _draw_rate(axes: Axes, place: int, rate: Rate, colour: str, palette: Palette) -> None:
    """A dot for the rate, and a line for what its interval leaves open."""
    low, high = rate.interval
    axes.hlines(place, 100 * low, 100 * high, color=colour, linewidth=5, alpha=0.45)
    axes.plot([100 * rate.value], [place], "o", color=colour, markersize=7)
    axes.annotate(
        percent(rate.value), (100 * high, place), (6, 0), textcoords="offset points", va="center", color=palette.ink
    )


def _finish_rates(
    axes: Axes, names: Sequence[str], rates: Iterable[Rate], limits: Iterable[float], palette: Palette
) -> None:
    from matplotlib.ticker import MaxNLocator

    most = max([0.01, *(rate.interval[1] for rate in rates), *limits])
    axes.set_xlim(0, 100 * most * 1.28)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_yticks(range(len(names)), names)
    # The words beside the longest line need room, but there is no share above all.
    axes.set_xticks([tick for tick in MaxNLocator(nbins=5).tick_values(0, 128 * most) if tick <= min(100, 128 * most)])
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    axes.grid(axis="x", color=palette.line, linewidth=0.8)
    axes.set_axisbelow(True)


def _whole_numbers(axes: Axes, palette: Palette) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.grid(axis="y", color=palette.line, linewidth=0.8)
    axes.set_axisbelow(True)


def _fill(axes: Axes, chart: Chart, palette: Palette, *, with_title: bool) -> None:
    chart.draw(axes, palette)
    axes.tick_params(length=0, colors=palette.ink, labelsize=9)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(palette.line)
    if with_title:
        axes.set_title(
            chart.title,
            color=palette.ink,
            fontsize=10,
            fontweight="bold",
            loc="left",
            pad=22 if axes.get_legend() else 8,
        )


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _settings() -> Any:
    """Text stays text, the same figures give the same bytes, and nothing depends on a matplotlibrc of the machine."""
    import matplotlib

    settings: dict[Any, Any] = {name: it for name, it in matplotlib.rcParamsDefault.items() if name != "backend"}
    settings |= {
        "figure.constrained_layout.w_pad": _PADDING,
        "figure.constrained_layout.h_pad": _PADDING,
        "svg.fonttype": "none",
        "svg.hashsalt": "report",
        "text.parse_math": False,  # a campaign may be called "$1 and $2"
        "font.size": 9.0,
        "font.family": ["DejaVu Sans"],
    }
    return matplotlib.rc_context(settings)


def _for_a_page(document: str, prefix: str) -> str:
    """The SVG element alone: as wide as the page lets it, in the page's colours and type, and with ids of its own."""
    element = document[document.index("<svg") :]
    element = re.sub(r"<metadata>.*?</metadata>\s*", "", element, flags=re.DOTALL)
    element = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'\bid="', f'id="{prefix}-', element)
    element = re.sub(r'(href="#|url\(#)', rf"\1{prefix}-", element)
    element = re.sub(r"font:[^;\"]*;?|font-family:[^;\"]*;?", _font_size, element)
    for colour, variable in _VARIABLES.items():
        element = element.replace(colour, variable)
    return element.replace("<svg", '<svg aria-hidden="true" focusable="false"', 1).strip()


def _font_size(style: re.Match[str]) -> str:
    """Of the shorthand ``font: 9px 'DejaVu Sans'`` the size stays."""
    size = re.search(r"[0-9.]+px", style[0])
    return f"font-size: {size[0]};" if size else ""


def each_png(campaigns: Iterable[CampaignFigures], limits: Limits) -> Iterator[tuple[str, bytes]]:
    """
    The name and content of a PNG for each campaign that has sent.

    :param campaigns: the campaigns.
    :param limits: what their rates are held against.
    """
    for campaign in campaigns:
        if charts := charts_of(campaign, limits):
            alt = " ".join(f"{chart.title}: {chart.alt}" for chart in charts)
            yield f"{campaign.id}.png", png(charts, campaign.name, alt)
