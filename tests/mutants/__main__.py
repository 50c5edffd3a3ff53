"""
Change the pure modules in small ways, and see that a test fails for each change: `make mutants`.

What no test notices has to stand in `survivors.toml` with its reason; one that does not, or an entry that is not true
any more, fails the run. Named modules alone: ``python -m tests.mutants launches/plan``.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, Phase, settings

from tests.mutants.mutation import Mutant, mutants_of
from tests.mutants.trial import is_noticed

ROOT = Path(__file__).parents[2]
PACKAGE = "airflow_provider_instantly"
LISTED = Path(__file__).with_name("survivors.toml")
#: The share of mutants that tests have to notice, in percent.
LEAST = 95
#: The modules that decide without I/O, and what tests them.
MODULES = {
    "launches/plan": ["tests/unit/launches/test_plan.py"],
    "waits/goal": ["tests/unit/waits/test_goal.py", "tests/unit/waits/test_machine.py"],
    "waits/machine": ["tests/unit/waits/test_machine.py"],
    "waits/result": ["tests/unit/waits/test_result.py", "tests/unit/waits/test_machine.py"],
    "triggers/timing": ["tests/unit/triggers/test_timing.py"],
    "api/protocol": [f"tests/unit/api/test_{name}.py" for name in ("protocol", "answers", "pages")],
    "api/pages": ["tests/unit/api/test_pages.py"],
    "api/exchange": ["tests/unit/api/test_exchange.py"],
    "api/answers": [
        "tests/unit/api/test_answers.py",
        "tests/unit/api/test_exchange.py",
        "tests/unit/api/test_pages.py",
    ],
    "api/retry": ["tests/unit/api/test_retry.py"],
    "api/campaign": ["tests/unit/api/test_campaign.py"],
}


@dataclass(frozen=True)
class Found:
    """
    What became of a module's mutants.

    :param tried: how many there are.
    :param survivors: those that no test noticed.
    """

    tried: int
    survivors: list[Mutant]


def try_all(module: str) -> Found:
    """
    Try each mutant of a module.

    :param module: its path in the package, without its ending.
    """
    path = ROOT / PACKAGE / f"{module}.py"
    name = f"{PACKAGE}.{module.replace('/', '.')}"
    source, tests = path.read_text("utf-8"), [str(ROOT / test) for test in MODULES[module]]
    if is_noticed(name, path, source, tests):
        sys.exit(f"The tests of {module} fail as it is.")
    tried, survivors = 0, []
    for mutant in mutants_of(source):
        tried += 1
        if not is_noticed(name, path, mutant.source, tests):
            survivors.append(mutant)
    return Found(tried, survivors)


def listed(module: str) -> Counter[tuple[str, str]]:
    """
    The survivors of a module that are known, and how often each.

    :param module: its path in the package, without its ending.
    """
    entries = tomllib.loads(LISTED.read_text("utf-8")).get("survivor", [])
    assert all(entry["reason"] for entry in entries)
    return Counter((entry["was"], entry["becomes"]) for entry in entries if entry["module"] == module)


def judge(module: str, found: Found) -> list[str]:
    """
    Say what is wrong: survivors that are not listed, and entries of the list that are not true.

    :param module: its path in the package, without its ending.
    :param found: what became of its mutants.
    """
    survived = Counter((mutant.was, mutant.becomes) for mutant in found.survivors)
    lines = {(mutant.was, mutant.becomes): mutant.line for mutant in found.survivors}
    new, gone = survived - listed(module), listed(module) - survived
    return [
        *(f"{PACKAGE}/{module}.py:{lines[pair]}: no test notices\n- {pair[0]}\n+ {pair[1]}" for pair in new.elements()),
        *(f"{LISTED.name} lists for {module} what is noticed now:\n- {was}\n+ {to}" for was, to in gone.elements()),
    ]


def main() -> None:
    """Try the modules that are named, or all; print what was found, and fail where something is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description="Test the tests of what is pure.")
    parser.add_argument("modules", nargs="*", choices=[[], *MODULES], help="all, if none is named")
    settings.register_profile(
        "mutants",
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        # That a test fails is enough: no one reads by which example, so it need not be short.
        phases=(Phase.explicit, Phase.generate),
    )
    settings.load_profile("mutants")
    tried = survived = wrong = 0
    named = parser.parse_args().modules
    for module in named or MODULES:
        began = time.monotonic()
        found = try_all(module)
        tried, survived = tried + found.tried, survived + len(found.survivors)
        seconds = time.monotonic() - began
        print(f"{module:16} {found.tried:5} mutants, {len(found.survivors):3} survived, {seconds:4.0f} s", flush=True)
        for line in judge(module, found):
            wrong += 1
            print(line, flush=True)
    share = 100 * (tried - survived) / tried
    print(f"{tried} mutants, of which tests noticed {share:.1f} %; of all modules' at least {LEAST} % is asked for.")
    sys.exit(1 if wrong or (share < LEAST and not named) else 0)


if __name__ == "__main__":
    main()
