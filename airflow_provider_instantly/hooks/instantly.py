"""
The hook: its life as an Airflow connection's user, and how its calls are run, in tasks and in event loops.

What the calls are stands in the modules beside it, one for each subject; what a connection means, in `connection`.
"""

from __future__ import annotations

from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from airflow.providers.common.compat.sdk import AirflowNotFoundException, BaseHook
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS

from airflow_provider_instantly.api import operations, protocol
from airflow_provider_instantly.api.campaign import answered_id
from airflow_provider_instantly.api.driver import adrive, drive
from airflow_provider_instantly.api.endpoint import NO_API_KEY
from airflow_provider_instantly.api.errors import (
    InstantlyAuthenticationError,
    InstantlyError,
    InstantlyPermissionError,
)
from airflow_provider_instantly.api.redaction import safe_text
from airflow_provider_instantly.api.retry import TimeBudget
from airflow_provider_instantly.api.transport import AsyncTransport, SyncTransport
from airflow_provider_instantly.exceptions import TaskKilledError
from airflow_provider_instantly.get_provider_info import CONNECTION_FORM
from airflow_provider_instantly.hooks.accounts import AccountCalls
from airflow_provider_instantly.hooks.analytics import AnalyticsCalls
from airflow_provider_instantly.hooks.campaigns import CampaignCalls
from airflow_provider_instantly.hooks.connection import check_connection, endpoint_of, not_found, not_looked_up
from airflow_provider_instantly.hooks.leads import LeadCalls
from airflow_provider_instantly.observability.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from airflow_provider_instantly.api.endpoint import Endpoint

T = TypeVar("T")
Transport = TypeVar("Transport", SyncTransport, AsyncTransport)

#: What a person has to know whom the form of Airflow 2 does not show a stored key.
_LEFT_OUT: Final = "If it is stored, type it again to test it: the form of Airflow 2 leaves it out."


class InstantlyHook(CampaignCalls, LeadCalls, AccountCalls, AnalyticsCalls, BaseHook):
    """
    Talks to the Instantly API V2 with the key of an Airflow connection.

    The connection (type ``instantly``) has the API key as its password and, where it is not the real service, the
    Base URL as its host. Its extra takes ``workspace_id``, ``timeout`` (seconds), ``max_retries``,
    ``allow_insecure_hosts`` (a list, or names separated by commas) and ``app_url``.

    Every call exists twice: ``get_campaign`` for tasks and ``aget_campaign`` for an event loop, and so on. Close the
    hook, or use it as a context manager, to give its connections back.

    :param instantly_conn_id: the id of the Airflow connection.
    :param max_retries: how often a request that may be repeated is repeated; overrides the connection's number.
    :param time_limit: seconds that all its requests may take together, pauses included; None for any time. Nothing is
        repeated after a pause that does not fit, and no answer is waited for much longer.
    """

    conn_name_attr = "instantly_conn_id"
    default_conn_name = "instantly_default"
    conn_type = "instantly"
    hook_name = "Instantly"

    def __init__(
        self,
        instantly_conn_id: str = default_conn_name,
        *,
        max_retries: int | None = None,
        time_limit: float | None = None,
    ) -> None:
        super().__init__()
        # A template of digits is an integer after native rendering.
        self.instantly_conn_id = str(instantly_conn_id) if isinstance(instantly_conn_id, int) else instantly_conn_id
        self.max_retries = max_retries
        #: What is left of its time.
        self.budget = TimeBudget() if time_limit is None else TimeBudget(time_limit)
        #: What this hook and its callers count; Airflow has all of it when the hook is closed.
        self.metrics = Metrics(self.instantly_conn_id)
        #: What is entered while Airflow is asked for the connection, in tasks.
        self.looking_up: Callable[[], AbstractContextManager[None]] = nullcontext
        self._sync: SyncTransport | None = None
        self._async: AsyncTransport | None = None
        #: Of a connection that was changed. Other calls may still wait for their answers there.
        self._retired: list[AsyncTransport] = []

    # The connection

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """How the connection form looks below Airflow 3.2; later ones read the provider info."""
        behaviour: dict[str, Any] = CONNECTION_FORM["ui-field-behaviour"]
        return {key.replace("-", "_"): value for key, value in behaviour.items()}

    @classmethod
    def get_connection_form_widgets(cls) -> dict[str, Any]:
        """The fields of the extra in the connection form below Airflow 3.2; they need Flask AppBuilder."""
        from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
        from wtforms import StringField

        return {
            name: StringField(field["label"], widget=BS3TextFieldWidget(), description=field["description"])
            for name, field in CONNECTION_FORM["conn-fields"].items()
        }

    def get_conn(self) -> SyncTransport:
        """
        The transport of this hook, made when first asked for.

        :raises InstantlyConfigurationError: if the connection does not exist or cannot be used as it is.
        """
        if self._sync is None:
            self._sync = self._transport(SyncTransport, self._look_up())
        return self._sync

    async def aget_conn(self) -> AsyncTransport:
        """
        The transport of this hook for an event loop, made when first asked for.

        :raises InstantlyConfigurationError: if the connection does not exist or cannot be used as it is.
        """
        if self._async is None:
            endpoint = await self._alook_up()
            # Another call may have been quicker; a second transport would never be closed.
            self._async = self._async or self._transport(AsyncTransport, endpoint)
        return self._async

    async def afollow_connection(self) -> None:
        """
        Look the connection up again where it was before, and go on in the event loop with what it is by now.

        Where it cannot be looked up, or not be used, it stays what it was.
        """
        if (used := self._async) is not None:
            with suppress(InstantlyError):
                await self._arenew(used)

    def get_max_retries(self) -> int:
        """
        How often a request that may be repeated is repeated: this hook's number, or else its connection's.

        :raises InstantlyConfigurationError: if the connection does not exist or cannot be used as it is.
        """
        return self.get_conn().endpoint.max_retries if self.max_retries is None else self.max_retries

    async def aget_max_retries(self) -> int:
        """Async twin of `get_max_retries`."""
        return (await self.aget_conn()).endpoint.max_retries if self.max_retries is None else self.max_retries

    def campaign_page(self, campaign_id: str) -> str:
        """
        The campaign's page in Instantly's web application.

        :param campaign_id: its UUID.
        :raises InstantlyConfigurationError: if the connection cannot be used as it is.
        """
        return self.get_conn().endpoint.campaign_page(campaign_id)

    def close(self) -> None:
        """Give the connections of the tasks' calls back."""
        if self._sync is not None:
            self._sync.close()
            self._sync = None
        self.metrics.flush()

    async def aclose(self) -> None:
        """Give the connections of the event loop's calls back."""
        transports, self._retired = [*self._retired], []
        if self._async is not None:
            transports.append(self._async)
            self._async = None
        for transport in transports:
            await transport.close()
        await self.metrics.aflush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def test_connection(self) -> tuple[bool, str]:
        """
        Ask Instantly who we are; the button of the connection form calls this.

        A key that may not read the workspace is tried on one campaign, since no call works without a scope.
        """
        try:
            with self:
                return True, self._introduce()
        except InstantlyError as error:
            left_out = not AIRFLOW_V_3_0_PLUS and str(error).startswith(NO_API_KEY)
            return False, f"{error} {_LEFT_OUT}" if left_out else str(error)

    # The conversations that all calls are

    def drive(self, steps: protocol.Conversation[T], *, max_retries: int | None = None) -> T:
        """
        Run a conversation with Instantly to its end: each request with its retries and pauses.

        A key may be replaced while a task waits. So where Instantly does not accept it, the connection is looked up
        once more; if it has changed, the request goes out again, once. A change that is sent with ``max_retries=0``
        does not: its caller reads again before it repeats it, and `InstantlyError.key_was_replaced` tells it to.

        :param steps: yields requests, and is sent the answer of each, or the `InstantlyError` that stands in its place.
        :param max_retries: for each request; overrides the hook's number.
        :return: what the conversation returns. What it raises is raised.
        """
        if max_retries != 0:
            # That may take long. So it is not done after a read, and not before the change that may rest on it.
            self.metrics.flush_if_due()
        return drive(steps, partial(self._reply, max_retries=max_retries))

    async def adrive(self, steps: protocol.Conversation[T], *, max_retries: int | None = None) -> T:
        """Async twin of `drive`."""
        returned = await adrive(steps, partial(self._areply, max_retries=max_retries))
        self.metrics.flush_soon_if_due()
        return returned

    def _reply(self, request: protocol.Request, *, max_retries: int | None) -> protocol.Reply:
        """The answer to a request, or the error that stands in its place; see `drive`."""
        retries = self.max_retries if max_retries is None else max_retries
        try:
            transport = self.get_conn()
            try:
                return transport.call(request, max_retries=retries)
            except InstantlyAuthenticationError as error:
                renewed = self._renew(transport)
                error.key_was_replaced = renewed is not None and _is_sent_once(request, max_retries)
                if renewed is None or error.key_was_replaced:
                    raise
                return renewed.call(request, max_retries=retries)
        except InstantlyError as error:
            return error

    async def _areply(self, request: protocol.Request, *, max_retries: int | None) -> protocol.Reply:
        """Async twin of `_reply`."""
        retries = self.max_retries if max_retries is None else max_retries
        try:
            transport = await self.aget_conn()
            try:
                return await transport.call(request, max_retries=retries)
            except InstantlyAuthenticationError as error:
                renewed = await self._arenew(transport)
                error.key_was_replaced = renewed is not None and _is_sent_once(request, max_retries)
                if renewed is None or error.key_was_replaced:
                    raise
                return await renewed.call(request, max_retries=retries)
        except InstantlyError as error:
            return error

    def _introduce(self) -> str:
        try:
            workspace = self.drive(protocol.ask(operations.get_workspace()), max_retries=0)
        except InstantlyPermissionError:
            self._list_one_campaign()
            return "Connected. The API key may read campaigns, but not the workspace's name."
        name = workspace.get("name")
        if answered_id(workspace.get("id")) is None or not isinstance(name, str):
            # Many a server answers {"status": "ok"} to whatever it is asked. It has no campaigns.
            self._list_one_campaign()
        return f"Connected to the workspace {safe_text(name)}." if isinstance(name, str) else "Connected."

    def _list_one_campaign(self) -> None:
        self.drive(protocol.ask(operations.list_campaigns(limit=1)), max_retries=0)

    def _renew(self, used: SyncTransport) -> SyncTransport | None:
        """
        Look the connection up again, and go on with what it is by now.

        :return: the transport that takes the place of the one that was used, or None if the connection is the same.
        """
        if self._sync is used:
            endpoint = self._look_up()
            if endpoint != used.endpoint:
                used.close()
                self._sync = self._transport(SyncTransport, endpoint)
        transport = self.get_conn()
        return None if transport is used else transport

    async def _arenew(self, used: AsyncTransport) -> AsyncTransport | None:
        """Async twin of `_renew`."""
        if self._async is used:
            endpoint = await self._alook_up()
            if endpoint != used.endpoint and self._async is used:
                self._retired.append(used)
                self._async = self._transport(AsyncTransport, endpoint)
        transport = await self.aget_conn()
        return None if transport is used else transport

    def _transport(self, kind: type[Transport], endpoint: Endpoint) -> Transport:
        return kind(endpoint, self.metrics.observer, budget=self.budget)

    def _look_up(self) -> Endpoint:
        try:
            with self.looking_up():
                connection = self.get_connection(self.instantly_conn_id)
        except AirflowNotFoundException as error:
            raise not_found(self.instantly_conn_id) from error
        except TaskKilledError:
            # A signal's handler raises it wherever the task is.
            raise
        except Exception as error:
            raise not_looked_up(self.instantly_conn_id, error) from None
        check_connection(connection, self.instantly_conn_id, self.conn_type)
        return endpoint_of(connection, connection.extra_dejson)

    async def _alook_up(self) -> Endpoint:
        from airflow.providers.common.compat.connection import get_async_connection, get_async_extra_dejson

        try:
            connection = await get_async_connection(self.instantly_conn_id, hook=self)
        except AirflowNotFoundException as error:
            raise not_found(self.instantly_conn_id) from error
        except Exception as error:
            raise not_looked_up(self.instantly_conn_id, error) from None
        check_connection(connection, self.instantly_conn_id, self.conn_type)
        return endpoint_of(connection, await get_async_extra_dejson(connection))


def _is_sent_once(request: protocol.Request, max_retries: int | None) -> bool:
    """Whether it is a change whose caller reads before it repeats it."""
    return max_retries == 0 and not request.only_reads
