"""What a campaign's e-mails say: steps, variants, subjects, bodies, placeholders, templates and links."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from airflow_provider_instantly.api.parsing import unescaped
from airflow_provider_instantly.api.redaction import safe_text, shown_text
from airflow_provider_instantly.api.template import parse_template, visible_text, without_code
from airflow_provider_instantly.launches.preflight.finding import Finding, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from airflow_provider_instantly.api.sequence import Step, Variant
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

#: What the check of an e-mail looks for. In capitals only: «todo» is a word of Spanish and Portuguese.
_PLACEHOLDER = re.compile(r"\b(?:TODO|FIXME|X{3,}|(?i:lorem))\b")
_HREF = re.compile(r"\bhref\s{0,9}=\s{0,9}(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'<>]+))", re.IGNORECASE)
#: What a writer meant as a link: also with a slash or the colon lost.
_IN_TEXT = re.compile(r"\bhttps?(?::|//)[^\s\"'<>]*", re.IGNORECASE)
_EXPRESSION = re.compile(r"\{\{[^{}]*\}\}|\{%[^{}]*%\}|\{\w+\}")
_OTHER_SCHEMES: Final = ("mailto", "tel", "sms", "cid", "data")
_SHOWN_CHARS: Final = 60


def judge_emails(facts: Facts, _rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the steps and their variants.

    :param facts: what was read.
    """
    steps = facts.campaign.steps
    if not steps:
        yield Finding("no_step", "It has no e-mail: its sequence has no step.")
        return
    silent = [number for number, step in enumerate(steps, 1) if not any(v.is_enabled for v in step.variants)]
    if silent:
        yield Finding("no_variant", f"No variant is switched on in {listed(f'step {number}' for number in silent)}.")
    emails = list(each_email(steps))
    if empty := [place for place, _, variant in emails if _is_empty(variant.body)]:
        yield Finding("empty_body", f"The body is empty in {listed(empty)}.")
    if empty := [place for place, step, variant in emails if step == 1 and not _is_readable(variant.subject)]:
        yield Finding("empty_subject", f"The subject is empty in {listed(empty)}.")
    yield from _judge_texts(emails)


def each_email(steps: Iterable[Step]) -> Iterator[tuple[str, int, Variant]]:
    """
    The variants that are sent, each with its place as a reader finds it in Instantly, and the number of its step.

    :param steps: the steps of the campaign.
    """
    for number, step in enumerate(steps, 1):
        for index, variant in enumerate(step.variants):
            if variant.is_enabled:
                name = f" variant {index + 1}" if len(step.variants) > 1 else ""
                yield f"step {number}{name}", number, variant


def _is_empty(body: str) -> bool:
    return not _is_readable(body) and "<img" not in without_code(body).lower()


def _is_readable(markup: str) -> bool:
    """Whether a reader sees anything of it: some characters have no width."""
    return any(character.isprintable() for character in visible_text(markup) if character != " ")


def _judge_texts(emails: list[tuple[str, int, Variant]]) -> Iterator[Finding]:
    placeholders: list[str] = []
    faults: list[str] = []
    links: list[str] = []
    for place, _, variant in emails:
        for text in (variant.subject, variant.body):
            placeholders += (
                f"“{safe_text(word, limit=_SHOWN_CHARS)}” in {place}"
                for word in _PLACEHOLDER.findall(visible_text(text))
            )
            faults += (f"{safe_text(fault)} in {place}" for fault in parse_template(text).faults)
            links += (f"“{_shown(link)}” in {place}" for link in _links(text) if _is_malformed(link))
    for code, what, found in (
        ("placeholder_text", "It has text that is still to be written", placeholders),
        ("broken_template", "Its templates are broken", faults),
        ("malformed_link", "It has links that lead nowhere", links),
    ):
        if found:
            yield Finding(code, f"{what}: {listed(found)}.")


def _links(text: str) -> Iterator[str]:
    markup = without_code(text)
    for match in _HREF.finditer(markup):
        yield unescaped(match[1] or match[2] or match[3] or "")
    yield from (match[0].rstrip(".,;:!?)]") for match in _IN_TEXT.finditer(visible_text(markup)))


def _is_malformed(link: str) -> bool:
    """Whether a link leads nowhere, whatever its variables are."""
    target = link.strip()
    if _EXPRESSION.match(target):
        # What it begins with is known only when the e-mail is sent.
        return False
    target = _EXPRESSION.sub("x", target)
    if target.partition(":")[0].lower() in _OTHER_SCHEMES and ":" in target:
        return not target.partition(":")[2]
    try:
        parts = urlsplit(target)
        host = parts.hostname or ""
    except ValueError:
        return True
    if parts.scheme.lower() not in ("http", "https"):
        return True
    # A host that is made of variables has no dot here.
    is_host = "." in host.strip(".") or "{{" in link
    return not is_host or any(character.isspace() for character in target)


def _shown(link: str) -> str:
    """A link as it may stand in a log: what stands behind a question mark may be a secret."""
    return shown_text(link.partition("?")[0], limit=_SHOWN_CHARS)
