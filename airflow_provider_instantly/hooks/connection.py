"""What an Airflow connection of type ``instantly`` means, and what is wrong with one that cannot be used."""

from __future__ import annotations

import json
import platform
import re
from typing import TYPE_CHECKING, Any

from airflow_provider_instantly import __version__
from airflow_provider_instantly.api.endpoint import (
    DEFAULT_MAX_RETRIES,
    DEFAULT_TIMEOUT,
    MAX_MAX_RETRIES,
    MAX_TIMEOUT,
    Endpoint,
    check_api_key,
    check_app_url,
    check_base_url,
    check_number,
    check_workspace_id,
)
from airflow_provider_instantly.api.errors import ConnectionLookupError, InstantlyConfigurationError
from airflow_provider_instantly.api.redaction import safe_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.providers.common.compat.sdk import Connection


def check_connection(connection: Connection, conn_id: str, conn_type: str) -> None:
    """
    Go on only with a connection of the hook's type whose extra can be read.

    What another service's connection has as its password is no API key, and goes nowhere. And Airflow takes an extra
    that it cannot read for an empty one: an agency's key would act on another workspace.

    :param connection: the connection.
    :param conn_id: its id, for the error.
    :param conn_type: the hook's connection type.
    :raises InstantlyConfigurationError: if it cannot be used.
    """
    if connection.conn_type and connection.conn_type != conn_type:
        raise InstantlyConfigurationError(
            f"The Airflow connection {conn_id!r} is of type {safe_text(connection.conn_type)}, not instantly.",
            "Nothing was sent.",
            "Change its type, or name another connection in instantly_conn_id.",
        )
    try:
        is_object = isinstance(json.loads(connection.extra or "{}"), dict)
    except ValueError:
        is_object = False
    if not is_object:
        raise InstantlyConfigurationError(
            "The extra of the Instantly connection is not a JSON object.",
            'Write it like {"workspace_id": "..."}, or leave it empty.',
        )


def endpoint_of(connection: Connection, extra: Mapping[str, Any]) -> Endpoint:
    """
    The service and the credentials that a connection names.

    :param connection: a connection that `check_connection` let pass.
    :param extra: its extra, decoded.
    :raises InstantlyConfigurationError: if one of its fields cannot be used. No error quotes the key.
    """
    base_url = check_base_url(_written_host(connection), insecure_hosts=_insecure_hosts(extra))
    return Endpoint(
        base_url=base_url,
        api_key=check_api_key(connection.password),
        workspace_id=check_workspace_id(extra.get("workspace_id")),
        timeout=check_number("timeout", extra.get("timeout"), default=DEFAULT_TIMEOUT, low=0.1, high=MAX_TIMEOUT),
        max_retries=int(
            check_number(
                "max_retries", extra.get("max_retries"), default=DEFAULT_MAX_RETRIES, low=0, high=MAX_MAX_RETRIES
            )
        ),
        user_agent=_user_agent(),
        app_url=check_app_url(extra.get("app_url"), base_url),
    )


def not_found(conn_id: str) -> InstantlyConfigurationError:
    """
    The error where Airflow says that there is no such connection.

    :param conn_id: its id.
    """
    return InstantlyConfigurationError(
        f"There is no Airflow connection {conn_id!r} (Airflow 3 says the same of one that it could not look up just "
        "now, or not read: an extra must be a JSON object).",
        "Add one of type instantly, with an Instantly API V2 key in its field API key.",
    )


def not_looked_up(conn_id: str, error: Exception) -> ConnectionLookupError:
    """
    The error where Airflow could not look a connection up.

    :param conn_id: its id.
    :param error: what was raised. Secret backends put what they like into their errors, so only its kind is named.
    """
    return ConnectionLookupError(
        f"The Airflow connection {conn_id!r} could not be looked up ({type(error).__name__}).",
        "Look at the secrets backend and the database of this Airflow.",
    )


def _insecure_hosts(extra: Mapping[str, Any]) -> list[str]:
    """
    The hosts that may be reached in the clear; the form stores them as one text.

    The form of Airflow 2 turns a list into text as Python writes it, and saves that, whichever field was changed. So
    brackets and quotes are dropped: they belong to no name.
    """
    hosts = extra.get("allow_insecure_hosts") or ()
    names = hosts.split(",") if isinstance(hosts, str) else hosts
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise InstantlyConfigurationError(
            "allow_insecure_hosts in the extra of the Instantly connection must be a list of host names."
        )
    return [name.strip("[]'\" \t\r\n") for name in names]


def _written_host(connection: Connection) -> str:
    """
    The base URL as the user wrote it. The port may stand apart, and has to for Airflow 3.3.2 to test the connection; in
    a connection that is given as a URI, the scheme does too.

    :raises InstantlyConfigurationError: if there are two ports.
    """
    host: str = connection.host or ""
    if not host:
        return host
    scheme, separator, rest = host.partition("://")
    if not separator:
        scheme, rest = connection.schema or "https", host
    authority, slash, path = rest.partition("/")
    port = f":{connection.port}" if connection.port else ""
    if port and re.fullmatch(r"(\[.*\]|[^:]*):\d+", authority) and not authority.endswith(port):
        raise InstantlyConfigurationError(
            "The Base URL of the Instantly connection has another port than its field Port.",
            "Write the port into one of them only, or the same into both.",
        )
    return f"{scheme}://{authority.removesuffix(port)}{port}{slash}{path}"


def _user_agent() -> str:
    from airflow import __version__ as airflow_version

    ours = f"airflow-provider-instantly/{__version__}"
    return f"{ours} apache-airflow/{airflow_version} python/{platform.python_version()}"
