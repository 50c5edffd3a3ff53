"""
What the environment says about the way to the endpoint: which proxy, and whose certificates.

Both transports take it as `requests` does. What cannot be used is refused before anything is sent, by its variable's
name and without its value, which may hold a password.
"""

from __future__ import annotations

import os
import ssl
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from airflow_provider_instantly.api.errors import InstantlyConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: `requests` asks them in this order.
_CERTIFICATE_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_SYSTEM_SETTINGS = "the system's proxy settings"


@dataclass(frozen=True)
class Environment:
    """
    The way to one address.

    :param url: the address.
    :param proxies: what `requests` takes as its proxies.
    :param trust: the path of trusted certificates, or True for those that come with `requests`.
    :param proxy: the proxy of this address, or None.
    :param proxy_variable: what names it, for messages.
    """

    url: str
    proxies: Mapping[str, str] = field(repr=False)
    trust: str | bool
    proxy: str | None = field(repr=False)
    proxy_variable: str = ""

    @property
    def host(self) -> str:
        """The host of the address, with the port where it names one."""
        return urlsplit(self.url).netloc.rpartition("@")[2]

    @property
    def proxy_host(self) -> str:
        """The proxy's host, for messages; empty where it may be a part of a login with a slash in it."""
        parts = urlsplit(self.proxy or "")
        return "" if "@" in f"{parts.path}{parts.query}{parts.fragment}" else parts.hostname or ""

    def ssl_context(self) -> ssl.SSLContext | None:
        """
        A context that trusts what `requests` would trust, or None where the address is not encrypted.

        :raises InstantlyConfigurationError: if there are no such certificates.
        """
        from requests.utils import DEFAULT_CA_BUNDLE_PATH

        if not self.url.startswith("https://"):
            return None
        trusted = Path(self.trust if isinstance(self.trust, str) else DEFAULT_CA_BUNDLE_PATH)
        is_directory = trusted.is_dir()
        try:
            context = ssl.create_default_context(
                cafile=None if is_directory else trusted, capath=trusted if is_directory else None
            )
        except OSError:
            raise _no_certificates() from None
        context.set_alpn_protocols(["http/1.1"])
        return context


def environment_of(url: str, *, takes_socks: bool) -> Environment:
    """
    What the environment says about the way to an address.

    :param url: the address.
    :param takes_socks: whether the caller could use a SOCKS proxy if PySocks is installed.
    :raises InstantlyConfigurationError: if it names a proxy or certificates that cannot be used.
    """
    import requests
    from requests.utils import prepend_scheme_if_needed, select_proxy
    from urllib3.util import parse_url

    with requests.Session() as session:
        settings = session.merge_environment_settings(url, {}, None, None, None)
    proxies, trust = settings["proxies"], settings["verify"] or True
    proxy = select_proxy(url, proxies)
    variable = "" if proxy is None else _proxy_variable(urlsplit(url).scheme)
    if proxy is not None:
        try:
            # Older releases of urllib3 drop a port of 0 when they put the parts together again.
            port = parse_url(proxy).port
            proxy = prepend_scheme_if_needed(proxy, "http")  # type: ignore[no-untyped-call]
        except ValueError:
            raise _no_proxy(variable) from None
        if port == 0:
            raise _no_proxy(variable)
        _check_proxy(proxy, variable, takes_socks=takes_socks)
    if url.startswith("https://") and isinstance(trust, str) and not Path(trust).is_dir():
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(trust)
        except OSError:
            raise _no_certificates() from None
    return Environment(url, proxies, trust, proxy, variable)


def wrong_login(environment: Environment) -> InstantlyConfigurationError:
    """
    What a proxy's 407 means.

    :param environment: the way on which the proxy stands.
    """
    return InstantlyConfigurationError(
        f"The proxy that {environment.proxy_variable} names wants a login, or does not accept the one that it got "
        "(HTTP 407).",
        "Nothing was sent to Instantly.",
        "Write the login into the proxy's URL, like http://user:password@proxy:3128, with %-escapes for special "
        f"characters, in {environment.proxy_variable}.",
    )


def _check_proxy(proxy: str, variable: str, *, takes_socks: bool) -> None:
    try:
        parts = urlsplit(proxy)
        (parts.hostname or "").encode("idna")
        is_usable = bool(parts.hostname)
    except ValueError:
        raise _no_proxy(variable) from None
    scheme = parts.scheme.lower()
    if scheme.startswith("socks") and takes_socks:
        if find_spec("socks") is None:
            raise InstantlyConfigurationError(
                f"The proxy that {variable} names is a SOCKS proxy, and PySocks is not installed.",
                "Nothing was sent to Instantly.",
                f"Name an http:// or https:// proxy in {variable}, which deferred tasks need anyway, or "
                "exempt Instantly's host in no_proxy.",
            )
    elif scheme not in ("http", "https"):
        raise InstantlyConfigurationError(
            f"The proxy that {variable} names for Instantly is neither an http:// nor an https:// one, and no other "
            "can be used here.",
            "Nothing was sent to Instantly.",
            f"Name one in {variable}, or exempt Instantly's host in no_proxy.",
        )
    if not is_usable:
        raise _no_proxy(variable)


def _no_proxy(variable: str) -> InstantlyConfigurationError:
    return InstantlyConfigurationError(
        f"What {variable} says is not the URL of a proxy.",
        "Nothing was sent to Instantly.",
        f"Write it like http://user:password@proxy:3128, with %-escapes for special characters, or unset {variable}.",
    )


def _no_certificates() -> InstantlyConfigurationError:
    variable = next((name for name in _CERTIFICATE_VARIABLES if os.environ.get(name)), "the package certifi")
    return InstantlyConfigurationError(
        f"The certificates that {variable} names cannot be read: the file does not exist, or holds none.",
        "Nothing was sent to Instantly.",
        f"Let {variable} name a PEM file or a directory of certificates, or unset it.",
    )


def _proxy_variable(scheme: str) -> str:
    """The variable that a proxy comes from. Lower case wins, as in `urllib.request.getproxies_environment`."""
    names = [each for name in (f"{scheme}_proxy", "all_proxy") for each in (name, name.upper())]
    return next((name for name in names if os.environ.get(name)), _SYSTEM_SETTINGS)
