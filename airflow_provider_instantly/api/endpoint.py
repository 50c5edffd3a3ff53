"""Where requests go and with which credentials: checked once, before anything is sent, and safe in a log."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, quote, urlsplit

from airflow_provider_instantly.api.errors import InstantlyConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

DEFAULT_BASE_URL = "https://api.instantly.ai"
DEFAULT_APP_URL = "https://app.instantly.ai"
API_ROOT = "/api/v2"
#: Seconds for a connection, and then for the whole answer.
DEFAULT_TIMEOUT = 30.0
MAX_TIMEOUT = 600.0
DEFAULT_MAX_RETRIES = 4
MAX_MAX_RETRIES = 10
NO_API_KEY = "The Instantly connection has no API key."

#: What may follow ``Bearer`` in a header (RFC 6750, 2.1). A key of API V2 is base64, which is less.
_BEARER_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
#: What people copy along with a key from a command line or a piece of code.
_HEADER_BEFORE_KEY = re.compile(r"[\"'`]*(authorization\b|bearer[\s:])", re.IGNORECASE)
_QUOTES = "\"'`´‘’‚“”„«»‹›"  # noqa: RUF001 - word processors make these of straight ones
_VISIBLE_ASCII = re.compile(r"[\x21-\x7e]+")
#: A host and a port and nothing else: no user name, and nothing behind an IPv6 address that `urlsplit` overlooks.
_AUTHORITY = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]@:]+)(:[0-9]*)?")


@dataclass(frozen=True)
class Endpoint:
    """
    The service to talk to and the credentials to do it with.

    :param base_url: scheme, host and port, with an optional path; without a trailing slash.
    :param api_key: an Instantly API V2 key. Never part of the ``repr``.
    :param workspace_id: the sub-workspace that an agency's key acts on, or None.
    :param timeout: seconds to wait for a connection, and then for the whole answer.
    :param max_retries: how often a request that may be repeated is repeated.
    :param user_agent: what we call ourselves; Instantly's edge refuses requests without it.
    :param app_url: the web application for people; white-label agencies have a domain of their own.
    """

    base_url: str
    api_key: str = field(repr=False)
    workspace_id: str | None = None
    timeout: float = DEFAULT_TIMEOUT
    max_retries: int = DEFAULT_MAX_RETRIES
    user_agent: str = "airflow-provider-instantly"
    app_url: str = DEFAULT_APP_URL

    def url(self, path: str) -> str:
        """
        The whole address of a path of the API.

        :param path: a path below ``/api/v2``, with its leading slash.
        """
        return f"{self.base_url}{API_ROOT}{path}"

    def campaign_page(self, campaign_id: str) -> str:
        """
        The web page of a campaign. Its form is not documented; it was seen in several places.

        :param campaign_id: its UUID.
        """
        return f"{self.app_url}/app/campaign/{quote(campaign_id, safe='')}/analytics"

    def headers(self) -> dict[str, str]:
        """
        The headers of every request, the key among them.

        There is no ``Content-Type``: Instantly answers 400 to one that comes with an empty body. A cache on the way is
        to ask Instantly each time: a launch rests on how a campaign stands now.
        """
        headers = {
            "Accept": "application/json",
            "Authorization": f"Bearer {self.api_key}",
            "Cache-Control": "no-cache",
            "User-Agent": self.user_agent,
        }
        if self.workspace_id:
            headers["x-as-workspace"] = self.workspace_id
        return headers


def check_base_url(url: str | None, *, insecure_hosts: Iterable[str] = ()) -> str:
    """
    Return the base URL in its one form, or say what is wrong with it.

    :param url: what the connection has as its host; empty means the real service; ``https://`` may be left out.
    :param insecure_hosts: host names for which ``http://`` is allowed, besides loopback.
    :raises InstantlyConfigurationError: if the key would travel to a place that is no URL, or in the clear.
    """
    text = (url or "").strip()
    if not text:
        return DEFAULT_BASE_URL
    parts = _split(text if "://" in text else f"https://{text}", "The Base URL")
    host = (parts.hostname or "").lower()
    if parts.scheme == "http" and not _is_loopback(host) and host not in {h.lower() for h in insecure_hosts}:
        raise InstantlyConfigurationError(
            f"The Base URL of the Instantly connection uses http:// for {host!r}, which would send the API key in the "
            "clear.",
            "Use https://, or list the name under allow_insecure_hosts in the connection's extra.",
        )
    path = parts.path.rstrip("/").removesuffix(API_ROOT).rstrip("/")
    return f"{parts.scheme}://{parts.netloc.lower().rstrip(':')}{path}"


def check_app_url(url: object, base_url: str = DEFAULT_BASE_URL) -> str:
    """
    Return the web application's address in its one form, or say what is wrong with it.

    :param url: ``app_url`` of the connection's extra; empty means Instantly's own, or, where the service is on this
        machine, that service: the sandbox has a page for each campaign at the same address.
    :param base_url: where the requests go, as `check_base_url` returned it.
    :raises InstantlyConfigurationError: if a browser could not open it.
    """
    if url is None or url == "":
        return base_url if _is_loopback(urlsplit(base_url).hostname or "") else DEFAULT_APP_URL
    if not isinstance(url, str):
        raise InstantlyConfigurationError("app_url in the extra of the Instantly connection must be a URL.")
    parts = _split(url.strip(), "app_url in the extra")
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"


def check_api_key(key: str | None) -> str:
    """
    Return the API key as it is sent, or say what is wrong with it, without quoting it.

    :param key: what the connection has as its password; white space around it is dropped.
    :raises InstantlyConfigurationError: if there is no key, or it has what no key has: it was pasted with more than
        itself, and Instantly would only answer that it is wrong.
    """
    text = (key or "").strip()
    if not text:
        raise InstantlyConfigurationError(NO_API_KEY, "Put an API V2 key into its field API key.")
    if not text.strip("*"):
        raise InstantlyConfigurationError(
            "The Instantly connection has *** in the place of its API key, which is how Airflow hides one: the button "
            "Test of Airflow 3.0 knows no other.",
            "Nothing was sent.",
            "Test with the command `airflow connections test`, or put the API V2 key into the field API key.",
        )
    if not _BEARER_TOKEN.fullmatch(text):
        raise InstantlyConfigurationError(
            f"The API key of the Instantly connection {_what_no_key_has(text)}.",
            "Nothing was sent.",
            "Copy the API V2 key again into the field API key, the key alone: letters, digits, + and /, "
            "mostly with == at its end.",
        )
    return text


def _what_no_key_has(text: str) -> str:
    """Why it is no key, without a character of it."""
    if _HEADER_BEFORE_KEY.match(text):
        return "begins with a header's name or the word Bearer, which is sent by itself"
    if text[0] in _QUOTES or text[-1] in _QUOTES:
        return "stands in quotes"
    if any(char.isspace() for char in text):
        return "has a space or a line break in it"
    return "has a character that no key has"


def check_workspace_id(value: object) -> str | None:
    """
    Return the workspace to act on, or None.

    :param value: ``workspace_id`` of the connection's extra.
    :raises InstantlyConfigurationError: if it cannot be an HTTP header's value.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _VISIBLE_ASCII.fullmatch(value.strip()):
        raise InstantlyConfigurationError(
            "workspace_id in the extra of the Instantly connection must be the id of a workspace, as a string."
        )
    return value.strip()


def check_number(name: str, value: object, *, default: float, low: float, high: float) -> float:
    """
    Return a number of the connection's extra, or say what it must be. The form stores numbers as text.

    :param name: the key in the extra.
    :param value: what stands there; None or an empty string means the default.
    :param default: what is used where nothing is set.
    :param low: the least value accepted.
    :param high: the greatest value accepted.
    :raises InstantlyConfigurationError: if it is no number within the bounds.
    """
    if value is None or value == "":
        return default
    try:
        number = float(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not low <= number <= high:
        raise InstantlyConfigurationError(
            f"{name} in the extra of the Instantly connection must be a number from {low:g} to {high:g}."
        )
    return number


def _split(url: str, name: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        (parts.hostname or "").encode("idna")
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_valid = urlsplit(""), False
    plain = not parts.query and not parts.fragment and url.isprintable() and not re.search(r"[ \\@]", url)
    has_host = parts.hostname and _AUTHORITY.fullmatch(parts.netloc) and port_is_valid
    if parts.scheme not in {"http", "https"} or not has_host or not plain:
        # The value is not quoted: people paste credentials into URLs.
        raise InstantlyConfigurationError(
            f"{name} of the Instantly connection is no URL of a service.",
            f"Leave it empty for Instantly's own, or write it like {DEFAULT_BASE_URL}, without a user name, a query "
            "or a fragment.",
        )
    return parts


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
