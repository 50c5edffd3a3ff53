"""
The hook, over real HTTP against the sandbox: what its calls have in common, sync and async.

The calls and the ways to write a connection have tests of their own beside it.
"""

from __future__ import annotations

import asyncio
import inspect
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from airflow_provider_instantly.api import protocol
from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.api.errors import (
    AmbiguousOutcomeError,
    CampaignNotFoundError,
    InstantlyAuthenticationError,
    InstantlyBadRequestError,
    InstantlyConfigurationError,
    InstantlyError,
    InstantlyNotFoundError,
    InstantlyPaymentRequiredError,
    InstantlyPermissionError,
    InstantlyRequestError,
    InstantlyServerError,
    InstantlyUnexpectedAnswerError,
)
from airflow_provider_instantly.api.protocol import Expected, Request, Resource, ask_array
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from tests.unit.api.conftest import RawServer, http_answer
from tests.unit.hooks.connections import CONN, KEY, UNKNOWN_ID, as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_instantly.sandbox.client import SandboxClient

#: Calls that make no request, and one that Airflow makes.
WITHOUT_TWIN = {"campaign_page", "test_connection", "afollow_connection"}


class TestErrors:
    def test_a_key_that_is_wrong(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url))
        with pytest.raises(InstantlyAuthenticationError, match="wrong, revoked, or a key of API V1"):
            ask("get_campaign", UNKNOWN_ID)

    def test_a_key_that_was_revoked(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.add_key("soon gone")))
        sandbox.revoke_key("soon gone")
        with pytest.raises(InstantlyAuthenticationError):
            ask("get_campaign", UNKNOWN_ID)

    @pytest.mark.parametrize(
        ("scope", "allowed", "refused"),
        [
            ("campaigns:read", ["get_campaign", "get_sending_status"], ["activate_campaign", "pause_campaign"]),
            ("campaigns:update", ["activate_campaign", "pause_campaign"], ["get_campaign", "get_sending_status"]),
        ],
    )
    def test_scopes(
        self,
        sandbox: SandboxClient,
        ask: Callable[..., Any],
        monkeypatch: pytest.MonkeyPatch,
        scope: str,
        allowed: list[str],
        refused: list[str],
    ) -> None:
        campaign_id = sandbox.add_campaign()
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.add_key("narrow", [scope])))
        for name in allowed:
            ask(name, campaign_id)
        for name in refused:
            with pytest.raises(InstantlyPermissionError, match="the API key needs the scope campaigns:"):
                ask(name, campaign_id)

    def test_a_workspace_without_a_plan(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace = "0e5d1a0b-5a4d-4b0c-9f5e-00000000000f"
        sandbox.set_workspace(workspace, name="Poor", paid=False)
        key = sandbox.add_key("unpaid", workspace=workspace)
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=key))
        with pytest.raises(InstantlyPaymentRequiredError, match="no active paid plan"):
            ask("list_campaigns")

    def test_an_agency_acts_on_the_workspace_that_the_connection_names(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        workspace = "0e5d1a0b-5a4d-4b0c-9f5e-0000000000aa"
        sandbox.set_workspace(workspace, name="Client")
        campaign_id = sandbox.add_campaign("Theirs", workspace=workspace)
        key = sandbox.add_key("agency", agency=True)
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=key))
        with pytest.raises(CampaignNotFoundError):
            ask("get_campaign", campaign_id)
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=key, extra={"workspace_id": workspace}))
        assert ask("get_campaign", campaign_id).name == "Theirs"

    @pytest.mark.parametrize(
        ("fault", "took_effect"),
        [
            ({"kind": "reset", "moment": "after"}, True),
            ({"kind": "reset", "moment": "before"}, False),
            ({"kind": "error", "status": 502, "format": "html", "moment": "after"}, True),
            ({"kind": "truncate"}, True),
        ],
        ids=str,
    )
    def test_a_lost_answer_to_an_activation_is_ambiguous_and_not_repeated(
        self, sandbox: SandboxClient, ask: Callable[..., Any], fault: dict[str, Any], took_effect: bool
    ) -> None:
        campaign_id = sandbox.add_campaign()
        sandbox.add_fault(path="*/activate", **fault)
        with pytest.raises(AmbiguousOutcomeError):
            ask("activate_campaign", campaign_id, max_retries=5)
        assert sandbox.activations(campaign_id) == took_effect
        assert len(sandbox.requests(path="*/activate")) == 1

    def test_reads_are_repeated(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("airflow_provider_instantly.api.retry.BACKOFF_BASE", 0.01)
        campaign_id = sandbox.add_campaign()
        sandbox.add_fault("error", status=503, count=2)
        with InstantlyHook() as hook:
            assert hook.get_campaign(campaign_id).status == 0
        assert len(sandbox.requests()) == 3

    def test_the_hooks_number_of_retries_goes_before_the_connections(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("airflow_provider_instantly.api.retry.BACKOFF_BASE", 0.01)
        extra = {"max_retries": 1}
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.api_key, extra=extra))
        sandbox.add_fault("error", status=503, count=None)
        for max_retries, requests in ((None, 2), (0, 1), (2, 3)):
            sandbox.clear_requests()
            with pytest.raises(InstantlyServerError):
                ask("get_campaign", UNKNOWN_ID, max_retries=max_retries)
            assert len(sandbox.requests()) == requests

    @pytest.mark.parametrize(("own", "number"), [(None, 1), (0, 0), (2, 2)])
    def test_how_often_that_is(
        self, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, own: int | None, number: int
    ) -> None:
        monkeypatch.setenv(CONN, as_json(password=KEY, extra={"max_retries": 1}))
        assert ask("get_max_retries", max_retries=own) == number

    def test_something_else_that_answers(self, sandbox: SandboxClient, ask: Callable[..., Any]) -> None:
        sandbox.add_fault("body", text="<html>Welcome</html>", content_type="text/html")
        with pytest.raises(InstantlyUnexpectedAnswerError, match="a proxy may have answered"):
            ask("get_campaign", UNKNOWN_ID)


class TestReplacedKey:
    """A key that is replaced while a hook is in use: the connection is looked up once more, and only if need be."""

    @pytest.fixture
    def replace_key(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
        """Begin with a key; when called, revoke it and put another into the connection."""

        def use(name: str) -> None:
            monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.add_key(name)))

        def replace() -> None:
            use("new")
            sandbox.revoke_key("old")

        use("old")
        return replace

    @staticmethod
    def _requests(sandbox: SandboxClient) -> list[tuple[str, int]]:
        return [(request["method"], request["status"]) for request in sandbox.requests()]

    def test_the_request_goes_out_again(self, sandbox: SandboxClient, replace_key: Callable[[], None]) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook(max_retries=0) as hook:
            hook.get_campaign(campaign_id)
            replace_key()
            assert hook.activate_campaign(campaign_id).status is CampaignStatus.ACTIVE
            hook.get_campaign(campaign_id)
        assert self._requests(sandbox) == [("GET", 200), ("POST", 401), ("POST", 200), ("GET", 200)]
        assert sandbox.activations(campaign_id) == 1

    async def test_so_does_an_async_one(self, sandbox: SandboxClient, replace_key: Callable[[], None]) -> None:
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook(max_retries=0) as hook:
            await hook.aget_campaign(campaign_id)
            replace_key()
            assert (await hook.aactivate_campaign(campaign_id)).status is CampaignStatus.ACTIVE
            await hook.aget_campaign(campaign_id)
        assert self._requests(sandbox) == [("GET", 200), ("POST", 401), ("POST", 200), ("GET", 200)]
        assert sandbox.activations(campaign_id) == 1

    def test_a_change_whose_caller_reads_before_it_repeats_it_does_not(
        self, sandbox: SandboxClient, replace_key: Callable[[], None]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook() as hook:
            hook.get_campaign(campaign_id)
            replace_key()
            with pytest.raises(InstantlyAuthenticationError) as caught:
                hook.activate_campaign(campaign_id, max_retries=0)
            assert caught.value.key_was_replaced
            hook.activate_campaign(campaign_id, max_retries=0)
        assert self._requests(sandbox) == [("GET", 200), ("POST", 401), ("POST", 200)]

    async def test_nor_does_an_async_one(self, sandbox: SandboxClient, replace_key: Callable[[], None]) -> None:
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook() as hook:
            await hook.aget_campaign(campaign_id)
            replace_key()
            with pytest.raises(InstantlyAuthenticationError) as caught:
                await hook.apause_campaign(campaign_id, max_retries=0)
            assert caught.value.key_was_replaced
            await hook.apause_campaign(campaign_id, max_retries=0)
        assert self._requests(sandbox) == [("GET", 200), ("POST", 401), ("POST", 200)]

    async def test_many_at_once_share_the_new_one(
        self, sandbox: SandboxClient, replace_key: Callable[[], None]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook(max_retries=0) as hook:
            await hook.aget_campaign(campaign_id)
            old = await hook.aget_conn()
            replace_key()
            found = await asyncio.gather(*(hook.aget_campaign(campaign_id) for _ in range(20)))
            assert {campaign.id for campaign in found} == {campaign_id}
            before = len(sandbox.requests())
            await hook.aget_campaign(campaign_id)
            assert len(sandbox.requests()) == before + 1
            new = await hook.aget_conn()
        assert new is not old
        assert old._session is None
        assert new._session is None

    async def test_a_call_that_waits_for_its_answer_is_not_cut_off(
        self, sandbox: SandboxClient, replace_key: Callable[[], None]
    ) -> None:
        campaign_id, other_id = sandbox.add_campaign(), sandbox.add_campaign()
        sandbox.add_fault("delay", path=f"*/{other_id}", delay=1.0, moment="after")
        async with InstantlyHook(max_retries=0) as hook:
            await hook.aget_campaign(campaign_id)
            slow = asyncio.create_task(hook.aget_campaign(other_id))
            while not any(request["path"].endswith(other_id) for request in await asyncio.to_thread(sandbox.requests)):
                assert not slow.done()
            replace_key()
            await hook.aget_campaign(campaign_id)
            assert not slow.done()
            assert (await slow).id == other_id

    def test_a_list_goes_on_where_it_was(self, sandbox: SandboxClient, replace_key: Callable[[], None]) -> None:
        ids = sandbox.add_campaigns(250, "Many")
        with InstantlyHook(max_retries=0) as hook:
            campaigns = hook.list_campaigns()
            found = [next(campaigns).id]
            replace_key()
            found += [campaign.id for campaign in campaigns]
        assert sorted(found) == sorted(ids)
        assert [status for _, status in self._requests(sandbox)].count(401) == 1

    def test_a_wrong_key_is_tried_once(
        self, sandbox: SandboxClient, ask: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url))
        with pytest.raises(InstantlyAuthenticationError):
            ask("get_campaign", UNKNOWN_ID)
        assert len(sandbox.requests()) == 1

    def test_another_key_that_is_wrong_is_tried_once(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, replace_key: Callable[[], None]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook(max_retries=3) as hook:
            hook.get_campaign(campaign_id)
            replace_key()
            sandbox.revoke_key("new")
            with pytest.raises(InstantlyAuthenticationError):
                hook.get_campaign(campaign_id)
        assert self._requests(sandbox) == [("GET", 200), ("GET", 401), ("GET", 401)]

    @pytest.mark.parametrize("status", [400, 402, 403, 404, 500])
    def test_only_a_401_looks_it_up(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, status: int) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook(max_retries=0) as hook:
            hook.get_campaign(campaign_id)
            monkeypatch.delenv(CONN)
            sandbox.add_fault("error", status=status)
            with pytest.raises(InstantlyError, match=f"HTTP {status}"):
                hook.get_campaign(campaign_id)

    def test_a_connection_that_is_gone_by_then_is_named(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch, replace_key: Callable[[], None]
    ) -> None:
        campaign_id = sandbox.add_campaign()
        with InstantlyHook(max_retries=0) as hook:
            hook.get_campaign(campaign_id)
            replace_key()
            monkeypatch.delenv(CONN)
            with pytest.raises(InstantlyConfigurationError, match="There is no Airflow connection"):
                hook.get_campaign(campaign_id)


class TestConnectionTest:
    """The button of the connection form."""

    def test_it_names_the_workspace(self, sandbox: SandboxClient) -> None:
        is_fine, message = InstantlyHook().test_connection()
        assert is_fine
        assert message.startswith("Connected to the workspace ")

    def test_a_key_that_may_not_read_the_workspace_is_tried_on_one_campaign(
        self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.add_key("reader", ["campaigns:read"])))
        is_fine, message = InstantlyHook().test_connection()
        assert is_fine
        assert message == "Connected. The API key may read campaigns, but not the workspace's name."
        assert [(request["path"].rpartition("/")[2], request["status"]) for request in sandbox.requests()] == [
            ("current", 403),
            ("campaigns", 200),
        ]

    def test_a_key_that_may_read_nothing(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url, password=sandbox.add_key("other", ["leads:all"])))
        is_fine, message = InstantlyHook().test_connection()
        assert not is_fine
        assert "needs the scope campaigns:read" in message

    @pytest.mark.parametrize("name", ["x\n\x1b[31my", "x\r\n" * 300_000, 7, None], ids=lambda name: repr(name)[:9])
    def test_a_strange_name(self, sandbox: SandboxClient, name: Any) -> None:
        sandbox.add_fault("body", path="*/workspaces/current", json={"name": name})
        is_fine, message = InstantlyHook().test_connection()
        assert is_fine
        assert message.isprintable()
        assert len(message) < 300

    @pytest.mark.parametrize("answer", [{"status": "ok"}, {"name": "gateway"}, {"id": "node-1", "name": "x"}], ids=str)
    def test_a_server_that_says_ok_to_everything_is_not_instantly(
        self, sandbox: SandboxClient, answer: dict[str, str]
    ) -> None:
        sandbox.add_fault("body", json=answer, count=None)
        is_fine, message = InstantlyHook().test_connection()
        assert not is_fine
        assert "a list of campaigns without a list of items" in message

    @pytest.mark.parametrize(
        ("connection", "sentence"),
        [
            (None, "There is no Airflow connection 'instantly_default' (Airflow 3 says the same"),
            ({"password": ""}, "has no API key"),
            ({"host": "http://example.com"}, "in the clear"),
        ],
    )
    def test_what_is_wrong_with_the_connection_is_said(
        self, monkeypatch: pytest.MonkeyPatch, connection: dict[str, Any] | None, sentence: str
    ) -> None:
        if connection is not None:
            monkeypatch.setenv(CONN, as_json(**connection))
        is_fine, message = InstantlyHook().test_connection()
        assert not is_fine
        assert sentence in message

    @pytest.mark.parametrize("is_airflow_3", [False, True])
    def test_the_form_of_airflow_2_leaves_a_stored_key_out(
        self, monkeypatch: pytest.MonkeyPatch, is_airflow_3: bool
    ) -> None:
        monkeypatch.setattr("airflow_provider_instantly.hooks.instantly.AIRFLOW_V_3_0_PLUS", is_airflow_3)
        monkeypatch.setenv(CONN, as_json(password=""))
        _, message = InstantlyHook().test_connection()
        assert message.endswith("its field API key.") is is_airflow_3
        assert ("type it again to test it" in message) is not is_airflow_3

    def test_a_server_that_fails_is_asked_once_since_a_person_waits(self, sandbox: SandboxClient) -> None:
        sandbox.add_fault("error", status=503, count=None)
        is_fine, message = InstantlyHook().test_connection()
        assert not is_fine
        assert "HTTP 503" in message
        assert len(sandbox.requests()) == 1

    def test_a_wrong_key_is_not_quoted(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(CONN, as_json(host=sandbox.url))
        is_fine, message = InstantlyHook().test_connection()
        assert not is_fine
        assert "does not accept the API key" in message
        assert KEY not in message


class TestLife:
    def test_it_reads_its_connection_once(self, sandbox: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
        with InstantlyHook() as hook:
            transport = hook.get_conn()
            monkeypatch.delenv(CONN)
            assert hook.get_conn() is transport
            hook.get_campaign(sandbox.add_campaign())

    def test_a_closed_hook_opens_again(self, sandbox: SandboxClient) -> None:
        campaign_id = sandbox.add_campaign()
        hook = InstantlyHook()
        for _ in range(2):
            assert hook.get_campaign(campaign_id).id == campaign_id
            hook.close()
        hook.close()

    async def test_a_closed_async_hook_opens_again(self, sandbox: SandboxClient) -> None:
        campaign_id = sandbox.add_campaign()
        hook = InstantlyHook()
        for _ in range(2):
            assert (await hook.aget_campaign(campaign_id)).id == campaign_id
            await hook.aclose()
        await hook.aclose()

    async def test_calls_at_once_share_one_transport(self, sandbox: SandboxClient) -> None:
        campaign_id = sandbox.add_campaign()
        async with InstantlyHook() as hook:
            transports = await asyncio.gather(*(hook.aget_conn() for _ in range(5)))
            assert len(set(map(id, transports))) == 1
            campaigns = await asyncio.gather(*(hook.aget_campaign(campaign_id) for _ in range(20)))
        assert {campaign.id for campaign in campaigns} == {campaign_id}

    def test_making_one_reads_nothing(self) -> None:
        assert InstantlyHook("no_such_connection").instantly_conn_id == "no_such_connection"

    def test_its_repr_has_no_key(self, sandbox: SandboxClient) -> None:
        with InstantlyHook() as hook:
            assert sandbox.api_key not in repr(vars(hook)) + repr(hook.get_conn()) + repr(hook.get_conn().endpoint)


class TestNewEndpoint:
    """An endpoint that Instantly lacks, stated in one place: errors, retries and both kinds of calls follow from it."""

    SEARCH = Request(
        "POST",
        "/things/search",
        only_reads=True,
        scope="things:read",
        resource=Resource("thing", "t-1"),
        expects=Expected.ARRAY,
        body={"names": ["é"], "limit": 2},
    )
    REMOVE = Request(
        "DELETE", "/things/t-1", only_reads=False, scope="things:delete", resource=Resource("thing", "t-1")
    )
    REMOVE_SOME = replace(REMOVE, path="/things", resource=Resource("set of things"), body={"ids": ["t-1"]})
    FOUND: ClassVar[list[dict[str, Any]]] = [{"name": "é"}, {}]

    @pytest.fixture
    def service(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[RawServer]:
        """Answers as a test wants it, at the other end of the default connection."""
        monkeypatch.setattr("airflow_provider_instantly.api.retry.BACKOFF_BASE", 0.0)
        server = RawServer()
        monkeypatch.setenv(CONN, as_json(host=server.url))
        yield server
        server.close()

    @staticmethod
    def _answers(service: RawServer, *answers: tuple[int, Any]) -> None:
        coming = iter(answers)

        def reply(request: Any) -> None:
            status, document = next(coming)
            request.send(http_answer(json.dumps(document).encode(), status))

        service.reply = reply

    def test_it_is_sent_as_stated(self, service: RawServer, ask: Callable[..., Any]) -> None:
        self._answers(service, (200, self.FOUND))
        assert ask("drive", ask_array(self.SEARCH)) == self.FOUND

        (sent,) = service.received
        assert sent.line == "POST /api/v2/things/search HTTP/1.1"
        assert json.loads(sent.body) == {"names": ["é"], "limit": 2}
        assert sent.raw.lower().count(b"\r\ncontent-type: application/json\r\n") == 1
        assert sent.headers["content-length"] == str(len(sent.body))

    @pytest.mark.parametrize("request_", [REMOVE, REMOVE_SOME], ids=["without a body", "with a body"])
    def test_only_a_body_has_a_content_type(
        self, service: RawServer, ask: Callable[..., Any], request_: Request
    ) -> None:
        self._answers(service, (200, {"id": "t-1"}))
        assert ask("drive", protocol.ask(request_)) == {"id": "t-1"}

        (sent,) = service.received
        assert sent.line.startswith("DELETE /api/v2/things")
        assert ("content-type" in sent.headers) == (request_.body is not None)
        assert sent.body == (request_.content or b"")
        assert sent.headers.get("content-length", "0") == str(len(sent.body))
        assert "transfer-encoding" not in sent.headers

    def test_a_post_that_only_reads_is_repeated(self, service: RawServer, ask: Callable[..., Any]) -> None:
        self._answers(service, (503, {}), (200, {}), (429, {}), (200, self.FOUND))
        assert ask("drive", ask_array(self.SEARCH), max_retries=3) == self.FOUND
        assert len({sent.body for sent in service.received}) == 1

    @pytest.mark.parametrize("request_", [REMOVE, REMOVE_SOME], ids=["without a body", "with a body"])
    def test_a_change_is_not(self, service: RawServer, ask: Callable[..., Any], request_: Request) -> None:
        self._answers(service, (429, {}), (503, {}), (200, {}))
        with pytest.raises(AmbiguousOutcomeError) as caught:
            ask("drive", protocol.ask(request_), max_retries=3)
        assert len(service.received) == 2
        assert f"Check the {request_.resource.noun} in Instantly before you repeat it." in str(caught.value)

    @pytest.mark.parametrize(
        ("status", "error", "sentence"),
        [
            (200, InstantlyUnexpectedAnswerError, "not a JSON array"),
            (400, InstantlyBadRequestError, "refused the request as it was made"),
            (401, InstantlyAuthenticationError, "does not accept the API key"),
            (403, InstantlyPermissionError, "needs the scope things:read, or"),
            (404, InstantlyNotFoundError, "There is no thing t-1 in the workspace"),
            (503, InstantlyServerError, "failed to answer"),
        ],
    )
    def test_its_errors(
        self,
        service: RawServer,
        ask: Callable[..., Any],
        status: int,
        error: type[InstantlyRequestError],
        sentence: str,
    ) -> None:
        self._answers(service, (status, {"message": "Something"}))
        with pytest.raises(error, match=sentence) as caught:
            ask("drive", ask_array(self.SEARCH))
        assert type(caught.value) is error
        assert caught.value.advice
        assert str(caught.value).endswith(f"[POST /things/search: HTTP {status}; Something]")

    def test_what_it_is_about_where_no_id_is_named(self, service: RawServer, ask: Callable[..., Any]) -> None:
        self._answers(service, (404, {}))
        with pytest.raises(InstantlyNotFoundError, match="knows no set of things at this path"):
            ask("drive", protocol.ask(self.REMOVE_SOME))


class TestForAirflow:
    def test_what_airflow_asks_a_hook_class(self) -> None:
        assert InstantlyHook.conn_type == "instantly"
        assert InstantlyHook.hook_name == "Instantly"
        assert InstantlyHook.default_conn_name == "instantly_default"
        assert InstantlyHook.conn_name_attr == "instantly_conn_id"
        assert InstantlyHook.conn_name_attr in inspect.signature(InstantlyHook).parameters

    def test_the_form_of_old_versions(self) -> None:
        behaviour = InstantlyHook.get_ui_field_behaviour()
        assert set(behaviour) == {"hidden_fields", "relabeling", "placeholders"}
        assert behaviour["relabeling"] == {"host": "Base URL", "password": "API key", "port": "Port"}

    def test_the_fields_of_old_versions(self) -> None:
        pytest.importorskip("flask_appbuilder", reason="only Airflow 2 has its forms")
        pytest.importorskip("wtforms", reason="only Airflow 2 has its forms")
        widgets = InstantlyHook.get_connection_form_widgets()
        assert set(widgets) == {"workspace_id", "timeout", "max_retries", "allow_insecure_hosts", "app_url"}

    def test_every_call_has_an_async_twin_with_the_same_parameters(self) -> None:
        ours = [kind for kind in InstantlyHook.__mro__ if kind.__module__.startswith("airflow_provider_instantly.")]
        public = {name for kind in ours for name, value in vars(kind).items() if inspect.isfunction(value)}
        names = {name for name in public if not name.startswith("_") and not _is_a_twin(name)} - WITHOUT_TWIN
        assert len(names) > 20
        for name in names:
            call, twin = getattr(InstantlyHook, name), getattr(InstantlyHook, f"a{name}")
            assert inspect.signature(call).parameters == inspect.signature(twin).parameters, name
            assert inspect.iscoroutinefunction(twin) or inspect.isasyncgenfunction(twin), name


def _is_a_twin(name: str) -> bool:
    return name.startswith("a") and hasattr(InstantlyHook, name[1:])
