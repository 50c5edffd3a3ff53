"""What `make bench` writes: the whole table, the ten rows of it that users see, and nothing if a part is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks import report
from benchmarks.__main__ import main
from benchmarks.report import BEGIN, DECISIVE, END, Part, whole_document, with_brief_table
from benchmarks.row import Row, at_most

if TYPE_CHECKING:
    from pathlib import Path

PARTS = [
    Part("one", "2026-01-01T00:00:00+00:00", 90.0, (Row("a row", 1.5, 3.0, "s", note="how to read it"),), "a1"),
    Part("two", "2026-01-01T00:02:00+00:00", 30.0, tuple(at_most(name, 2, 1, "s", 1) for name in DECISIVE), "a1"),
]


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The documents elsewhere, so that no test writes into the project's own."""
    for name in ("FIGURES", "WHOLE", "BRIEF"):
        monkeypatch.setattr(report, name, tmp_path / name)
    report.BRIEF.write_text(f"before\n{BEGIN}old\n{END}after\n")
    return tmp_path


def test_the_whole_document_has_every_row_and_what_the_figures_depend_on() -> None:
    text = whole_document(PARTS, {"machine": "2 cores"})
    assert "| a row | 1.50 | 3 | s | 0.500 |  |  |" in text
    assert all(f"| {name} |" in text for name in DECISIVE)
    assert "- machine: 2 cores\n" in text
    assert "- commit: a1\n" in text
    assert "- duration: 2 minutes (one 90 s, two 30 s)\n" in text
    assert text.count("- how to read it") == 1


def test_parts_that_were_measured_later_say_at_which_commit() -> None:
    parts = [*PARTS, Part("three", "", 1.0, (), "b2"), Part("four", "", 1.0, (), "b2"), Part("five", "", 1.0, (), "a1")]
    assert "- commit: a1; three and four at b2\n" in whole_document(parts, {})


def test_what_figures_depend_on_is_named() -> None:
    facts = report.machine()
    assert facts.keys() == {"date", "versions", "machine"}
    assert report.commit()
    assert "Python 3" in facts["machine"]
    assert "apache-airflow " in facts["versions"]


def test_the_brief_table_replaces_the_one_before_and_nothing_else() -> None:
    text = with_brief_table(f"before\n{BEGIN}old\n{END}after\n", PARTS)
    assert text.startswith(f"before\n{BEGIN}| what | ours |")
    assert text.endswith(f"\n{END}after\n")
    assert "old" not in text
    assert "a row" not in text
    assert text.count("**no**") == len(DECISIVE) == 10
    assert with_brief_table(text, PARTS) == text


def test_a_decisive_row_that_is_missing_is_named() -> None:
    with pytest.raises(LookupError, match="import of operator"):
        with_brief_table("", PARTS[:1])


def test_what_was_kept_is_published(files: Path) -> None:
    for part in PARTS:
        report.keep(part)
    assert report.kept_parts(["one", "two"]) == PARTS
    report.publish(["one", "two"])
    assert "| a row |" in report.WHOLE.read_text()
    assert DECISIVE[0] in report.BRIEF.read_text()


def test_nothing_is_published_while_a_part_is_missing(files: Path) -> None:
    report.keep(PARTS[1])
    with pytest.raises(LookupError, match="one"):
        report.publish(["one", "two"])
    assert not report.WHOLE.exists()
    assert "old" in report.BRIEF.read_text()


def test_a_part_that_fails_costs_no_other_its_figures(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> list[Row]:
        raise RuntimeError("no triggerer")

    monkeypatch.setattr("benchmarks.dag_in_trigger.run", fails)
    monkeypatch.setattr("benchmarks.import_time.run", lambda: [Row("a row", 1, None, "s")])
    assert main(["dag_in_trigger", "import_time", "--publish"]) == 1
    assert [part.name for part in report.kept_parts(["import_time"])] == ["import_time"]
    assert not report.WHOLE.exists()


def test_the_rows_that_users_see_are_those_of_the_whole_table() -> None:
    _, _, rest = report.BRIEF.read_text("utf-8").partition(BEGIN)
    shown = rest.partition(END)[0].splitlines()
    whole = report.WHOLE.read_text("utf-8").splitlines()
    assert len(shown) == 2 + len(DECISIVE)
    assert [line for line in shown if line not in whole] == []
