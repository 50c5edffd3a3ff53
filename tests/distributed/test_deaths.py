"""A seed chooses the order, the parts and the moments of the deaths, and the same ones each time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_airflow.compose import LISTENERS, Place, services
from tests.distributed.deaths import ALL, DOWN, FEW, FIRST, LAST, SCALE, deaths

if TYPE_CHECKING:
    from pathlib import Path

SEEDS = range(200)


@pytest.mark.parametrize("kinds", [ALL, FEW])
def test_one_part_of_each_service_dies_and_one_after_the_other(kinds: tuple[str, ...]) -> None:
    for seed in SEEDS:
        plan = deaths(seed, kinds)
        assert sorted(each.container.rpartition("-")[0] for each in plan) == sorted(kinds)
        assert [each.at for each in plan] == sorted(each.at for each in plan)
        assert all(FIRST <= each.at <= LAST and DOWN[0] <= each.down <= DOWN[1] for each in plan)


def test_the_same_seed_repeats_them_and_another_does_not() -> None:
    assert deaths(7) == deaths(7)
    assert len({tuple(deaths(seed)) for seed in SEEDS}) == len(SEEDS)


def test_each_part_of_two_is_chosen() -> None:
    chosen = {each.container for seed in SEEDS for each in deaths(seed)}
    assert chosen == {f"{name}-{number}" for name in ALL for number in range(1, SCALE.get(name, 1) + 1)}


def test_what_dies_is_a_service_of_the_compose_file(tmp_path: Path) -> None:
    place = Place(tmp_path, dict.fromkeys(LISTENERS, 1), {})
    assert set(ALL) <= services(place).keys()
