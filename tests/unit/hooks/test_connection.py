"""
Every way to write a connection, through the hook, sync and async.

What is wrong with a connection must be said in one sentence, and the key must be in none.
"""

from __future__ import annotations

import asyncio
import json
import re
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from airflow.providers.common.compat.sdk import AirflowNotFoundException

from airflow_provider_instantly.api.errors import (
    ConnectionLookupError,
    InstantlyConfigurationError,
)
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from tests.airflow_versions import READS_ANY_EXTRA
from tests.unit.hooks.connections import CONN, KEY, UNKNOWN_ID, as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_instantly.api.endpoint import Endpoint

NO_OBJECT = (
    r"^The extra of the Instantly connection is not a JSON object\."
    if READS_ANY_EXTRA
    else r"^There is no Airflow connection 'instantly_default' \(.*: an extra must be a JSON object\)"
)


class TestConnections:
    """A connection may be written in many ways; here as environment variables, in both of Airflow's forms."""

    @pytest.mark.parametrize(
        ("written", "base_url"),
        [
            ("instantly://:{key}@", "https://api.instantly.ai"),
            ("instantly://:{key}@/", "https://api.instantly.ai"),
            ("instantly://:{key}@api.example.com", "https://api.example.com"),
            ("instantly://:{key}@api.example.com:8443", "https://api.example.com:8443"),
            ("instantly://:{key}@https%3A%2F%2Fapi.example.com%2Fgateway", "https://api.example.com/gateway"),
            ("instantly://:{key}@http%3A%2F%2F127.0.0.1%3A8989", "http://127.0.0.1:8989"),
            ("instantly://http://:{key}@127.0.0.1:8989", "http://127.0.0.1:8989"),
            ("instantly://https://:{key}@api.example.com:8443/", "https://api.example.com:8443"),
            ("instantly://https://:{key}@api.example.com", "https://api.example.com"),
            ("instantly://:{key}@127.0.0.1:8989/http", "http://127.0.0.1:8989"),
        ],
    )
    def test_as_a_uri(self, monkeypatch: pytest.MonkeyPatch, written: str, base_url: str) -> None:
        monkeypatch.setenv(CONN, written.format(key=quote(KEY, safe="")))
        endpoint = _endpoint()
        assert (endpoint.base_url, endpoint.api_key) == (base_url, KEY)

    @pytest.mark.parametrize(
        ("written", "base_url"),
        [
            ({}, "https://api.instantly.ai"),
            ({"host": ""}, "https://api.instantly.ai"),
            ({"host": "https://api.instantly.ai/api/v2/"}, "https://api.instantly.ai"),
            ({"port": 443}, "https://api.instantly.ai"),
            ({"host": "https://api.instantly.ai", "port": 443}, "https://api.instantly.ai:443"),
            ({"host": "https://api.instantly.ai", "port": 0}, "https://api.instantly.ai"),
            ({"host": "127.0.0.1", "port": 8989, "schema": "http"}, "http://127.0.0.1:8989"),
            ({"host": "http://127.0.0.1", "port": 8989}, "http://127.0.0.1:8989"),
            ({"host": "http://127.0.0.1:8989", "port": 8989}, "http://127.0.0.1:8989"),
            ({"host": "https://api.example.com/gateway", "port": 8443}, "https://api.example.com:8443/gateway"),
            ({"host": "http://[::1]", "port": 8989}, "http://[::1]:8989"),
        ],
    )
    def test_asas_json(self, monkeypatch: pytest.MonkeyPatch, written: dict[str, Any], base_url: str) -> None:
        monkeypatch.setenv(CONN, as_json(**written))
        endpoint = _endpoint()
        assert (endpoint.base_url, endpoint.api_key) == (base_url, KEY)

    @pytest.mark.parametrize(
        "written",
        [
            "instantly://:{key}@/?timeout=7.5&max_retries=2&workspace_id=w-1&app_url=https%3A%2F%2Fmail.agency.example",
            '{{"conn_type": "instantly", "password": "{plain}", "extra": {{"timeout": "7.5", "max_retries": "2", '
            '"workspace_id": "w-1", "app_url": "https://mail.agency.example"}}}}',
            '{{"conn_type": "instantly", "password": "{plain}", "extra": "{{\\"timeout\\": 7.5, \\"max_retries\\": 2, '
            '\\"workspace_id\\": \\"w-1\\", \\"app_url\\": \\"https://mail.agency.example\\"}}"}}',
        ],
        ids=["URI", "JSON", "JSON in JSON"],
    )
    def test_the_extra(self, monkeypatch: pytest.MonkeyPatch, written: str) -> None:
        monkeypatch.setenv(CONN, written.format(key=quote(KEY, safe=""), plain=KEY))
        endpoint = _endpoint()
        assert (endpoint.timeout, endpoint.max_retries) == (7.5, 2)
        assert (endpoint.workspace_id, endpoint.app_url) == ("w-1", "https://mail.agency.example")

    def test_the_defaults(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, as_json())
        endpoint = _endpoint()
        assert (endpoint.timeout, endpoint.max_retries, endpoint.workspace_id) == (30.0, 4, None)
        assert InstantlyHook().campaign_page(UNKNOWN_ID) == (
            f"https://app.instantly.ai/app/campaign/{UNKNOWN_ID}/analytics"
        )

    def test_the_page_of_a_campaign_of_a_sandbox_is_the_sandboxs(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, as_json(host="http://127.0.0.1", port=8989))
        assert InstantlyHook().campaign_page(UNKNOWN_ID) == (
            f"http://127.0.0.1:8989/app/campaign/{UNKNOWN_ID}/analytics"
        )

    @pytest.mark.parametrize("empty", ["", None])
    def test_fields_that_the_form_leaves_empty(self, monkeypatch: pytest.MonkeyPatch, empty: Any) -> None:
        names = ["workspace_id", "timeout", "max_retries", "allow_insecure_hosts", "app_url"]
        monkeypatch.setenv(CONN, as_json(extra=dict.fromkeys(names, empty)))
        assert _endpoint().timeout == 30.0

    @pytest.mark.parametrize("names", ["sandbox", " other , sandbox ", ["sandbox"], ["other", "SANDBOX"]])
    def test_hosts_that_may_be_reached_in_the_clear(self, monkeypatch: pytest.MonkeyPatch, names: Any) -> None:
        monkeypatch.setenv(CONN, as_json(host="http://sandbox:8989", extra={"allow_insecure_hosts": names}))
        assert _endpoint().base_url == "http://sandbox:8989"

    @pytest.mark.parametrize("names", [["sandbox"], ["other", "sandbox"], ["sandbox", "other"]])
    def test_a_list_of_hosts_that_the_form_of_airflow_2_saved(
        self, monkeypatch: pytest.MonkeyPatch, names: list[str]
    ) -> None:
        monkeypatch.setenv(CONN, as_json(host="http://sandbox:8989", extra={"allow_insecure_hosts": str(names)}))
        assert _endpoint().base_url == "http://sandbox:8989"

    @pytest.mark.parametrize("names", [[], ["other"], ["sandbox.other", "other"]])
    def test_no_other_host_is_allowed_by_it(self, monkeypatch: pytest.MonkeyPatch, names: list[str]) -> None:
        monkeypatch.setenv(CONN, as_json(host="http://sandbox:8989", extra={"allow_insecure_hosts": str(names)}))
        with pytest.raises(InstantlyConfigurationError, match=r"uses http:// for 'sandbox'"):
            _endpoint()

    def test_another_connection(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW_CONN_MINE", as_json(host="https://mine.example"))
        with InstantlyHook("mine") as hook:
            assert hook.get_conn().endpoint.base_url == "https://mine.example"
        assert InstantlyHook(instantly_conn_id="mine").instantly_conn_id == "mine"

    def test_who_we_say_we_are(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, as_json())
        ours, airflow, python = _endpoint().user_agent.split()
        assert re.fullmatch(r"airflow-provider-instantly/\d+\.\d+\.\d+\S*", ours)
        assert airflow == f"apache-airflow/{version('apache-airflow')}"
        assert re.fullmatch(r"python/3\.\d+\.\d+\S*", python)


class TestConnectionErrors:
    """One sentence that says what to set, sync and async, and never the key."""

    @pytest.mark.parametrize(
        ("connection", "sentence"),
        [
            (
                None,
                r"^There is no Airflow connection 'instantly_default' \(Airflow 3 says the same of one that it could "
                r"not look up just now, or not read: an extra must be a JSON object\)\. Add one of type instantly",
            ),
            (
                {"password": ""},
                r"^The Instantly connection has no API key\. Put an API V2 key into its field API key\.",
            ),
            ({"password": "  "}, r"^The Instantly connection has no API key"),
            ({"password": f"{KEY} {KEY}"}, r"^The API key of the Instantly connection has a space"),
            ({"host": "http://api.instantly.ai"}, r"^The Base URL of the Instantly connection uses http://"),
            ({"host": f"https://{KEY}@api.instantly.ai"}, r"^The Base URL of the Instantly connection is no URL"),
            ({"host": "ftp://api.instantly.ai"}, r"^The Base URL of the Instantly connection is no URL"),
            ({"host": "api.instantly.ai", "schema": "v2"}, r"^The Base URL of the Instantly connection is no URL"),
            (
                {"host": "https://api.instantly.ai:99", "port": 9},
                r"^The Base URL of the Instantly connection has another port than its field Port\. Write the port into",
            ),
            ({"host": "http://[::1]:8989", "port": 443}, r"^The Base URL of the Instantly connection has another port"),
            (
                {"host": "https://api.instantly.ai", "port": 99999},
                r"^The Base URL of the Instantly connection is no URL",
            ),
            (
                {"extra": {"timeout": "soon"}},
                r"^timeout in the extra of the Instantly connection must be a number from 0",
            ),
            ({"extra": {"timeout": 0}}, r"^timeout in the extra"),
            (
                {"conn_type": "http"},
                r"^The Airflow connection 'instantly_default' is of type http, not instantly\. Nothing was sent\. Ch",
            ),
            (
                {"conn_type": "smtp", "extra": "no JSON"},
                r"'instantly_default' is of type smtp, not instantly\." if READS_ANY_EXTRA else NO_OBJECT,
            ),
            (
                {"extra": {"max_retries": -1}},
                r"^max_retries in the extra of the Instantly connection must be a number fr",
            ),
            ({"extra": {"max_retries": True}}, r"^max_retries in the extra"),
            (
                {"extra": {"workspace_id": 7}},
                r"^workspace_id in the extra of the Instantly connection must be the id of",
            ),
            ({"extra": {"app_url": "javascript:x"}}, r"^app_url in the extra of the Instantly connection"),
            (
                {"extra": {"allow_insecure_hosts": 7}},
                r"^allow_insecure_hosts in the extra of the Instantly connection mu",
            ),
            ({"extra": {"allow_insecure_hosts": [7]}}, r"^allow_insecure_hosts in the extra"),
            ({"extra": {"allow_insecure_hosts": {"a": 1}}}, r"^allow_insecure_hosts in the extra"),
            ({"extra": [1]}, NO_OBJECT),
            ({"extra": "[1]"}, NO_OBJECT),
            ({"extra": "7"}, NO_OBJECT),
            ({"extra": "workspace_id: w-1"}, NO_OBJECT),
            ({"extra": '{"workspace_id": "w-1"'}, NO_OBJECT),
        ],
        ids=str,
    )
    def test_what_is_wrong(
        self,
        ask: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch,
        connection: dict[str, Any] | None,
        sentence: str,
    ) -> None:
        if connection is not None:
            monkeypatch.setenv(CONN, as_json(**connection))
        with pytest.raises(InstantlyConfigurationError, match=sentence) as caught:
            ask("get_campaign", UNKNOWN_ID)
        _assert_free_of_key(caught.value)
        assert str(caught.value).count(".") <= 6

    @pytest.mark.parametrize(
        "written",
        [
            "instantly://a://b://:{key}@host",
            "instantly://:{key}@host:port",
            '{{"conn_type": "instantly", "password": "{key}"',
            '{{"conn_type": "instantly", "secret": "{key}"}}',
        ],
    )
    def test_a_connection_that_airflow_cannot_read(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, written: str
    ) -> None:
        monkeypatch.setenv(CONN, written.format(key=KEY))
        with pytest.raises((InstantlyConfigurationError, ConnectionLookupError), match="instantly_default") as caught:
            ask("get_campaign", UNKNOWN_ID)
        _assert_free_of_key(caught.value)

    def test_a_connection_that_names_no_type_may_be_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, json.dumps({"password": KEY}))
        assert _endpoint().api_key == KEY

    def test_a_look_up_that_fails_may_pass_and_tells_no_secrets(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def get_connection(*args: Any, **more: Any) -> Any:
            raise RuntimeError(f"vault://user:{KEY}@vault is down")

        async def aget_connection(*args: Any, **more: Any) -> Any:
            get_connection()

        monkeypatch.setattr(InstantlyHook, "get_connection", get_connection)
        monkeypatch.setattr(InstantlyHook, "aget_connection", aget_connection, raising=False)
        with pytest.raises(ConnectionLookupError, match=r"could not be looked up \(RuntimeError\)") as caught:
            ask("get_campaign", UNKNOWN_ID)
        _assert_free_of_key(caught.value)

    def test_a_task_that_is_killed_during_a_look_up_ends(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """As a look-up that failed, a wait would take it for a poll without an answer, and go on."""

        def get_connection(*args: Any, **more: Any) -> Any:
            raise TaskKilledError("The task was killed.")

        monkeypatch.setattr(InstantlyHook, "get_connection", get_connection)
        with pytest.raises(TaskKilledError):
            InstantlyHook().get_campaign(UNKNOWN_ID)

    def test_airflows_word_that_there_is_none_is_kept(self) -> None:
        with pytest.raises(InstantlyConfigurationError) as caught:
            InstantlyHook().get_conn()
        assert isinstance(caught.value.__cause__, AirflowNotFoundException)


def _endpoint() -> Endpoint:
    """The endpoint that both kinds of calls make of the connection; they must agree."""

    async def endpoint() -> Endpoint:
        async with InstantlyHook() as hook:
            return (await hook.aget_conn()).endpoint

    with InstantlyHook() as hook:
        found = hook.get_conn().endpoint
    assert asyncio.run(endpoint()) == found
    return found


def _assert_free_of_key(error: BaseException) -> None:
    shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(error.args)
    assert KEY.rstrip("=") not in shown
    assert quote(KEY.rstrip("="), safe="") not in shown
