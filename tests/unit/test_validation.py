"""What a DAG's author passes: right and wrong types, ranges, templates, XComs, and errors that name the parameter."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path, PurePath
from typing import Any
from uuid import UUID

import pytest
from airflow.providers.common.compat.sdk import DAG, AirflowFailException, BaseOperator, ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st
from jinja2.nativetypes import NativeEnvironment

from airflow_provider_instantly import exceptions, validation
from airflow_provider_instantly.api.campaign import CampaignStatus, check_campaign_id
from airflow_provider_instantly.api.operations import list_leads
from airflow_provider_instantly.tasklog import sentences_of
from airflow_provider_instantly.waits.goal import Goal

ONE = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"
TWO = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd1"
#: What names no campaign, neither while the DAG is parsed nor when its task runs.
NO_IDS: list[Any] = [
    None,
    7,
    True,
    "",
    "  ",
    "None",
    "my campaign",
    ONE[:-1],
    ONE.encode(),
    {"id": ONE},
    ...,
    [None],
    [7],
    [ONE, "x"],
    [[[ONE]]],
    [ONE, [7]],
    PurePath("x"),
    Path("x"),
]
WRONG_TYPES: list[Any] = [None, True, "", "60", b"60", [], [1], {}, {1}, ..., 1j]


#: Whatever names a value that it refuses.
REFUSERS: list[Callable[[Any], object]] = [
    check_campaign_id,
    lambda value: validation.campaign_ids("campaign_id", value, many=True),
    lambda value: validation.campaign_ids("campaign_id", [[value]], many=True),
    lambda value: validation.check_campaign_ids_early("campaign_id", value, many=False),
    lambda value: validation.seconds("timeout", value),
    lambda value: validation.number("max_bounce_rate", value, low=0, high=1),
    lambda value: validation.some_of("ignore", [value], ["no_leads"]),
    lambda value: validation.some_of("ignore", value, ["no_leads"]),
    lambda value: validation.flag("deferrable", value),
    lambda value: validation.optional_day("since", value),
    lambda value: validation.statuses("target_statuses", value),
    lambda value: validation.texts("tag_ids", value),
    lambda value: validation.one_of("on_reject", value, ("fail", "warn")),
    lambda value: validation.count("chunk_size", value, low=1, high=2),
    lambda value: validation.amount("max_rejected", value),
    lambda value: validation.connection_id("instantly_conn_id", [value]),
    lambda value: validation.storage_path("path", [value]),
    lambda value: validation.optional_web_address("public_url", value),
    lambda value: validation.results_by_moment("results", value),
    lambda value: Goal.from_json({"failed_statuses": value}),
    lambda value: Goal.from_json({"fail_fast": value}),
    lambda value: list_leads({"campaign_id": ONE}, filter=value),
]


@pytest.mark.parametrize("refuse", REFUSERS, ids=range(len(REFUSERS)))
def test_a_value_that_is_refused_may_be_a_persons_address(refuse: Callable[[Any], object]) -> None:
    """A template that takes the wrong column of a row renders to one, and errors stand in logs."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - each has a message of its own
        refuse("ann@customer.example")
    assert "customer" not in str(caught.value)


class TestSeconds:
    @pytest.mark.parametrize(
        ("value", "meant"),
        [(0, 0), (60, 60), (0.5, 0.5), (timedelta(minutes=2), 120), (timedelta(microseconds=500), 0.0005)],
    )
    def test_numbers_and_timedeltas(self, value: Any, meant: float) -> None:
        found = validation.seconds("timeout", value)
        assert (found, type(found)) == (meant, float)

    @pytest.mark.parametrize("value", WRONG_TYPES, ids=repr)
    def test_a_wrong_type(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^timeout must be a number of seconds or a timedelta, not "):
            validation.seconds("timeout", value)

    @pytest.mark.parametrize(
        "value",
        [-1, -0.001, 1e12, validation.MAX_SECONDS + 1, timedelta(seconds=-1), timedelta.max, timedelta.min],
        ids=repr,
    )
    def test_out_of_range(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^timeout must be from 0 to 3\.16224e\+07 seconds, not "):
            validation.seconds("timeout", value)

    @pytest.mark.parametrize("value", [10**400, -(10**400), math.inf, -math.inf, math.nan], ids=lambda v: repr(v)[:9])
    def test_numbers_that_are_none(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^timeout must be "):
            validation.seconds("timeout", value)

    def test_bounds_belong_to_the_range(self) -> None:
        assert validation.seconds("poll_interval", 0.1, low=0.1, high=7) == 0.1
        assert validation.seconds("poll_interval", 7, low=0.1, high=7) == 7
        with pytest.raises(ValueError, match=r"must be from 0\.1 to 7 seconds, not 0\."):
            validation.seconds("poll_interval", 0, low=0.1, high=7)

    @given(value=st.integers() | st.floats() | st.timedeltas() | st.text(max_size=5) | st.none() | st.booleans())
    def test_never_anything_else(self, value: Any) -> None:
        try:
            found = validation.seconds("n", value, low=1, high=9)
        except ValueError:
            return
        assert 1 <= found <= 9


class TestFlags:
    @pytest.mark.parametrize("value", [True, False])
    def test_accepted(self, value: bool) -> None:
        assert validation.flag("deferrable", value) is value
        assert validation.optional_flag("deferrable", value) is value

    @pytest.mark.parametrize("value", ["True", "False", "", 0, 1, [], "{{ params.x }}"], ids=repr)
    def test_refused(self, value: Any) -> None:
        for check in (validation.flag, validation.optional_flag):
            with pytest.raises(ValueError, match=r"^deferrable must be True or False, not "):
                check("deferrable", value)

    def test_none_leaves_it_to_the_provider_where_that_is_allowed(self) -> None:
        assert validation.optional_flag("deferrable", None) is None
        with pytest.raises(ValueError, match="not None"):
            validation.flag("deferrable", None)


class TestStatuses:
    @pytest.mark.parametrize(
        ("value", "meant"),
        [
            ({CampaignStatus.ACTIVE}, {1}),
            ([1, 3], {1, 3}),
            ((-99,), {-99}),
            (frozenset({2}), {2}),
            ({1: "x"}.keys(), {1}),
            ([1, 1, CampaignStatus.ACTIVE], {1}),
        ],
    )
    def test_collections_of_them(self, value: Any, meant: set[int]) -> None:
        found = validation.statuses("target_statuses", value)
        assert found == meant
        assert {type(status) for status in found} == {int}

    @pytest.mark.parametrize(
        "value",
        [None, 1, True, CampaignStatus.ACTIVE, "1", "Active", b"1", ["1"], [None], [1.0], [True], [[1]], {1: 2}, 1.5],
        ids=repr,
    )
    def test_a_wrong_type(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^target_statuses must be a set of CampaignStatus members, not "):
            validation.statuses("target_statuses", value)

    @pytest.mark.parametrize("value", [[7], [1, 99], {-3}, [10**30]], ids=repr)
    def test_a_number_that_is_no_status(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^target_statuses has -?\d+, which is no status of a campaign\.$"):
            validation.statuses("target_statuses", value)

    def test_none_of_them(self) -> None:
        with pytest.raises(ValueError, match="must name at least one"):
            validation.statuses("target_statuses", [])
        assert validation.statuses("failed_statuses", [], may_be_empty=True) == frozenset()

    def test_an_xcom_is_refused_like_any_other_wrong_type(self) -> None:
        # Airflow's XComArg says that it can be iterated, and raises when it is.
        class Iterating:
            def __iter__(self) -> Any:
                raise TypeError("'XComArg' object is not iterable")

        with pytest.raises(ValueError, match="must be a set of CampaignStatus members"):
            validation.statuses("target_statuses", Iterating())


class TestTexts:
    def test_each_once(self) -> None:
        assert validation.texts("tag_ids", ["b", "a", "b"]) == ["b", "a"]
        assert validation.texts("tag_ids", ()) == []

    @pytest.mark.parametrize("value", [None, "abc", b"abc", 7, [1], [""], ["  "], [None], {"a": 1}], ids=repr)
    def test_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^tag_ids must be a list of texts, not "):
            validation.texts("tag_ids", value)


class TestConnectionId:
    @pytest.mark.parametrize("value", ["instantly_default", "{{ params.conn }}"])
    def test_accepted(self, value: str) -> None:
        assert validation.connection_id("instantly_conn_id", value) == value

    @pytest.mark.parametrize(("value", "meant"), [(7, "7"), (0, "0"), (2**70, str(2**70))])
    def test_digits_are_a_text_again_after_native_rendering(self, value: int, meant: str) -> None:
        assert validation.connection_id("instantly_conn_id", value) == meant

    @pytest.mark.parametrize("value", [None, "", "  ", 7.5, True, ["x"], b"x"], ids=repr)
    def test_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^instantly_conn_id must be the id of an Airflow connection, not "):
            validation.connection_id("instantly_conn_id", value)


class DriversUUID(UUID):
    """Some drivers of databases return a class of their own, such as asyncpg's."""


class LazySequence(Sequence[Any]):
    """What Airflow resolves the XComs of a mapped task to: a sequence that is no list."""

    def __init__(self, *entries: Any) -> None:
        self._entries = entries

    def __len__(self) -> int:
        return len(self._entries)

    def __getitem__(self, index: Any) -> Any:
        return self._entries[index]

    def __repr__(self) -> str:
        return f"LazySequence{self._entries}"


class TestCampaignIds:
    """At run time, when templates and XComs have become values."""

    @pytest.mark.parametrize("value", [ONE, ONE.upper(), f" {ONE}\n", UUID(ONE), DriversUUID(ONE)])
    @pytest.mark.parametrize("many", [False, True])
    def test_one(self, value: object, many: bool) -> None:
        assert validation.campaign_ids("campaign_id", value, many=many) == [ONE]

    @pytest.mark.parametrize(
        "value",
        [
            [ONE, TWO],
            (ONE, TWO),
            {ONE, TWO},
            frozenset({TWO, ONE}),
            {ONE: 1, TWO: 2}.keys(),
            LazySequence(ONE, TWO),
            [ONE, TWO, ONE.upper()],
            f'["{ONE}", "{TWO}"]',
            f"['{ONE}', '{TWO}']",
            f" [ '{ONE}' , '{TWO}' ] ",
            f"('{ONE}', '{TWO}')",
            f"{{'{TWO}', '{ONE}'}}",
            f"frozenset({{'{TWO}', '{ONE}'}})",
            f"dict_keys(['{ONE}', '{TWO}'])",
            f"[UUID('{ONE}'), UUID('{TWO}')]",
            f"[asyncpg.pgproto.pgproto.UUID('{ONE}'), '{TWO}']",
            f"[('{ONE}',), (UUID('{TWO}'),)]",
            [UUID(ONE), TWO],
            {UUID(TWO), UUID(ONE)},
            {1: ONE, 2: TWO}.values(),
            [(ONE,), (UUID(TWO),)],
            [[ONE, TWO], [ONE]],
            LazySequence([ONE], [TWO]),
            [f"['{ONE}', '{TWO}']", []],
        ],
        ids=lambda value: type(value).__name__,
    )
    def test_several(self, value: Any) -> None:
        assert validation.campaign_ids("campaign_id", value, many=True) == [ONE, TWO]

    def test_their_order_is_kept(self) -> None:
        assert validation.campaign_ids("campaign_id", [TWO, ONE], many=True) == [TWO, ONE]

    @pytest.mark.parametrize("value", [[], (), set(), "[]", "()", [[], ()], LazySequence()], ids=repr)
    def test_none_of_them(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^campaign_id names no campaign; nothing was requested"):
            validation.campaign_ids("campaign_id", value, many=True)

    @pytest.mark.parametrize(
        "value",
        [
            *NO_IDS,
            f"{ONE},{TWO}",
            {ONE: 1},
            [ONE, None],
            [ONE, ""],
            [{"id": ONE}],
            f"[[['{ONE}']]]",
            f"['{ONE}', ",
            f"'{ONE}'",
            f"('{ONE}')",
            f"{{'id': '{ONE}'}}",
            f"open('{ONE}')",
            "[",
            "[1]",
            '{"id": 1}',
            f"[{ONE}]",
            "[" * 100_000,
            "(" * 100_000,
            f"[{'-' * 100_000}1]",
            f"[{'1+' * 100_000}1]",
            "a" * 1_000_000,
            range(3),
            "{{ params.campaign_id }}",
        ],
        ids=lambda value: repr(value)[:40],
    )
    def test_what_is_no_id_is_named(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^campaign_id must be the UUID of a campaign.* Nothing was requested"):
            validation.campaign_ids("campaign_id", value, many=True)

    @pytest.mark.parametrize("value", [[ONE], (ONE,), {ONE}, f"['{ONE}']", LazySequence(ONE)], ids=repr)
    def test_a_collection_where_one_is_wanted(self, value: Any) -> None:
        with pytest.raises(ValueError, match="must be the UUID of a campaign"):
            validation.campaign_ids("campaign_id", value, many=False)

    def test_there_is_a_most(self) -> None:
        many = [f"019e18e2-a521-7bb9-9dd6-{number:012x}" for number in range(validation.MAX_CAMPAIGNS + 1)]
        assert len(validation.campaign_ids("campaign_id", many[:-1], many=True)) == validation.MAX_CAMPAIGNS
        with pytest.raises(ValueError, match=r"at most 10,000 campaigns, not 10,001\.$"):
            validation.campaign_ids("campaign_id", many, many=True)


@st.composite
def ids_in_some_shape(draw: st.DrawFn) -> tuple[Any, list[str]]:
    """Ids in the forms and shapes in which XComs, templates and rows of databases have them, and the ids as texts."""
    groups = draw(st.lists(st.lists(st.uuids(), min_size=1, max_size=4), min_size=1, max_size=4))
    forms: list[Callable[[UUID], object]] = [str, lambda uuid: str(uuid).upper(), lambda uuid: uuid]
    shapes: list[Callable[[Any], Any]] = [list, tuple, lambda entries: LazySequence(*entries)]
    outer, inner = draw(st.sampled_from(shapes)), st.sampled_from(shapes[:2])
    rows = [draw(inner)(draw(st.sampled_from(forms))(uuid) for uuid in group) for group in groups]
    is_flat = draw(st.booleans())
    value = outer([entry for row in rows for entry in row] if is_flat else rows)
    return value, list(dict.fromkeys(str(uuid) for group in groups for uuid in group))


def natively(template: str, **values: Any) -> Any:
    """What a template becomes in a DAG with ``render_template_as_native_obj=True``."""
    return NativeEnvironment().from_string(template).render(values)


class TestWhateverShape:
    @given(shaped=ids_in_some_shape())
    def test_as_values_and_as_templates(self, shaped: tuple[Any, list[str]]) -> None:
        value, ids = shaped
        rendered = [str(value), natively("{{ value }}", value=value), natively("{{ text }}", text=str(value))]
        for each in (value, *rendered, f" {value}\n"):
            assert validation.campaign_ids("campaign_id", each, many=True) == ids

    @given(uuids=st.sets(st.uuids(), min_size=1, max_size=5), form=st.sampled_from([str, UUID, DriversUUID]))
    def test_sets_have_one_order(self, uuids: set[UUID], form: Callable[[str], Any]) -> None:
        value = {form(str(uuid)) for uuid in uuids}
        for each in (value, frozenset(value), str(value), str(frozenset(value)), natively("{{ v }}", v=value)):
            assert validation.campaign_ids("campaign_id", each, many=True) == sorted(map(str, uuids))

    @given(uuid=st.uuids())
    def test_native_rendering_leaves_an_id_alone(self, uuid: UUID) -> None:
        for value in (uuid, str(uuid)):
            for many in (False, True):
                assert validation.campaign_ids("id", natively("{{ v }}", v=value), many=many) == [str(uuid)]

    @given(shaped=ids_in_some_shape())
    def test_what_is_stored_of_an_author_s_value_is_plain(self, shaped: tuple[Any, list[str]]) -> None:
        value, ids = shaped
        plain = validation.plain_campaign_ids(value)
        assert json.loads(json.dumps(plain)) == plain
        assert validation.campaign_ids("campaign_id", plain, many=True) == ids

    @given(text=st.text() | st.text("[](){}'\", -1aU\n\\").map("[{}".format))
    def test_any_text_is_ids_or_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"^name (must be the UUID of a campaign|names no campaign)"):
            validation.campaign_ids("name", text, many=True)

    def test_a_template_and_an_xcom_are_stored_as_they_are(self) -> None:
        xcom = Resolvable()
        assert validation.plain_campaign_ids("{{ params.ids }}") == "{{ params.ids }}"
        assert validation.plain_campaign_ids(xcom) is xcom
        assert validation.plain_campaign_ids(("{{ x }}", xcom, [UUID(ONE)])) == ["{{ x }}", xcom, ONE]
        assert validation.plain_campaign_ids(UUID(ONE)) == ONE


class Resolvable:
    """As much of an XCom as can be seen while a DAG is parsed."""

    def __repr__(self) -> str:
        return "an XCom"

    def iter_references(self) -> Any:
        raise AssertionError("not while a DAG is parsed")

    def resolve(self, context: Any) -> Any:
        raise AssertionError("not while a DAG is parsed")


@pytest.mark.parametrize("value", [Resolvable(), "{{ a }}", "a{% if b %}c{% endif %}"], ids=repr)
def test_what_is_rendered_later(value: object) -> None:
    assert validation.is_rendered_later(value)


@pytest.mark.parametrize("value", ["a", "", ["{{ a }}"], [{"email": "a"}], None, 7, Path()], ids=repr)
def test_what_is_known_while_the_dag_is_parsed(value: object) -> None:
    assert not validation.is_rendered_later(value)


class TestEarly:
    """While the DAG is parsed: what can be no id in any run is refused, all else may pass."""

    @pytest.mark.parametrize(
        "value",
        [ONE, ONE.upper(), UUID(ONE), "{{ params.campaign_id }}", "{% if x %}a{% endif %}", " {{ ds }} ", Resolvable()],
        ids=repr,
    )
    @pytest.mark.parametrize("many", [False, True])
    def test_one(self, value: Any, many: bool) -> None:
        validation.check_campaign_ids_early("campaign_id", value, many=many)

    @pytest.mark.parametrize(
        "value",
        [
            [ONE, "{{ params.campaign_id }}", Resolvable()],
            (ONE,),
            {ONE},
            f"['{ONE}']",
            LazySequence(ONE),
            {ONE: 1}.keys(),
            [UUID(ONE)],
            [[ONE], (UUID(TWO),), "{{ params.campaign_ids }}", Resolvable()],
            [["{{ params.campaign_id }}", Resolvable()]],
        ],
        ids=repr,
    )
    def test_several(self, value: Any) -> None:
        validation.check_campaign_ids_early("campaign_id", value, many=True)
        with pytest.raises(ValueError, match=r"^campaign_id must be "):
            validation.check_campaign_ids_early("campaign_id", value, many=False)

    @pytest.mark.parametrize(
        "value",
        [*NO_IDS, {}, [], (), set(), "[]", [[]]],
        ids=repr,
    )
    @pytest.mark.parametrize("many", [False, True])
    def test_what_no_run_could_use(self, value: Any, many: bool) -> None:
        with pytest.raises(ValueError, match=r"^campaign_id (must|names)"):
            validation.check_campaign_ids_early("campaign_id", value, many=many)


@pytest.mark.parametrize(
    "check",
    [
        lambda value: validation.seconds("name", value),
        lambda value: validation.flag("name", value),
        lambda value: validation.statuses("name", value),
        lambda value: validation.texts("name", value),
        lambda value: validation.connection_id("name", value),
        lambda value: validation.campaign_ids("name", value, many=True),
        lambda value: validation.check_campaign_ids_early("name", value, many=True),
    ],
)
@pytest.mark.parametrize("value", [b"x" * 100_000, {"a\nb\x1b[31m": "x" * 10_000}, ...], ids=["long", "ugly", "odd"])
def test_every_error_is_one_short_line(check: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^name must be ") as caught:
        check(value)
    assert len(str(caught.value)) < 500
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", [0, 7, 0.0, 0.5, 1.0])
def test_an_amount_is_a_count_or_a_share(value: float) -> None:
    assert validation.amount("it", value) is value


@pytest.mark.parametrize("value", [-1, -0.1, 1.1, True, "7", None, float("nan")], ids=str)
def test_anything_else_is_no_amount(value: object) -> None:
    with pytest.raises(ValueError, match="it must be a count, such as 100, or a share"):
        validation.amount("it", value)


@pytest.mark.parametrize("value", [1, 5, 10])
def test_a_count_within_its_bounds(value: int) -> None:
    assert validation.count("it", value, low=1, high=10) == value


@pytest.mark.parametrize("value", [0, 11, True, 5.0, "5", None], ids=str)
def test_a_count_out_of_its_bounds(value: object) -> None:
    with pytest.raises(ValueError, match="it must be a whole number from 1 to 10, not"):
        validation.count("it", value, low=1, high=10)


def test_a_word_is_one_of_those_that_are_accepted() -> None:
    assert validation.one_of("it", "a", ("a", "b")) == "a"
    for value in ("c", "", None, 1):
        with pytest.raises(ValueError, match='it must be "a" or "b", not'):
            validation.one_of("it", value, ("a", "b"))
    with pytest.raises(ValueError, match='it must be "a", "b" or "c", not'):
        validation.one_of("it", "d", ("a", "b", "c"))


class TestNumbers:
    def test_bounds_belong_to_the_range(self) -> None:
        assert [validation.number("n", value, low=0, high=1) for value in (0, 0.5, 1)] == [0, 0.5, 1]

    @pytest.mark.parametrize("value", [True, None, "1", [1], -0.001, 1.001, math.nan, math.inf, 10**400])
    def test_what_is_no_number_from_0_to_1(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^share must be a number from 0 to 1, not "):
            validation.number("share", value, low=0, high=1)
        if value is not None:
            with pytest.raises(ValueError, match=r"^share must be a number from 0 to 1, not "):
                validation.optional_share("share", value)

    def test_a_share_may_be_left_out(self) -> None:
        assert [validation.optional_share("share", value) for value in (None, 0, 0.03, 1)] == [None, 0, 0.03, 1]

    def test_a_confidence(self) -> None:
        assert [validation.confidence("sure", value) for value in (0.5, 0.9999)] == [0.5, 0.9999]
        for value in (0.49, 1, "0.9", None):
            with pytest.raises(ValueError, match=r"^sure must be a number from 0.5 to 0.9999, not "):
                validation.confidence("sure", value)


class TestSomeOf:
    KNOWN = ("a", "b")

    @pytest.mark.parametrize("value", [[], (), {"a"}, ["a", "b", "a"]])
    def test_words(self, value: Any) -> None:
        assert validation.some_of("words", value, self.KNOWN) == frozenset(value)

    @pytest.mark.parametrize("value", ["a", None, 1, [1], b"a"])
    def test_what_is_no_list(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^words must be a list of texts, not "):
            validation.some_of("words", value, self.KNOWN)

    def test_another_word(self) -> None:
        with pytest.raises(ValueError, match=r"^words has 'c', but accepts only: a, b\.$"):
            validation.some_of("words", ["a", "c"], self.KNOWN)


class TestDays:
    @pytest.mark.parametrize(
        ("value", "day"),
        [
            (None, None),
            ("", None),
            ("None", None),
            ("2026-11-24", "2026-11-24"),
            (date(2026, 11, 24), "2026-11-24"),
        ],
    )
    def test_a_day(self, value: Any, day: str | None) -> None:
        assert validation.optional_day("since", value) == day
        assert validation.optional_day_early("since", value) == day

    @pytest.mark.parametrize(
        "value",
        [
            "today",
            "2026-11-24T00:00:00Z",
            "2026-11-31",
            "20261124",
            "2026-W48-2",
            "\u0662026-11-24",
            20261124,
            datetime(2026, 11, 24, tzinfo=UTC),
            Path("2026-11-24"),
            True,
        ],
    )
    def test_what_is_no_day(self, value: Any) -> None:
        for check in (validation.optional_day, validation.optional_day_early):
            with pytest.raises(ValueError, match="since must be a day such as 2026-11-24, not"):
                check("since", value)

    def test_a_template_of_a_day_is_for_later(self) -> None:
        assert validation.optional_day_early("since", "{{ ds }}") == "{{ ds }}"
        with pytest.raises(ValueError, match="since must be a day"):
            validation.optional_day("since", "{{ ds }}")

    @pytest.mark.parametrize(
        ("since", "until"), [(None, None), ("2026-11-24", None), (None, "2026-11-24"), ("2026-11-24", "2026-11-25")]
    )
    def test_a_period(self, since: str | None, until: str | None) -> None:
        assert validation.period(since, until) == validation.period_early(since, until) == (since, until)

    def test_a_period_without_time_in_it(self) -> None:
        for until in ("2026-11-24", date(2026, 11, 23)):
            for check in (validation.period, validation.period_early):
                with pytest.raises(ValueError, match=r"There is no time from since \(2026-11-24\) until") as caught:
                    check("2026-11-24", until)
                assert len(sentences_of(exceptions.refused(AirflowFailException, caught.value))) == 3
        assert validation.period_early("2026-11-24", "{{ ds }}") == ("2026-11-24", "{{ ds }}")
        with pytest.raises(ValueError, match="since must be a day"):
            validation.period_early("yesterday", "{{ ds }}")


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("s3://aws_default@bucket/reports", "s3://aws_default@bucket/reports"),
        (PurePath("/reports"), "/reports"),
        ("{{ params.path }}", "{{ params.path }}"),
    ],
)
def test_a_place_in_storage_is_kept_as_text(value: object, path: str) -> None:
    assert validation.storage_path("it", value) == path


def test_an_object_storage_path_is_kept_as_text() -> None:
    place = ObjectStoragePath("s3://aws_default@bucket/reports")
    assert validation.storage_path("it", place) == str(place) == "s3://aws_default@bucket/reports"


@pytest.mark.parametrize("value", ["", " ", None, 7, ["a"]], ids=repr)
def test_what_is_no_place_in_storage(value: object) -> None:
    with pytest.raises(ValueError, match="it must be a path or URL"):
        validation.storage_path("it", value)


def test_a_place_in_storage_that_another_task_returns() -> None:
    with DAG("d", schedule=None):
        output = BaseOperator(task_id="t").output
    assert validation.storage_path("it", output) is output


@pytest.mark.parametrize(("value", "address"), [(None, None), ("", None), ("https://a/b", "https://a/b")])
def test_a_web_address_may_be_left_out(value: object, address: str | None) -> None:
    assert validation.optional_web_address("it", value) == address


@pytest.mark.parametrize("value", ["javascript:alert(1)", "s3://bucket", "//host", 7], ids=str)
def test_what_no_browser_should_open(value: object) -> None:
    with pytest.raises(ValueError, match="it must begin with https:// or http://"):
        validation.optional_web_address("it", value)


def test_results_by_moment() -> None:
    assert validation.results_by_moment("it", None) == {}
    assert validation.results_by_moment("it", {"the launch": {"id": "x"}}) == {"the launch": {"id": "x"}}
    others: list[object] = ["{'a': 1}", [1], {1: {}}]
    for value in others:
        with pytest.raises(ValueError, match="it must be a dict such as"):
            validation.results_by_moment("it", value)


class TestHold:
    @pytest.mark.parametrize(
        ("value", "timeout", "seconds"),
        [(None, 0.0, 0.0), (0, 0.0, 0.0), (59.9, 60.0, 59.9), (timedelta(minutes=15), 3600.0, 900.0)],
    )
    def test_one_that_fits_into_the_wait(self, value: Any, timeout: float, seconds: float) -> None:
        assert validation.hold("stable_for", value, timeout=timeout) == seconds

    @pytest.mark.parametrize("value", [60, 60.0, timedelta(minutes=1), 61])
    def test_one_that_takes_all_of_the_wait_is_refused(self, value: Any) -> None:
        with pytest.raises(ValueError, match=r"^stable_for must be shorter than timeout, .* >= 60 s\.$"):
            validation.hold("stable_for", value, timeout=60.0)
