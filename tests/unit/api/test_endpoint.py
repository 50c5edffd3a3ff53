"""Where requests may go, and with which key: every way to write a host, deceptive ones too; no key in any message."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_instantly.api.endpoint import (
    DEFAULT_APP_URL,
    DEFAULT_BASE_URL,
    Endpoint,
    check_api_key,
    check_app_url,
    check_base_url,
    check_number,
    check_workspace_id,
)
from airflow_provider_instantly.api.errors import InstantlyConfigurationError
from tests.unit.api.conftest import CAMPAIGN_ID

if TYPE_CHECKING:
    from collections.abc import Callable


KEY = "MDE5ZTE4ZTItYTUyMTpTZWNyZXRTZWNyZXQ=="


def _result_or_none(check: Callable[[Any], Any], value: object) -> Any:
    try:
        return check(value)
    except InstantlyConfigurationError:
        return None


class TestBaseUrl:
    @pytest.mark.parametrize("url", [None, "", "  ", "\n"])
    def test_empty_means_the_real_service(self, url: str | None) -> None:
        assert check_base_url(url) == DEFAULT_BASE_URL == "https://api.instantly.ai"

    @pytest.mark.parametrize(
        ("url", "meant"),
        [
            ("https://api.instantly.ai", "https://api.instantly.ai"),
            ("https://api.instantly.ai/", "https://api.instantly.ai"),
            ("https://api.instantly.ai///", "https://api.instantly.ai"),
            ("  https://api.instantly.ai\n", "https://api.instantly.ai"),
            ("HTTPS://API.Instantly.AI", "https://api.instantly.ai"),
            ("api.instantly.ai", "https://api.instantly.ai"),
            ("api.instantly.ai:8443", "https://api.instantly.ai:8443"),
            ("https://api.instantly.ai/api/v2", "https://api.instantly.ai"),
            ("https://api.instantly.ai/api/v2/", "https://api.instantly.ai"),
            ("https://api.instantly.ai//api/v2", "https://api.instantly.ai"),
            ("https://gateway.example/instantly/", "https://gateway.example/instantly"),
            ("https://gateway.example/Instantly/api/v2", "https://gateway.example/Instantly"),
            ("https://api.instantly.ai:", "https://api.instantly.ai"),
            ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ],
    )
    def test_forms_of_one_address(self, url: str, meant: str) -> None:
        assert check_base_url(url) == meant

    @pytest.mark.parametrize(
        ("url", "meant"),
        [
            ("http://localhost", "http://localhost"),
            ("http://LOCALHOST:8989/", "http://localhost:8989"),
            ("http://127.0.0.1:8989", "http://127.0.0.1:8989"),
            ("http://127.9.9.9", "http://127.9.9.9"),
            ("http://[::1]:8989", "http://[::1]:8989"),
        ],
    )
    def test_plain_http_is_fine_on_loopback(self, url: str, meant: str) -> None:
        assert check_base_url(url) == meant

    @pytest.mark.parametrize("listed", [["sandbox"], ["SANDBOX"], ["other", "sandbox"]])
    def test_plain_http_is_fine_for_names_that_the_user_lists(self, listed: list[str]) -> None:
        assert check_base_url("http://Sandbox:8989", insecure_hosts=listed) == "http://sandbox:8989"

    @pytest.mark.parametrize(
        "url",
        [
            "http://api.instantly.ai",
            "http://localhost.evil.example",
            "http://evil.example/localhost",
            "http://localhost.",
            "http://notlocalhost",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1%2eevil.example",
            "http://127.1",
            "http://2130706433",
            "http://0x7f000001",
            "http://0.0.0.0",
            "http://169.254.169.254",
            "http://[::]",
            "http://[2001:db8::1]",
            "http://①②⑦.⓪.⓪.①",
            "http://sandbox.evil.example",
            "http://evil.sandbox",
        ],
    )
    def test_plain_http_elsewhere_is_refused(self, url: str) -> None:
        with pytest.raises(InstantlyConfigurationError, match="Instantly connection"):
            check_base_url(url, insecure_hosts=["sandbox"])

    def test_the_refusal_names_the_host_and_the_way_out(self) -> None:
        with pytest.raises(InstantlyConfigurationError, match="clear") as caught:
            check_base_url("http://sandbox:8989/x")
        assert "'sandbox'" in str(caught.value)
        assert "allow_insecure_hosts" in str(caught.value)

    @pytest.mark.parametrize(
        "url",
        [
            "http://127.0.0.1@evil.example",
            "http://127.0.0.1:80@evil.example",
            f"https://user:{KEY}@api.instantly.ai",
            f"https://{KEY}@api.instantly.ai",
            "https://@api.instantly.ai",
            "https://:@api.instantly.ai",
            f"https://{KEY[:10]}/{KEY[10:]}@api.instantly.ai",
            "http://127.0.0.1\\@evil.example",
            "http://[::1].evil.example",
            "http://evil.example[::1]",
            "http://[::1]evil.example:80",
            "https://api.instantly.ai?x=1",
            f"https://api.instantly.ai/?api_key={KEY}",
            "https://api.instantly.ai#x",
            "https://api instantly.ai",
            "https://api.instantly.ai/a b",
            "https://api.\tinstantly.ai",
            "https://api.\ninstantly.ai",
            "https://api.instantly.ai\u00a0.evil.example",
            "https://api.instantly.ai\x00.evil.example",
            "https://api.instantly.ai\x7f",
            "https://api.instantly.ai/\x1b",
            "https://api.instantly.ai:0",
            "https://api.instantly.ai:99999",
            "https://api.instantly.ai:http",
            "https://api.instantly.ai:-1",
            "https://api.instantly.ai:8443:8443",
            "https://",
            "https:///api/v2",
            "://api.instantly.ai",
            "//api.instantly.ai",
            "https:api.instantly.ai",
            "ftp://api.instantly.ai",
            "file:///etc/passwd",
            "javascript://api.instantly.ai",
            "https://[::1",
            "https://[not-an-address]",
            "https://℀.example",
            "https://a..example",
            "https://.example",
            f"https://{'a' * 64}.example",
        ],
    )
    def test_what_is_no_base_url_is_refused_without_being_quoted(self, url: str) -> None:
        with pytest.raises(InstantlyConfigurationError, match="is no URL of a service") as caught:
            check_base_url(url)
        assert KEY not in str(caught.value)
        assert "evil" not in str(caught.value)
        assert str(caught.value).startswith("The Base URL of the Instantly connection")
        assert caught.value.__cause__ is None

    @given(url=st.text(max_size=40) | st.from_regex(r"https?://[\x20-\x7e]{0,30}", fullmatch=True))
    @example(url="http://[::1].x")
    def test_whatever_is_accepted_goes_where_it_says(self, url: str) -> None:
        base = _result_or_none(check_base_url, url)
        if base is None:
            return
        parts = urlsplit(base)
        assert parts.scheme == "https" or parts.hostname in ("localhost", "::1") or parts.hostname[:4] == "127."
        assert (parts.username, parts.password, parts.query, parts.fragment) == (None, None, "", "")
        # Splitting it another way must not find another host in it.
        host = parts.netloc.rsplit(":", 1)[0] if parts.port else parts.netloc
        assert host.strip("[]") == parts.hostname
        assert not base.endswith("/")
        assert base.isprintable()
        assert check_base_url(base) == base


class TestAppUrl:
    @pytest.mark.parametrize("url", [None, ""])
    def test_empty_means_instantlys_own(self, url: object) -> None:
        assert check_app_url(url) == DEFAULT_APP_URL == "https://app.instantly.ai"
        assert check_app_url(url, "https://proxy.agency.example/instantly") == DEFAULT_APP_URL

    @pytest.mark.parametrize("base_url", ["http://127.0.0.1:8989", "http://localhost", "http://[::1]:8989"])
    def test_a_sandbox_has_its_own(self, base_url: str) -> None:
        assert check_app_url("", base_url) == base_url
        assert check_app_url("https://mail.agency.example", base_url) == "https://mail.agency.example"

    @pytest.mark.parametrize(
        ("url", "meant"),
        [
            ("https://mail.agency.example/", "https://mail.agency.example"),
            (" http://mail.agency.example:8080/app/ ", "http://mail.agency.example:8080/app"),
        ],
    )
    def test_an_agency_has_its_own(self, url: str, meant: str) -> None:
        assert check_app_url(url) == meant

    @pytest.mark.parametrize(
        "url",
        [
            7,
            True,
            ["https://x"],
            "x",
            "javascript:alert(1)",
            "https://",
            " ",
            "https://u:p@x",
            "https://x?y",
            "data:,x",
        ],
    )
    def test_anything_else_is_refused(self, url: object) -> None:
        with pytest.raises(InstantlyConfigurationError, match="app_url in the extra"):
            check_app_url(url)

    def test_a_campaigns_page(self) -> None:
        page = Endpoint("https://x", KEY, app_url="https://mail.agency.example").campaign_page(CAMPAIGN_ID)
        assert page == f"https://mail.agency.example/app/campaign/{CAMPAIGN_ID}/analytics"

    def test_an_id_cannot_leave_its_place_in_the_address(self) -> None:
        assert Endpoint("https://x", KEY).campaign_page("../../a?b#c") == (
            "https://app.instantly.ai/app/campaign/..%2F..%2Fa%3Fb%23c/analytics"
        )


class TestApiKey:
    @pytest.mark.parametrize("key", [KEY, f"  {KEY}", f"{KEY}\n"])
    def test_white_space_around_it_is_dropped(self, key: str) -> None:
        assert check_api_key(key) == KEY

    @pytest.mark.parametrize("key", [None, "", "   ", "\n"])
    def test_no_key_is_one_sentence_that_says_what_to_set(self, key: str | None) -> None:
        with pytest.raises(InstantlyConfigurationError, match=r"has no API key\. .*field API key"):
            check_api_key(key)

    @pytest.mark.parametrize("key", ["***", " ***\n", "*"])
    def test_a_mask_is_no_key_and_the_command_knows_the_key(self, key: str) -> None:
        with pytest.raises(InstantlyConfigurationError, match=r"has \*\*\* in the place .*`airflow connections test`"):
            check_api_key(key)

    @pytest.mark.parametrize("bad", [" ", "\n", "\r\nX-Evil: 1", "\x00", "\x7f", "é", "\u200b", "\ud83d"])
    def test_a_key_that_cannot_be_a_header_is_refused_without_being_quoted(self, bad: str) -> None:
        with pytest.raises(InstantlyConfigurationError, match="Copy the API V2 key again") as caught:
            check_api_key(f"{KEY[:20]}{bad}{KEY[20:]}")
        assert KEY[:20] not in str(caught.value)
        assert KEY[20:] not in str(caught.value)

    @pytest.mark.parametrize(
        ("pasted", "says"),
        [
            ('"{}"', "stands in quotes"),
            ("'{}'", "stands in quotes"),
            ("`{}`", "stands in quotes"),
            ("\u201c{}\u201d", "stands in quotes"),
            (' "{}"\n', "stands in quotes"),
            ('{}"', "stands in quotes"),
            ("Bearer {}", "begins with a header's name or the word Bearer"),
            ("bearer\t{}", "begins with a header's name or the word Bearer"),
            ("BEARER\n{}", "begins with a header's name or the word Bearer"),
            ("Bearer:{}", "begins with a header's name or the word Bearer"),
            ('"Bearer {}"', "begins with a header's name or the word Bearer"),
            ("Authorization: Bearer {}", "begins with a header's name or the word Bearer"),
            ("{}\n{}", "has a space or a line break in it"),
            ("{} # production", "has a space or a line break in it"),
            ("my key\u00a0{}", "has a space or a line break in it"),
            ("INSTANTLY_API_KEY={}", "has a character that no key has"),
            ("<{}>", "has a character that no key has"),
            ("{},", "has a character that no key has"),
            ("\ufeff{}", "has a character that no key has"),
            ("{}%3D%3D", "has a character that no key has"),
        ],
    )
    def test_a_key_that_was_pasted_with_more_than_itself(self, pasted: str, says: str) -> None:
        with pytest.raises(InstantlyConfigurationError, match="Nothing was sent") as caught:
            check_api_key(pasted.replace("{}", KEY))
        assert str(caught.value).startswith(f"The API key of the Instantly connection {says}")
        assert "Copy the API V2 key again into the field API key" in str(caught.value)
        assert KEY.rstrip("=") not in str(caught.value)

    @pytest.mark.parametrize("key", [KEY, KEY.rstrip("="), "a", "A-Za_z0.9~+/", "bearerof==", "x" * 2000])
    def test_what_may_be_a_key_is_left_to_instantly(self, key: str) -> None:
        assert check_api_key(key) == key

    @given(pair=st.binary(min_size=1))
    def test_whatever_is_base64_may_be_a_key(self, pair: bytes) -> None:
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            key = encode(pair).decode()
            assert check_api_key(key) == key

    @given(key=st.text(max_size=50))
    def test_what_is_accepted_is_safe_in_a_header(self, key: str) -> None:
        accepted = _result_or_none(check_api_key, key)
        assert accepted is None or accepted == key.strip()
        assert all("!" <= char <= "~" for char in accepted or "")


class TestWorkspaceId:
    @pytest.mark.parametrize(
        ("value", "meant"), [(None, None), ("", None), (" w-1 ", "w-1"), (CAMPAIGN_ID, CAMPAIGN_ID)]
    )
    def test_accepted(self, value: object, meant: str | None) -> None:
        assert check_workspace_id(value) == meant

    @pytest.mark.parametrize("value", [7, True, [], {}, " ", "a b", "a\r\nX-Evil: 1", "é"])
    def test_refused(self, value: object) -> None:
        with pytest.raises(InstantlyConfigurationError, match="workspace_id in the extra"):
            check_workspace_id(value)


class TestNumbers:
    @pytest.mark.parametrize(
        ("value", "meant"), [(None, 30), ("", 30), (5, 5), (0.1, 0.1), (600, 600), ("12.5", 12.5), (" 7 ", 7)]
    )
    def test_accepted(self, value: object, meant: float) -> None:
        assert check_number("timeout", value, default=30, low=0.1, high=600) == meant

    @pytest.mark.parametrize(
        "value",
        [0, 0.09, -1, 601, "601", "x", "1,5", True, False, [], {}, "nan", "inf", float("nan"), float("inf")],
    )
    def test_refused(self, value: object) -> None:
        with pytest.raises(InstantlyConfigurationError) as caught:
            check_number("timeout", value, default=30, low=0.1, high=600)
        assert str(caught.value) == (
            "timeout in the extra of the Instantly connection must be a number from 0.1 to 600."
        )

    def test_an_integer_that_no_float_can_hold_is_refused(self) -> None:
        with pytest.raises(InstantlyConfigurationError, match="must be a number from 1 to 9"):
            check_number("n", 10**400, default=2, low=1, high=9)

    @given(value=st.text(max_size=20) | st.floats() | st.integers() | st.lists(st.integers()))
    def test_never_anything_out_of_bounds(self, value: object) -> None:
        number = _result_or_none(partial(check_number, "n", default=2, low=1, high=9), value)
        assert number is None or 1 <= number <= 9


class TestEndpoint:
    def test_its_repr_has_no_key(self) -> None:
        endpoint = Endpoint("https://x", KEY)
        assert KEY not in repr(endpoint)
        assert KEY not in str(endpoint)
        assert "https://x" in repr(endpoint)

    def test_the_headers(self) -> None:
        assert Endpoint("https://x", KEY, user_agent="us/1").headers() == {
            "Accept": "application/json",
            "Authorization": f"Bearer {KEY}",
            "Cache-Control": "no-cache",
            "User-Agent": "us/1",
        }
        assert Endpoint("https://x", KEY, workspace_id="w-1").headers()["x-as-workspace"] == "w-1"

    def test_the_address_of_a_path(self) -> None:
        assert Endpoint("https://x/y", KEY).url("/campaigns") == "https://x/y/api/v2/campaigns"
