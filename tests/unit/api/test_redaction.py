"""
A server's text in our logs and in what is stored: one short line, and the key in none of the ways in which a server
could echo it.
"""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_instantly.api.redaction import (
    EXCERPT_CHARS,
    STORED_CHARS,
    masked_address,
    safe_text,
    shown_text,
    shown_value,
    storable_text,
    strike_key_out,
    without_addresses,
)
from tests.unit.json_values import json_values

if TYPE_CHECKING:
    from collections.abc import Callable


#: Chosen so that the key has all that base64 has: a plus, a slash, and two equals signs at its end.
SECRET = "sEcReT?>~ÿþ~secrets"
KEY = base64.b64encode(f"019e18e2-a521-7bb9-9dd6-45f1bc69dcd0:{SECRET}".encode()).decode()

ESCAPES: dict[str, Callable[[str], str]] = {
    "plain": lambda char: char,
    "percent": lambda char: f"%{ord(char):02X}",
    "percent in lower case": lambda char: f"%{ord(char):02x}",
    "percent twice": lambda char: f"%25{ord(char):02x}",
    "JSON": lambda char: f"\\u{ord(char):04x}",
    "JSON in upper case": lambda char: f"\\u{ord(char):04X}",
    "JSON in JSON": lambda char: f"\\\\u{ord(char):04x}",
    "backslash": lambda char: char if char.isalnum() else f"\\{char}",
    "entity": lambda char: f"&#{ord(char)};",
    "hexadecimal entity": lambda char: f"&#x{ord(char):x};",
    "UTF-16": lambda char: f"{char}\0",
}


class TestLogLines:
    @pytest.mark.parametrize(
        ("text", "line"),
        [
            ("", ""),
            ("  a \t b  ", "a b"),
            ("a\r\nINFO - all is well", "a INFO - all is well"),
            ("a\x1b[2Jb", "a [2Jb"),
            ("a\u2028b\u202eb\u200b", "a b b"),
            ("a\u00a0b", "a b"),
            ("half \ud83d", "half"),
            ("Ünïcödé 😀", "Ünïcödé 😀"),
        ],
    )
    def test_what_could_forge_a_line_is_gone(self, text: str, line: str) -> None:
        assert safe_text(text) == line

    @pytest.mark.parametrize(("length", "cut"), [(EXCERPT_CHARS, False), (EXCERPT_CHARS + 1, True), (10**7, True)])
    def test_it_is_short(self, length: int, cut: bool) -> None:
        found = safe_text("x" * length)
        assert len(found.rstrip("…")) == EXCERPT_CHARS
        assert found.endswith("…") == cut

    @given(text=st.text(), limit=st.integers(min_value=1, max_value=50))
    def test_always_one_printable_line(self, text: str, limit: int) -> None:
        found = safe_text(text, limit=limit)
        assert found.isprintable()
        assert len(found) <= limit + 1


class TestKey:
    @pytest.mark.parametrize(
        "echo",
        [
            KEY,
            KEY.rstrip("="),
            f"Bearer {KEY}",
            f"Authorization: Bearer {KEY}, key {KEY}",
            quote(KEY, safe=""),
            quote(KEY, safe="").lower(),
            quote_plus(quote_plus(KEY)),
            KEY.replace("/", "\\/"),
            json.dumps(KEY),
            json.dumps(json.dumps(KEY)),
            KEY.replace("=", "\\u003d").replace("+", "\\u002B"),
            html.escape(KEY).replace("=", "&#x3D;").replace("/", "&#x2F;"),
            KEY.replace("=", "&equals;").replace("/", "&sol;").replace("+", "&plus;"),
            KEY.lower(),
            KEY.upper(),
            base64.b64decode(KEY).decode(),
            SECRET,
            quote(SECRET, safe=""),
        ],
    )
    def test_it_is_struck_out_in_every_form(self, echo: str) -> None:
        found = safe_text(f"Invalid API key: {echo} (401)", KEY)
        _assert_free_of_key(found)
        assert "***" in found

    def test_the_example_is_a_hard_one(self) -> None:
        assert KEY.endswith("==")
        assert "+" in KEY
        assert "/" in KEY

    def test_what_stands_around_it_stays(self) -> None:
        assert safe_text(f"Invalid API key: {KEY} (401)", KEY) == "Invalid API key: *** (401)"

    @pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
    def test_it_is_struck_out_however_it_is_escaped(self, escape: Callable[[str], str]) -> None:
        echo = "".join(map(escape, KEY))
        _assert_free_of_key(safe_text(f"Invalid API key: {echo} (401)", KEY))

    @given(data=st.data(), before=st.text(max_size=30), after=st.text(max_size=30))
    def test_it_is_struck_out_however_many_ways_are_mixed(self, data: st.DataObject, before: str, after: str) -> None:
        escapes = data.draw(st.lists(st.sampled_from(sorted(ESCAPES)), min_size=len(KEY), max_size=len(KEY)))
        echo = "".join(ESCAPES[escape](char) for escape, char in zip(escapes, KEY, strict=True))
        _assert_free_of_key(safe_text(before + echo + after, KEY))

    @given(
        key=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=12, max_size=80),
        padding=st.integers(min_value=1_000, max_value=3_000),
        times=st.integers(min_value=1, max_value=20),
    )
    def test_no_part_of_it_is_left_where_a_long_text_is_cut(self, key: str, padding: int, times: int) -> None:
        found = safe_text(" " * padding + key * times + " " * 5_000, key)
        assert key[:8] not in found.replace("***", "")

    @pytest.mark.parametrize("key", ["=0000000000=", "=0000000000", "0000000000=="])
    def test_several_of_them_in_a_row_are_all_struck_out(self, key: str) -> None:
        assert "0" not in safe_text(key * 5, key)

    @pytest.mark.parametrize("spaces", range(1_400, 2_400, 7))
    def test_no_part_of_it_is_left_wherever_the_cut_is(self, spaces: int) -> None:
        assert KEY[:4] not in safe_text(" " * spaces + KEY * 9 + "x" * 9_000, KEY)

    @pytest.mark.parametrize("key", ["", "k", "not base64!", "\\u0041", "%41", "a" * 5_000])
    def test_any_key_can_be_struck_out(self, key: str) -> None:
        found = safe_text(f"<<{key}>>", key)
        assert found.isprintable()
        if key:
            assert key not in found


def _assert_free_of_key(text: str) -> None:
    plain = unquote(unquote(html.unescape(text))).replace("\\", "").lower()
    assert KEY.rstrip("=").lower() not in plain
    assert SECRET.lower() not in plain


def struck(document: Any, *, ensure_ascii: bool = True, key: str = KEY) -> Any:
    """A document as it is after its bytes were decoded and the key was struck out."""
    body = json.dumps(document, ensure_ascii=ensure_ascii).encode("utf-8", "surrogatepass")
    decoded = json.loads(body)
    strike_key_out(decoded, body, key)
    return decoded


JSON_VALUES = json_values(floats=False)


class TestDocuments:
    """What a server's JSON says of the key is in none of its texts, so it is in no field that is made of them."""

    @pytest.mark.parametrize("echo", [KEY, KEY.lower(), f"My {KEY}!", KEY.rstrip("="), quote(KEY, safe=""), SECRET])
    @pytest.mark.parametrize("ensure_ascii", [True, False])
    def test_wherever_it_stands(self, echo: str, ensure_ascii: bool) -> None:
        document = {
            "name": echo,
            "status": 1,
            "items": [{"name": echo, "id": "x"}, [echo, None], echo],
            echo: {echo: [{"deep": echo}]},
            "long": "x" * 5_000 + echo if "%" not in echo else "",
        }
        found = struck(document, ensure_ascii=ensure_ascii)
        assert (found["status"], found["items"][0]["id"], found["items"][1][1]) == (1, "x", None)
        assert "***" in found["name"]
        assert len(found) == len(document)
        _assert_free_of_key(json.dumps(found, ensure_ascii=False))

    @pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES.keys())
    def test_however_it_is_escaped(self, escape: Callable[[str], str]) -> None:
        _assert_free_of_key(struck({"name": "A name: " + "".join(map(escape, KEY))})["name"])

    def test_however_the_json_itself_escapes_it(self) -> None:
        escaped = "".join(f"\\u{ord(char):04x}" for char in KEY)
        body = f'{{"name": "{escaped}"}}'.encode()
        decoded = json.loads(body)
        assert decoded == {"name": KEY}
        strike_key_out(decoded, body, KEY)
        assert decoded == {"name": "***"}

    @given(document=st.dictionaries(st.text(max_size=8), JSON_VALUES, max_size=4), ensure_ascii=st.booleans())
    def test_all_else_stays_as_it_is(self, document: dict[str, Any], ensure_ascii: bool) -> None:
        assert struck(document, ensure_ascii=ensure_ascii) == document

    def test_texts_with_escapes_stay_as_they_are(self) -> None:
        document = {"html": "<p>100&#37; &amp; %41 \\u0041 \0</p>", "name": "Käse %s", "long": "%41" * 5_000}
        assert struck(document) == document

    def test_beside_a_number_of_a_character_with_any_number_of_digits(self) -> None:
        decoded = {"message": f"{KEY} &#{'9' * 5_000};"}
        strike_key_out(decoded, json.dumps(decoded).encode(), KEY)
        assert KEY not in decoded["message"]

    def test_without_a_key_there_is_nothing_to_strike_out(self) -> None:
        assert struck({"name": "%41"}, key="") == {"name": "%41"}

    def test_a_depth_that_no_recursion_would_reach(self) -> None:
        document: Any = KEY
        for _ in range(900):
            document = [document]
        _assert_free_of_key(json.dumps(struck({"deep": document})))


class TestStoredTexts:
    """What of an answer is kept in XComs, events and databases."""

    @pytest.mark.parametrize("text", ["", "Spring", "é😀", "ann@example.com", "a" * STORED_CHARS])
    def test_what_is_fit_is_kept_as_it_is(self, text: str) -> None:
        assert storable_text(text) == text

    @pytest.mark.parametrize(
        ("text", "kept"),
        [
            ("half \ud83d", "half ?"),
            ("a\0b", "ab"),
            ("A\r\nB\x1b[31m\u202e", "A B [31m"),
            (" a  b ", "a b"),
            ("x" * 1_000_000, "x" * STORED_CHARS + "…"),
        ],
        ids=["surrogate", "NUL", "control", "spaces", "long"],
    )
    def test_what_is_not_is_made_fit(self, text: str, kept: str) -> None:
        assert storable_text(text) == kept

    @pytest.mark.parametrize("value", [None, 7, True, 1.5, ["x"], {"x": 1}, b"x"])
    def test_what_is_no_text_is_empty(self, value: object) -> None:
        assert storable_text(value) == ""

    @given(text=st.text(st.characters(), max_size=5) | st.text().map(lambda text: text * 500))
    def test_any_text(self, text: str) -> None:
        kept = storable_text(text)
        assert kept.isprintable()
        assert len(kept) <= STORED_CHARS + 1
        assert kept.encode().decode() == kept
        assert storable_text(kept[:STORED_CHARS].strip()) == kept[:STORED_CHARS].strip()


@pytest.mark.parametrize(
    "at",
    [
        "@",
        "%40",
        "%2540",
        "&#64;",
        "&#x40;",
        "&amp;#064;",
        "&commat;",
        "\\u0040",
        "\\x40",
        "\uff20",
        "\ufe6b",
        "\\uff20",
        "\\uFE6B",
        "%EF%BC%A0",
        "%25ef%25b9%25ab",
        "&#65312;",
        "&#xFE6B;",
        "%u0040",
        "%25u0040",
    ],
)
@pytest.mark.parametrize(
    "around", ['{{"email":"{}","id":7}}', "<p>{}</p>", "mailto:{}", "no: {} is none", "a={}&b=1", "{}"]
)
def test_an_address_is_struck_out_of_a_text(at: str, around: str) -> None:
    shown = without_addresses(around.format(f"joe.doe+x{at}example.com"))
    assert "(an address)" in shown
    assert "joe" not in shown
    assert "example" not in shown


@pytest.mark.parametrize("local", ["joe{}doe", "joe{}doe{}joe", "joe.doe{0}x{0}{0}joe"])
@pytest.mark.parametrize("mark", [*"!#$%&'*+-/=?^_`{|}~", "\\/", "={"])
@pytest.mark.parametrize("around", ['{{"email":"{}","id":7}}', "<p>{}</p>", "mailto:{}", "no: '{}' is none", "{}"])
def test_all_that_stands_in_an_address_before_its_at_sign_is_struck_out(local: str, mark: str, around: str) -> None:
    """These are addresses that leads are sent with, and around other addresses some of these marks stand, too."""
    shown = without_addresses(around.format(f"{local.format(mark, mark)}@example.com"))
    assert "(an address)" in shown
    assert "joe" not in shown
    assert "doe" not in shown


@pytest.mark.parametrize(
    "local",
    [
        '"joe doe"',
        '"joe.doe"',
        '"joe@home doe"',
        '"joe, doe"',
        '\\"joe doe\\"',
        "\\u0022joe doe\\u0022",
        "&quot;joe doe&quot;",
        "&#34;joe doe&#x22;",
        "%22joe doe%22",
        "joe.doe(at work)",
        "joe.doe()",
    ],
)
@pytest.mark.parametrize("at", ["@", "%40", "&#64;", "\\u0040", "\uff20"])
@pytest.mark.parametrize("around", ['{{"email":"{}","id":7}}', "<p>{}</p>", "mailto:{}", "no: {} is none", "{}"])
def test_an_address_with_blanks_before_its_at_sign_is_struck_out(local: str, at: str, around: str) -> None:
    assert without_addresses(around.format(f"{local}{at}example.com")) == around.format("(an address)")


@pytest.mark.parametrize(
    "at",
    [
        *("\\u0026#64;", "\\u0026commat;", "&#x26;#64;", "%26%2364%3B", "%26commat%3B", "\\u002540", "\\x2540"),
        *("&#37;40", "&percnt;40", "&bsol;u0040", "&ampcommat;"),
    ],
)
@pytest.mark.parametrize("around", ['{{"email":"{}","id":7}}', "no: {} is none; ask ann@example.org", "{}"])
def test_an_address_that_is_escaped_in_two_ways_is_not_shown(at: str, around: str) -> None:
    """A gateway's JSON may have what it echoes as HTML, whose ampersands are escaped as JSON."""
    assert without_addresses(around.format(f"joe.doe{at}example.com")) == "(a text with an address)"


def test_what_stands_behind_an_address_stays() -> None:
    assert without_addresses("s3://joe@bucket/in=1/x.csv, 'joe@example.com'") == (
        "s3://(an address)/in=1/x.csv, '(an address)'"
    )


def test_a_text_without_an_address_stays_as_it_is() -> None:
    text = '{"statusCode":400,"message":"params/id must match format \\"uuid\\""} 40% of it'
    assert without_addresses(text) == text
    assert without_addresses("") == ""


@given(before=st.integers(16_350, 16_400))
def test_nor_is_the_beginning_of_an_address_shown_where_a_text_is_cut(before: int) -> None:
    shown = without_addresses(" " * before + "joe.doe@example.com")
    assert "joe"[:1] not in shown
    assert without_addresses("x" * 20_000) == ""


@pytest.mark.parametrize(
    "around", ["user@{}", "{}@example.com", "https://me:{}@api.example.com/", "a@b.c {} a@b.c", "@{}@"]
)
@pytest.mark.parametrize("before", [0, 16_000, 16_384 - len(KEY) // 2, 16_500])
def test_the_key_is_struck_out_before_an_address_is(around: str, before: int) -> None:
    """A slash ends what is taken for an address: what stood behind it was half a key."""
    shown = shown_text(around.format(KEY) + " " * before + around.format(KEY), KEY, limit=100_000)
    assert not any(KEY[start : start + 8] in shown for start in range(len(KEY) - 8))
    assert "a@b" not in shown


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("ada@example.com", "a…@example.com"),
        ("a@b@example.com", "a…@example.com"),
        ("@example.com", "…@example.com"),
        ("nothing", "…@nothing"),
        ("", "…@"),
        ("ada%40example.com", "…@(an address)"),
        ("a@b&commat;example.com", "a…@(an address)"),
        ("a\nb@example.com\x00", "a…@example.com"),
    ],
)
def test_an_address_that_no_one_can_write_to(address: str, shown: str) -> None:
    assert masked_address(address) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("ann@customer.example", "'(an address)'"),
        (["a", "ann@customer.example"], "['a', '(an address)']"),
        ({"email": "ann@customer.example"}, "{'email': '(an address)'}"),
        (b"ann@customer.example", "b'(an address)'"),
        (7, "7"),
        ("two\nlines", "'two\\nlines'"),
    ],
    ids=str,
)
def test_what_an_author_passed_is_shown_without_addresses(value: object, shown: str) -> None:
    assert shown_value(value) == shown
