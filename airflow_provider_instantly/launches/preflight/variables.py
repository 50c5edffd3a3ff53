"""Whether the variables of a campaign's e-mails exist, and whether its leads have values for them."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airflow_provider_instantly.api.lead import CORE_VARIABLES
from airflow_provider_instantly.api.redaction import shown_text
from airflow_provider_instantly.api.template import parse_template
from airflow_provider_instantly.launches.preflight.emails import each_email
from airflow_provider_instantly.launches.preflight.facts import LeadSample, Unread
from airflow_provider_instantly.launches.preflight.finding import Finding, counted, listed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airflow_provider_instantly.api.lead import Lead
    from airflow_provider_instantly.api.template import Template, Variable
    from airflow_provider_instantly.launches.preflight.facts import Facts
    from airflow_provider_instantly.launches.preflight.rules import CheckRules

_CORE: Final = frozenset(CORE_VARIABLES.values())
#: What Instantly takes from the sending account. No document of the API lists them.
_SENDERS = re.compile(r"(?:sendingAccount|accountSignature)\w*")
_UNSUBSCRIBE: Final = "unsubscribelink"
_SEPARATORS = re.compile(r"[\s_\-]+")
_SHOWN_CHARS: Final = 60


def judge_variables(facts: Facts, rules: CheckRules) -> Iterator[Finding]:
    """
    Judge the variables of the e-mails.

    :param facts: what was read.
    :param rules: the limit of leads without a value.
    """
    uses = _Uses.of(facts)
    known = _known(facts)
    by_fold = {_folded(name): name for name in sorted(known)}
    unknown = [name for name in uses.variables if name not in known and not _SENDERS.fullmatch(name)]
    wrong = [name for name in unknown if _folded(name) == _UNSUBSCRIBE]
    rest = [name for name in unknown if _folded(name) != _UNSUBSCRIBE]
    spelt = [name for name in rest if _folded(name) in by_fold]
    others = [name for name in rest if _folded(name) not in by_fold]
    if wrong:
        where = listed(uses.places(wrong))
        yield Finding("unsubscribe_braces", f"The link to unsubscribe stands in double braces in {where}.")
    if others:
        yield _of_unknown(facts, others, uses)
    yield from _judge_spelling(uses, spelt, by_fold, known)
    if tight := [name for name, found in uses.variables.items() if any(v.is_tight for _, v in found)]:
        yield Finding("tight_fallback", f"The bar before a fallback has no blanks around it: {_shown(tight)}.")
    if clashing := sorted(name for name in _custom(facts) if _folded(name) in _FOLDED_CORE and name not in _CORE):
        yield Finding("custom_like_core", f"Custom variables are named like the leads' own fields: {_names(clashing)}.")
    if isinstance(facts.leads, LeadSample):
        yield from _judge_values(facts.leads, uses, known, rules)


@dataclass
class _Uses:
    """Where each variable is used, and what stands in single braces where."""

    variables: dict[str, list[tuple[str, Variable]]] = field(default_factory=dict)
    single_braces: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, facts: Facts) -> _Uses:
        uses = cls()
        for place, _, variant in each_email(facts.campaign.steps):
            for template in map(parse_template, (variant.subject, variant.body)):
                uses._add(place, template)
        return uses

    def _add(self, place: str, template: Template) -> None:
        for variable in template.variables:
            self.variables.setdefault(variable.name, []).append((place, variable))
        for name in template.single_braces:
            self.single_braces.setdefault(name, []).append(place)

    def places(self, names: Iterable[str]) -> Iterator[str]:
        return (place for name in names for place, _ in self.variables[name])


def _known(facts: Facts) -> frozenset[str]:
    return _CORE | facts.campaign.settings.core_variables | _custom(facts)


def _custom(facts: Facts) -> frozenset[str]:
    """Those that the campaign lists, and those that its leads have. Live, the campaign did not list all of these."""
    leads = facts.leads.leads if isinstance(facts.leads, LeadSample) else ()
    return facts.campaign.settings.custom_variables | {name for lead in leads for name in lead.variables}


def _of_unknown(facts: Facts, names: list[str], uses: _Uses) -> Finding:
    where = f"{_shown(names)} in {listed(uses.places(names))}"
    if isinstance(facts.leads, Unread):
        return Finding("variables_unread", f"Whether its leads have these variables could not be read: {where}.")
    read = len(facts.leads.leads)
    return Finding("unknown_variable", f"No lead has these variables (of {read:,} that were read): {where}.")


def _judge_spelling(
    uses: _Uses, spelt: list[str], by_fold: Mapping[str, str], known: frozenset[str]
) -> Iterator[Finding]:
    found = [f"{_shown([name])} for {_shown([by_fold[_folded(name)]])}" for name in spelt]
    single = [name for name in uses.single_braces if name in known or _folded(name) in _FOLDED_CORE]
    found += [f"{{{_safe(name)}}} for {_shown([by_fold.get(_folded(name), name)])}" for name in single]
    if found:
        yield Finding("variable_spelling", f"Variables are not written as they are called: {listed(found)}.")


def _judge_values(sample: LeadSample, uses: _Uses, known: frozenset[str], rules: CheckRules) -> Iterator[Finding]:
    leads = sample.open
    found: list[str] = []
    for name, places in uses.variables.items():
        bare = [place for place, variable in places if not variable.has_fallback and not variable.is_conditional]
        if not bare or name not in known or not leads:
            continue
        lacking = sum(not _has_value(lead, name) for lead in leads)
        if lacking > rules.max_missing_share * len(leads):
            found.append(f"{_shown([name])} ({counted(lacking, len(leads), 'lead')}, in {listed(bare)})")
    if found:
        size = f"{len(leads):,} leads that were read"
        of = f"Of the first {size}" if sample.has_more else f"Of the {size}"
        yield Finding("missing_values", f"{of}, too many lack a value that has no fallback: {listed(found)}.")


def _has_value(lead: Lead, name: str) -> bool:
    value = lead.variables.get(name)
    return bool(value.strip()) if isinstance(value, str) else value is not None


def _folded(name: str) -> str:
    return _SEPARATORS.sub("", name).casefold()


_FOLDED_CORE: Final = frozenset(map(_folded, _CORE))


def _shown(names: Iterable[str]) -> str:
    return listed(f"{{{{{_safe(name)}}}}}" for name in names)


def _names(names: Iterable[str]) -> str:
    return listed(map(_safe, names))


def _safe(name: str) -> str:
    return shown_text(name, limit=_SHOWN_CHARS)
