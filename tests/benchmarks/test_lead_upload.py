"""The upload of the benchmarks, with a few rows: each side adds all leads, and both figures are of that upload."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from local_airflow.postgres import server_binaries

pytestmark = [
    pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="what is measured is the newest Airflow"),
    pytest.mark.skipif(server_binaries() is None, reason="needs PostgreSQL's programs"),
]
#: What only `make bench` installs.
NEEDED = {"ours": "airflow", "dlt": "dlt", "http": "airflow.providers.http"}


def is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False


@pytest.mark.parametrize("side", NEEDED)
def test_a_side_adds_all_leads(side: str) -> None:
    from benchmarks.lead_upload import measure

    if not is_installed(NEEDED[side]):
        pytest.skip(f"{NEEDED[side]} is missing: make bench installs it")
    # It raises if not all are there at the end.
    few, many = measure((3, 1_500), [side])[side]
    assert (few.rows, many.rows) == (3, 1_500)
    assert 0 < few.cpu < 60
    assert 20e6 < few.peak < 2e9
    assert many.peak > few.peak / 2


def test_its_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    from benchmarks import lead_upload
    from benchmarks.lead_upload import Upload

    def measured(sizes: tuple[int, int], sides: tuple[str, ...]) -> dict[str, list[Upload]]:
        cpu = {"ours": 0.010, "dlt": 0.030, "http": 0.009}
        return {
            side: [Upload(rows, 2 + rows * cpu[side] / 1000, 200_000_000 + rows * 25) for rows in sizes]
            for side in sides
        }

    monkeypatch.setattr(lead_upload, "measure", measured)
    beside_dlt, beside_http, growth, memory = lead_upload.run(10_000, 1_000_000)
    assert (beside_dlt.ours, beside_dlt.other) == pytest.approx((10, 30))
    assert beside_dlt.met
    assert (beside_http.ours, beside_http.other) == pytest.approx((10, 9))
    assert not beside_http.met
    assert growth.ours == pytest.approx(24.75)
    assert growth.met
    assert memory.ours == pytest.approx(225)
