"""The short form of `make test-distributed`: 20 campaigns, and a worker and a triggerer die meanwhile."""

from __future__ import annotations

import os
import random

import pytest

from local_airflow.team import missing
from tests.distributed.deaths import FEW
from tests.distributed.play import play

pytestmark = [pytest.mark.distributed, pytest.mark.skipif(bool(missing()), reason=f"it needs {', '.join(missing())}")]

CAMPAIGNS, LEADS = 20, 10


def test_twenty_campaigns_are_launched_once_while_a_worker_and_a_triggerer_die() -> None:
    seed = int(os.environ.get("SEED") or random.randrange(2**31))

    found = play(seed=seed, campaigns=CAMPAIGNS, leads=LEADS, services=FEW, tell=print)

    print(found.table())
    assert found.broken() == []
