"""The command line: ``python -m airflow_provider_instantly.sandbox``."""

from __future__ import annotations

import argparse
import os
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import NAMESPACE_URL, uuid5

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_instantly.sandbox.state import Sandbox

_NEEDED = ("fastapi", "jsonschema", "pydantic", "starlette", "uvicorn")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the sandbox until it is ended.

    :param arguments: the command line, without the program's name; None for the real one.
    :return: the exit code.
    """
    parent = os.getppid()
    given = _parser().parse_args(arguments)
    try:
        from airflow_provider_instantly.sandbox.server import ListenError, Place, serve
        from airflow_provider_instantly.sandbox.state import open_sandbox
        from airflow_provider_instantly.sandbox.store import StoreError
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in _NEEDED:
            raise
        return _failed(
            f"The sandbox needs {error.name}, which is not installed. "
            "Install what it needs with: pip install 'airflow-provider-instantly[sandbox]'"
        )
    try:
        watched = parent if given.exit_with_parent else None
        place = Place(given.host, given.port, given.allowed_host, given.ready_file, watched)
        with closing(open_sandbox(given.database, _checked_key(given.api_key))) as sandbox:
            _prepare(sandbox, given)
            serve(sandbox, place)
    except (ListenError, OSError, StoreError, ValueError) as error:
        return _failed(str(error))
    return 0


def _checked_key(text: str | None) -> str:
    """
    The default key.

    :param text: the one that is asked for, if any.
    :raises ValueError: if it has not the form of one.
    """
    from airflow_provider_instantly.sandbox.auth import DEFAULT_API_KEY, is_api_key

    if text and not is_api_key(text):
        raise ValueError("The API key has not the form of a V2 key: base64 of uuid:secret.")
    return text or DEFAULT_API_KEY


def _prepare(sandbox: Sandbox, given: argparse.Namespace) -> None:
    """Put in place what the command line asks for."""
    from airflow_provider_instantly.sandbox.auth import DEFAULT_WORKSPACE, Key, check_scopes, new_api_key
    from airflow_provider_instantly.sandbox.campaigns import NewCampaign
    from airflow_provider_instantly.sandbox.samples import SAMPLES, add_samples
    from airflow_provider_instantly.sandbox.scripts import parse_script_text

    if given.seed_samples:
        add_samples(sandbox)
        for sample in SAMPLES:
            print(f"Campaign {sample.id}: {sample.name}")
    for text in given.campaign:
        name, _, steps = text.rpartition("=") if "=" in text else (text, "", "")
        script = parse_script_text(steps) if steps else None
        # The same id for the same name, so that a restart with the same arguments adds nothing.
        campaign = NewCampaign(DEFAULT_WORKSPACE, name, script=script, id=str(uuid5(NAMESPACE_URL, name)))
        sandbox.campaigns.ensure([campaign], "command line")
        print(f"Campaign {campaign.id}: {name}")
    for text in given.key:
        name, _, scopes = text.partition("=")
        key = new_api_key()
        sandbox.keys.add(key, Key(name, DEFAULT_WORKSPACE, check_scopes(scopes.split(","))))
        print(f"API key {name}: {key}")
    if given.latency is not None:
        sandbox.settings.latency = given.latency
    if given.speed is not None:
        sandbox.settings.clock_speed = given.speed
    if given.no_limits:
        sandbox.settings.limits_enabled = False
    sandbox.keep_settings()
    sandbox.store.commit()


def _failed(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give 0 to 65535")
    return int(text)


def _host(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError(
            "an empty address would mean every network; give 127.0.0.1, or 0.0.0.0 for that"
        )
    return text


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds from 0 to 3600")
    return seconds


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 1 <= speed <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 to 100000")
    return speed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m airflow_provider_instantly.sandbox",
        description="A stand-in Instantly service: no e-mail leaves it.",
    )
    parser.add_argument("--host", type=_host, default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8989, help="port; 0 for a free one (default: %(default)s)")
    parser.add_argument(
        "--database", type=Path, metavar="FILE", help="keep the state in this file (default: in memory)"
    )
    parser.add_argument("--seed-samples", action="store_true", help="add two sample campaigns")
    parser.add_argument(
        "--campaign",
        action="append",
        default=[],
        metavar="NAME[=SCRIPT]",
        help="add a campaign; its script reads like active@2,bounce_protect@10 (seconds after activation)",
    )
    parser.add_argument(
        "--key", action="append", default=[], metavar="NAME=SCOPE,...", help="add a random key with these scopes"
    )
    parser.add_argument(
        "--api-key",
        default=os.environ.get("INSTANTLY_SANDBOX_API_KEY"),
        help="the default key, with all scopes (default: $INSTANTLY_SANDBOX_API_KEY, or one that never changes)",
    )
    parser.add_argument("--latency", type=_seconds, metavar="SECONDS", help="add this to every answer of the API")
    parser.add_argument(
        "--speed", type=_speed, metavar="FACTOR", help="run the sandbox's clock so many times as fast as the wall's"
    )
    parser.add_argument("--no-limits", action="store_true", help="switch the rate limits off")
    parser.add_argument(
        "--allowed-host",
        action="append",
        default=[],
        metavar="NAME",
        help="a host name under which the page and the control API may be reached, beside localhost",
    )
    parser.add_argument("--ready-file", type=Path, metavar="FILE", help="write URL and key there, as JSON, when ready")
    parser.add_argument(
        "--exit-with-parent", action="store_true", help="end when the process that started the sandbox is gone"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
