"""The way to the endpoint: what the environment says, and what is said of it where it cannot be used."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from airflow_provider_instantly.api.endpoint import DEFAULT_BASE_URL
from airflow_provider_instantly.api.environment import environment_of, wrong_login
from airflow_provider_instantly.api.errors import InstantlyConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

PROXY = "http://me:word@proxy.example:3128"
VARIABLES = ["https_proxy", "http_proxy", "all_proxy", "no_proxy"]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxies and no certificates of the machine that runs the tests."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def refusal(url: str = DEFAULT_BASE_URL, *, takes_socks: bool = True) -> str:
    """Why the environment cannot be used."""
    with pytest.raises(InstantlyConfigurationError) as caught:
        environment_of(url, takes_socks=takes_socks)
    message = str(caught.value)
    assert "Nothing was sent to Instantly" in message
    assert "word" not in message.replace("user:password@proxy:3128", "")
    assert caught.value.proves_no_effect
    return message


class TestProxies:
    def test_none(self) -> None:
        environment = environment_of(DEFAULT_BASE_URL, takes_socks=True)
        assert (environment.proxy, environment.proxy_variable, environment.trust) == (None, "", True)

    @pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
    def test_it_knows_which_variable_names_it(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        monkeypatch.setenv("http_proxy", "http://another.example")
        monkeypatch.setenv(name, PROXY)
        environment = environment_of(DEFAULT_BASE_URL, takes_socks=True)
        assert (environment.proxy, environment.proxy_variable) == (PROXY, name)
        assert "word" not in repr(environment)

    def test_the_schemes_own_goes_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ALL_PROXY", "http://another.example")
        monkeypatch.setenv("HTTPS_PROXY", PROXY)
        environment = environment_of(DEFAULT_BASE_URL, takes_socks=True)
        assert (environment.proxy, environment.proxy_variable) == (PROXY, "HTTPS_PROXY")

    def test_an_exempted_host_has_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "nonsense://me:word@[")
        monkeypatch.setenv("no_proxy", "instantly.ai")
        assert environment_of(DEFAULT_BASE_URL, takes_socks=True).proxy is None

    @pytest.mark.parametrize(
        "proxy",
        [
            "http://me:word@[bad",
            "http://me:word@h:99999",
            "http://me:word@h:0",
            "proxy.example:0",
            "http://me:word@h:port",
            "http://me:wo#rd@h:3128",
            "http://me:word@a..b",
            f"http://me:word@{'a' * 70}.example",
            "http://",
            "http://:3128",
        ],
    )
    @pytest.mark.parametrize("name", ["https_proxy", "ALL_PROXY"])
    def test_one_that_is_no_url(self, monkeypatch: pytest.MonkeyPatch, proxy: str, name: str) -> None:
        monkeypatch.setenv(name, proxy)
        assert f"What {name} says is not the URL of a proxy" in refusal()

    @pytest.mark.parametrize("proxy", ["socks5://me:word@h:1", "socks4a://h", "gopher://me:word@h", "ftp://h"])
    def test_one_that_the_triggerer_cannot_use(self, monkeypatch: pytest.MonkeyPatch, proxy: str) -> None:
        monkeypatch.setenv("https_proxy", proxy)
        message = refusal(takes_socks=False)
        assert "neither an http:// nor an https:// one" in message
        assert "Name one in https_proxy" in message

    def test_a_task_needs_pysocks_for_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("https_proxy", "socks5://me:word@h:1")
        monkeypatch.setattr("airflow_provider_instantly.api.environment.find_spec", lambda name: None)
        message = refusal()
        assert "PySocks is not installed" in message
        assert "https_proxy" in message
        monkeypatch.setattr("airflow_provider_instantly.api.environment.find_spec", lambda name: name == "socks")
        assert environment_of(DEFAULT_BASE_URL, takes_socks=True).proxy == "socks5://me:word@h:1"

    @pytest.mark.parametrize(
        ("proxy", "host"),
        [
            (PROXY, "proxy.example"),
            ("proxy.example:3128", "proxy.example"),
            ("http://[::1]:3128", "::1"),
            ("http://me:12/wo@proxy.example:3128", ""),
            ("http://token?wo@proxy.example:3128", ""),
        ],
    )
    def test_of_one_messages_have_the_host_and_nothing_of_a_login(
        self, monkeypatch: pytest.MonkeyPatch, proxy: str, host: str
    ) -> None:
        monkeypatch.setenv("https_proxy", proxy)
        environment = environment_of("https://127.0.0.1:8443/gateway", takes_socks=True)
        assert (environment.host, environment.proxy_host) == ("127.0.0.1:8443", host)

    def test_where_there_is_none_it_has_no_host(self) -> None:
        environment = environment_of(DEFAULT_BASE_URL, takes_socks=True)
        assert (environment.host, environment.proxy_host) == ("api.instantly.ai", "")

    def test_a_wrong_login_is_to_be_set_where_the_proxy_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HTTPS_PROXY", PROXY)
        message = str(wrong_login(environment_of(DEFAULT_BASE_URL, takes_socks=True)))
        assert "Nothing was sent to Instantly" in message
        assert message.count("HTTPS_PROXY") == 2
        assert "word" not in message.replace("user:password@proxy:3128", "")


class TestCertificates:
    @pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
    @pytest.mark.parametrize("content", [None, b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nzz\n"])
    def test_a_file_of_no_use(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, content: bytes | None
    ) -> None:
        file = tmp_path / "ca.pem"
        if content is not None:
            file.write_bytes(content)
        monkeypatch.setenv(name, str(file))
        message = refusal()
        assert f"The certificates that {name} names cannot be read" in message
        assert f"Let {name} name a PEM file" in message

    def test_an_address_that_is_not_encrypted_needs_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing"))
        assert environment_of("http://127.0.0.1:1", takes_socks=True).ssl_context() is None

    def test_a_directory_is_asked_when_it_is_needed(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))
        context = environment_of(DEFAULT_BASE_URL, takes_socks=True).ssl_context()
        assert context is not None
        assert context.get_ca_certs() == []

    def test_those_of_requests_are_trusted_where_none_are_named(self) -> None:
        context = environment_of(DEFAULT_BASE_URL, takes_socks=True).ssl_context()
        assert context is not None
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert len(context.get_ca_certs()) > 50
