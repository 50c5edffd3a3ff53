"""A run that kept every promise is called that, and each promise that is broken is named."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from tests.distributed.deaths import deaths
from tests.distributed.outcome import Outcome

KEPT = Outcome(
    seed=7,
    deaths=deaths(7),
    campaigns=2,
    leads=3,
    seconds=61.4,
    run="success",
    tasks=Counter({"success": 10}),
    tries=2,
    restarts=1,
    requests=1_234,
    refused=5,
    activations=Counter({"a": 1, "b": 1}),
    repeated=0,
    duplicates=0,
    lost=0,
    written=Counter({"p": 1, "q": 1, "r": 1}),
    searched=90,
    keys=[],
    addresses=[],
)


def test_what_kept_every_promise_is_not_broken() -> None:
    assert KEPT.broken() == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"run": "failed"}, "ended as failed"),
        ({"tasks": Counter({"success": 9, "upstream_failed": 1})}, "Not all tasks succeeded"),
        ({"activations": Counter({"a": 2, "b": 1})}, "3 launches of 2 campaigns"),
        ({"activations": Counter({"a": 1})}, "1 launches of 2 campaigns"),
        ({"repeated": 1}, "1 activations of what ran already"),
        ({"duplicates": 1}, "1 people are in a campaign twice"),
        ({"lost": 1}, "1 people were lost"),
        ({"written": Counter({"p": 2, "q": 1, "r": 1})}, "1 people were written to twice"),
        ({"written": Counter({"p": 1})}, "1 of 3 people were written to"),
        ({"keys": ["table xcom"]}, "The API key is in ['table xcom']"),
        ({"addresses": ["worker-1.log"]}, "People's addresses are in ['worker-1.log']"),
    ],
)
def test_a_broken_promise_is_named(change: dict[str, Any], said: str) -> None:
    [sentence] = replace(KEPT, **change).broken()
    assert said in sentence


def test_the_table_has_the_seed_as_it_is_given_and_what_died() -> None:
    table = replace(KEPT, seed=1_234_567).table()
    assert "| seed | 1234567 |" in table
    assert "| requests | 1,234 |" in table
    assert "| time | 1 min 1 s |" in table
    assert all(each.container in table for each in KEPT.deaths)
