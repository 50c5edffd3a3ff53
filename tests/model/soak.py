"""
Play many fault schedules, others each time, on all cores, and print what was tried: `make soak`.

A story that breaks a promise is printed in the end, with a seed that plays it again among few others. As a test of its
own, hypothesis can make it shorter. `--runs 10` plays ten times as many, each time from another seed.
"""

from __future__ import annotations

import argparse
import atexit
import os
import random
import shutil
import sys
import tempfile
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.model.figures import Counted

#: What can be played, and the module that plays it.
STORIES = {
    "launches": "tests.model.test_fault_schedules",
    "uploads": "tests.model.test_uploads",
    "guards": "tests.model.test_guards",
}
#: Schedules that one process plays before it hands in its figures.
BATCH = 250


def play_batch(batch: tuple[str, int, int]) -> Counted:
    """
    Play some schedules in this process.

    :param batch: which stories, the seed, and how many.
    """
    stories, seed, schedules = batch
    sys.path.insert(0, str(Path(__file__).parents[2]))
    if "AIRFLOW_HOME" not in os.environ:
        os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
        os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
        atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
    warnings.simplefilter("ignore")
    model: Any = import_module(STORIES[stories])
    figures_module: Any = import_module("tests.model.figures")
    model.FIGURES = model.Figures()
    try:
        figures_module.play_others(
            model.OTHERS,
            model.play_and_judge,
            model.FIGURES.broken.append,
            kind=stories,
            seed_number=seed,
            count=schedules,
        )
    except BaseException as error:
        # As text: what went wrong may be of a kind that cannot go from process to process.
        raise RuntimeError("".join(traceback.format_exception(error))) from None
    figures: Counted = model.FIGURES
    return figures


def main() -> None:
    """Read the command line, play, and print the figures."""
    parser = argparse.ArgumentParser(description="Play many fault schedules, and print what was tried.")
    parser.add_argument("--stories", choices=STORIES, default="launches")
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="repeats a soak")
    parser.add_argument("--runs", type=int, default=1, help="how often so many are played, each time from another seed")
    # A story mostly waits: for a fault to pass, and for an answer that is late.
    parser.add_argument("--processes", type=int, default=4 * (os.cpu_count() or 1))
    given = parser.parse_args()
    for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "_AIRFLOW_"))]:
        del os.environ[name]
    seeds = random.Random(given.seed)
    total: Counted | None = None
    with ProcessPoolExecutor(given.processes, get_context("spawn")) as pool:
        for run in range(given.runs):
            seed = given.seed if run == 0 else seeds.randrange(2**31)
            figures = play_run(pool, given.stories, seed, given.schedules)
            total = figures if total is None else total + figures
    if total is not None:
        if given.runs > 1:
            print("\n".join([f"all {given.runs} runs from --seed {given.seed}", *total.lines()]), flush=True)
        sys.exit(bool(total.broken))


def play_run(pool: ProcessPoolExecutor, stories: str, seed: int, schedules: int) -> Counted:
    """
    Play as many schedules from one seed, and print what was tried.

    :param pool: what plays them.
    :param stories: which, of `STORIES`.
    :param seed: it repeats the run.
    :param schedules: how many.
    """
    print(f"--seed {seed}", flush=True)
    batches = [(stories, seed + at, min(BATCH, schedules - at)) for at in range(0, schedules, BATCH)]
    figures: Counted | None = None
    try:
        for done in pool.map(play_batch, batches):
            figures = done if figures is None else figures + done
            print(f"{len(figures.requests):,} of {schedules:,} schedules", flush=True)
    except BaseException as error:
        pool.shutdown(wait=False, cancel_futures=True)
        sys.exit(f"{type(error).__name__}: {error}")
    if figures is None:
        sys.exit("nothing to play")
    print("\n".join([*figures.broken[:5], *figures.lines()]), flush=True)
    return figures


if __name__ == "__main__":
    main()
