"""The page of a report: one HTML file that loads nothing, fits any width, and has no script."""

from __future__ import annotations

from html import escape
from importlib import resources
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.analytics.limits import Verdict
from airflow_provider_instantly.api.campaign import RUNNING_STATUSES, STOPPED_STATUSES, CampaignStatus
from airflow_provider_instantly.api.redaction import without_addresses
from airflow_provider_instantly.reports.charts import charts_of, rate_text, svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_instantly.analytics.limits import Limits
    from airflow_provider_instantly.api.schedule import SendingWindow
    from airflow_provider_instantly.reports.charts import Chart
    from airflow_provider_instantly.reports.figures import CampaignFigures, Judged, Report, Sender, State

#: So many senders are listed, the worst first; all are counted.
_SENDERS: Final = 12
#: What the page may load: nothing.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"


def page(report: Report) -> str:
    """
    The page of a report.

    :param report: the report.
    """
    style = resources.files(__package__).joinpath("page.css").read_text("utf-8")
    parts = [_overview(report), *(_campaign(each, report.limits) for each in report.campaigns)]
    made = f"Figures as of {report.made_at:%Y-%m-%d %H:%M} UTC{f', {report.period}' if report.period else ''}."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="referrer" content="no-referrer">
<title>{escape(report.title)}</title>
<style>
{style}</style>
</head>
<body>
<header>
<h1>{escape(report.title)}</h1>
<p class="soft">{escape(made)} Rates are shares of the e-mails sent; in brackets stands between which shares the true
one lies, with a confidence of {100 * report.limits.confidence:g} %.</p>
</header>
<main>
{chr(10).join(parts)}
</main>
</body>
</html>
"""


# The campaigns beside each other


def _overview(report: Report) -> str:
    rows = "\n".join(_overview_row(each, report.limits) for each in report.campaigns)
    return f"""<section aria-labelledby="overview">
<h2 id="overview">{_counted(len(report.campaigns), "campaign", "campaigns")}</h2>
<table class="overview">
<thead><tr><th scope="col">Campaign</th><th scope="col">Status</th><th scope="col">E-mails</th>
<th scope="col">Bounces</th><th scope="col">Unsubscribed</th><th scope="col">Replies</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</section>"""


def _overview_row(campaign: CampaignFigures, limits: Limits) -> str:
    judged = campaign.judged(limits)
    nothing = "none" if campaign.is_sent_known else "not known"
    sent = f"{campaign.totals.sent:,}" if campaign.totals and campaign.totals.sent else nothing
    rates = {each.name: _judged(each) for each in judged}
    cells = [("Status", _pill_of(campaign.states[-1:])), ("E-mails", sent)]
    cells += [(name, rates.get(name, nothing)) for name in ("Bounces", "Unsubscribed", "Replies")]
    shown = "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in cells)
    name = f'<a href="#c-{escape(campaign.id)}">{escape(campaign.name)}</a>'
    return f'<tr><th scope="row">{name}</th>{shown}</tr>'


def _judged(judged: Judged) -> str:
    text = escape(rate_text(judged.rate))
    if judged.verdict is None:
        return text
    look = {Verdict.BREACHED: "bad", Verdict.KEPT: "good"}.get(judged.verdict, "warning")
    return f'{text} <span class="pill {look}">{judged.word}</span>'


# One campaign


def _campaign(campaign: CampaignFigures, limits: Limits) -> str:
    key = f"c-{escape(campaign.id)}"
    body = (
        _body(campaign, limits, key) if campaign.is_there else '<p class="note">The workspace has no such campaign.</p>'
    )
    return f"""<section aria-labelledby="{key}">
<div class="head"><h2 id="{key}">{escape(campaign.name)}</h2>{_pill_of(campaign.states[-1:])}</div>
<p class="id">{escape(campaign.id)}</p>
{_states(campaign.states)}
{body}
</section>"""


def _body(campaign: CampaignFigures, limits: Limits, key: str) -> str:
    charts = [_chart(chart, f"{key}-{chart.name}") for chart in charts_of(campaign, limits)]
    lists = [_senders(campaign.senders), _windows(campaign.windows)]
    picture = f'<p class="soft"><a href="{escape(campaign.id)}.png">These charts as a picture</a></p>' if charts else ""
    says = "says that nothing was sent" if campaign.is_sent_known else "does not say how many e-mails were sent"
    nothing = "" if campaign.has_sent else f'<p class="soft">Instantly {says}, so there are no rates.</p>'
    return f"""{nothing}<div class="grid">
{chr(10).join([*charts, *lists])}
</div>
{picture}"""


def _states(states: Sequence[State]) -> str:
    if len(states) < 2:
        return ""
    items = "".join(f"<li>{escape(state.when)} {_pill_of([state])}</li>" for state in states)
    return f'<ol class="states" aria-label="How it stood, in order">{items}</ol>'


def _pill_of(states: Iterable[State]) -> str:
    for state in states:
        look = (
            "bad" if state.status in STOPPED_STATUSES
            else "good" if state.status in RUNNING_STATUSES
            else "warning" if state.status is CampaignStatus.PAUSED
            else ""
        )  # fmt: skip
        return f'<span class="pill {look}">{escape(state.label)}</span>'
    return '<span class="pill">Not known</span>'


def _chart(chart: Chart, key: str) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in chart.head)
    rows = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in more)}</tr>'
        for first, *more in chart.rows
    )
    return f"""<figure>
<h3>{escape(chart.title)}</h3>
<div role="img" aria-label="{escape(chart.alt)}">{svg(chart, key)}</div>
<details><summary>Numbers: {escape(chart.title)}</summary>
<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></details>
</figure>"""


def _senders(senders: Sequence[Sender] | None) -> str:
    if senders is None:
        return '<div><h3>Senders</h3><p class="soft">They could not be read.</p></div>'
    if not senders:
        return '<div><h3>Senders</h3><p class="soft">It has no sending account, so it sends nothing.</p></div>'
    ready = sum(sender.level == "good" for sender in senders)
    items = "".join(map(_sender, senders[:_SENDERS]))
    more = f'<p class="soft">The first {_SENDERS} of {len(senders):,}.</p>' if len(senders) > _SENDERS else ""
    return f"""<div><h3>Senders</h3>
<p class="soft">{ready:,} of {len(senders):,} without a finding.</p>
<ul class="plain">{items}</ul>{more}</div>"""


def _sender(sender: Sender) -> str:
    word = {"good": "good", "unknown": "not known", "warning": "cold", "bad": "cannot send"}[sender.level]
    score = "" if sender.score is None else f" Warm-up score {sender.score}."
    notes = escape(" ".join(sender.notes) + score).strip()
    return (
        f'<li>{escape(sender.name)} <span class="pill {sender.level}">{word}</span> '
        f'<span class="soft">{notes}</span></li>'
    )


def _windows(windows: Sequence[SendingWindow]) -> str:
    if not windows:
        return '<div><h3>Next sending windows</h3><p class="soft">Its schedule does not open again.</p></div>'
    items = "".join(f"<li>{_window(window)}</li>" for window in windows)
    return f'<div><h3>Next sending windows</h3><ul class="plain">{items}</ul></div>'


def _window(window: SendingWindow) -> str:
    opens, closes = window.opens, window.closes
    until = f"{closes:%H:%M}" if closes.date() == opens.date() else f"{closes:%a %Y-%m-%d %H:%M}"
    named = f" ({escape(without_addresses(window.schedule_name))})" if window.schedule_name else ""
    return (
        f'<time datetime="{opens.isoformat()}">{opens:%a %Y-%m-%d %H:%M}</time> to '
        f'<time datetime="{closes.isoformat()}">{until}</time> '
        f'<span class="soft">{escape(str(opens.timezone_name))}{named}</span>'
    )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
