"""`make test-distributed`: 200 campaigns on a team whose parts die, and a table of what became of them."""

from __future__ import annotations

import argparse
import random
import sys

from demo.watching import teller
from local_airflow.team import missing
from tests.distributed.deaths import ALL, FEW
from tests.distributed.play import play


def main() -> None:
    """Read the command line, play, and print the table; the exit status is 0 only if every promise was kept."""
    parser = argparse.ArgumentParser(description="Launch campaigns on a team of Airflow's parts, which die meanwhile.")
    parser.add_argument("--campaigns", type=int, default=200)
    parser.add_argument("--leads", type=int, default=25, help="people of each campaign")
    parser.add_argument("--few", action="store_true", help="let only a worker and a triggerer die")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31), help="repeats what dies, and when")
    given = parser.parse_args()
    if needs := missing():
        sys.exit(f"It needs {', '.join(needs)}.")
    print(f"--seed {given.seed}", flush=True)
    services = FEW if given.few else ALL
    found = play(seed=given.seed, campaigns=given.campaigns, leads=given.leads, services=services, tell=teller())
    print(f"\n{found.table()}\n")
    if broken := found.broken():
        sys.exit("\n".join(["This is not what was promised.", *broken]))
    print("As promised.")


if __name__ == "__main__":
    main()
