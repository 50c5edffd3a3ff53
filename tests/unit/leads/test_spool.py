"""The spool: all rows are read and counted, in constant memory, and nothing of them stays behind."""

from __future__ import annotations

import json
import stat
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.leads.contacts import Contacts
from airflow_provider_instantly.leads.rows import Columns, LeadRow, Reject
from airflow_provider_instantly.leads.spool import Counts, Spool

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

#: More than SQLite keeps in memory.
MANY = 10_000


def spooled(rows: Iterable[Any], **columns: Any) -> tuple[Counts, list[LeadRow], list[Reject]]:
    with Spool() as spool:
        counts = spool.fill(rows, Columns(**columns))
        assert counts == spool.counts
        assert len(spool) == counts.good
        return counts, list(spool), list(spool.rejects())


def many(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {"email": f"a{number}@example.com", "first_name": "Ada" * 500}


class TestRows:
    def test_what_is_good_comes_in_its_order_and_again(self) -> None:
        rows = [{"email": "b@example.com"}, {"email": "a@example.com", "first_name": "Ada"}]
        with Spool() as spool:
            assert spool.fill(iter(rows), Columns()) == Counts(rows=2, good=2)
            assert list(spool) == list(spool) == [LeadRow(1, rows[0]), LeadRow(2, rows[1])]
            assert list(spool.rejects()) == []

    def test_an_address_is_sent_once_and_the_first_row_has_it(self) -> None:
        rows = [{"email": "a@example.com", "first_name": name} for name in ("one", "two")]
        rows += [{"email": "x"}, {"email": "A@Example.com ", "first_name": "three"}]
        counts, good, rejects = spooled(rows)
        assert counts == Counts(rows=4, good=1, rejected=3, duplicates=2)
        assert good == [LeadRow(1, rows[0])]
        assert [(reject.number, reject.row) for reject in rejects] == [(n, rows[n - 1]) for n in (2, 3, 4)]
        assert rejects[0].reason == rejects[2].reason == "it has the same address as row 1"

    def test_what_is_only_counted_need_not_be_a_mapping(self) -> None:
        with Spool() as spool:
            counts = spool.fill(
                ["a@example.com", "b.example", "A@example.com", "b.example"], Contacts(), rejects_duplicates=False
            )
            assert counts == Counts(rows=4, good=2, duplicates=2)
            assert [row.number for row in spool] == [1, 2]

    def test_addresses_of_rows_far_apart(self) -> None:
        """Rows are put into the file some hundreds at once."""
        rows = [{"email": f"a{number % 700}@example.com"} for number in range(1_500)]
        counts, good, rejects = spooled(rows)
        assert counts == Counts(rows=1_500, good=700, rejected=800, duplicates=800)
        assert [row.number for row in good] == list(range(1, 701))
        assert [reject.number for reject in rejects] == list(range(701, 1_501))
        assert rejects[-1] == Reject(1_500, "it has the same address as row 100", rows[-1])

    def test_a_text_stays_as_it_is_whatever_json_makes_of_it(self) -> None:
        texts = ["},\n{", '"},\n{"', "\\", "\n", "Zoë 😀", "a\u2028b", "],["]
        rows = [
            {"email": f"a{n}@example.com", "first_name": f"x{text}x", "v": text + "x"} for n, text in enumerate(texts)
        ]
        _, good, _ = spooled(rows, custom_variables=["v"])
        assert [(row.lead["first_name"], row.lead["custom_variables"]["v"]) for row in good] == [
            (row["first_name"], row["v"].strip()) for row in rows
        ]

    def test_no_rows(self) -> None:
        assert spooled([]) == (Counts(), [], [])

    def test_a_row_that_json_does_not_have_is_kept_as_text(self) -> None:
        circle: dict[str, Any] = {"email": None}
        circle["self"] = circle
        _, _, rejects = spooled([{"email": "x", "raw": b"y", ("a", "b"): 1}, [1], circle])
        assert [reject.row for reject in rejects] == [
            {"email": "x", "raw": "b'y'"},
            {"row": [1]},
            {"email": None, "self": "a value of type dict"},
        ]

    def test_a_value_that_cannot_be_text_does_not_hide_its_row(self) -> None:
        class Broken:
            def __str__(self) -> str:
                raise TypeError("ada@example.com")

        _, _, rejects = spooled([{"email": "x", "n": 10**5000, "b": Broken(), "c": [Broken()]}])
        [kept] = [reject.row for reject in rejects]
        assert kept == {"email": "x", "n": "a value of type int", "b": "a value of type Broken", "c": kept["c"]}
        assert kept["c"] == "a value of type list"

    def test_a_reject_is_json_for_every_reader(self) -> None:
        _, _, rejects = spooled([{"email": "x", "n": float("nan"), "m": [float("-inf")]}])
        [kept] = [reject.row for reject in rejects]
        assert json.loads(json.dumps(kept, allow_nan=False)) == {"email": "x", "n": "NaN", "m": ["-Infinity"]}

    def test_what_is_refused_later_is_a_reject_too(self) -> None:
        with Spool() as spool:
            spool.fill([{"email": "a@example.com"}, {"email": "b@example.com"}, {}], Columns())
            for row in spool:
                if row.number == 2:
                    spool.reject(row, "Instantly has it on a block list")
            assert [(reject.number, reject.row) for reject in spool.rejects()] == [
                (2, {"email": "b@example.com"}),
                (3, {}),
            ]
            assert len(list(spool)) == spool.counts.good == 2

    def test_a_source_that_breaks_breaks_the_task(self) -> None:
        def breaks() -> Iterator[dict[str, Any]]:
            yield {"email": "a@example.com"}
            raise OSError("gone")

        with Spool() as spool, pytest.raises(OSError, match="gone"):
            spool.fill(breaks(), Columns())

    def test_outside_of_its_statement_it_is_closed(self) -> None:
        with Spool() as spool:
            pass
        with pytest.raises(RuntimeError, match="with"):
            list(spool)
        with pytest.raises(RuntimeError, match="with"):
            Spool().fill([], Columns())

    @given(st.lists(st.sampled_from(["a@example.com", "A@example.com", "b@example.com", "c", None, 3])))
    def test_the_counts_add_up(self, addresses: list[Any]) -> None:
        counts, good, rejects = spooled([{"email": address} for address in addresses])
        assert counts.rows == counts.good + counts.rejected == len(addresses)
        assert (len(good), len(rejects)) == (counts.good, counts.rejected)
        assert sorted([row.number for row in good] + [row.number for row in rejects]) == list(range(1, counts.rows + 1))
        valid = [address.lower() for address in addresses if isinstance(address, str) and "@" in address]
        assert counts.duplicates == len(valid) - len(set(valid))
        assert [row.lead["email"] for row in good] == list(dict.fromkeys(valid))


def files_without_a_name() -> list[os.stat_result]:
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            if "etilqs" in str(link.readlink()):
                assert str(link.readlink()).endswith(" (deleted)")
                found.append(link.stat())
        except FileNotFoundError:
            continue
    return found


class TestFile:
    @pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs Linux's /proc")
    def test_it_has_no_name_only_the_user_reads_it_and_it_is_gone_at_the_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SQLITE_TMPDIR", str(tmp_path))
        with Spool() as spool:
            spool.fill(many(MANY), Columns())
            (file,) = [each for each in files_without_a_name() if each.st_size > 1_000_000]
            assert stat.S_IMODE(file.st_mode) == 0o600
            assert file.st_nlink == 0, "so it is gone, too, when the process is killed"
            assert list(tmp_path.iterdir()) == []
        assert files_without_a_name() == []

    def test_memory_does_not_grow_with_the_rows(self) -> None:
        """Python's part; SQLite keeps a few megabytes, whatever the size."""
        peaks = []
        for count in (500, 5_000):
            with Spool() as spool:
                tracemalloc.start()
                spool.fill(many(count), Columns())
                assert sum(1 for _ in spool) == count
                peaks.append(tracemalloc.get_traced_memory()[1])
                tracemalloc.stop()
        assert peaks[1] < peaks[0] + 200_000
