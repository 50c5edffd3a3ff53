"""
Says what keeps this checkout from being released; `make release` runs it last.

RELEASING.md has the steps, of which these are what a machine can check.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from datetime import date
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[2]
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)
#: Of the newest release: its version, and a date or something else.
_NEWEST = re.compile(r"^## \[(.+?)\] - (.+)$", re.MULTILINE)
#: What is said until the first release, and where.
_NOT_PUBLISHED = "It is not on PyPI yet."
_SAID_IN = ("README.md", "docs/get-started.md")


def obstacles(checkout: Path, tag: str | None = None) -> list[str]:
    """
    What has to be done before a checkout can be released, in sentences; none if nothing has to.

    :param checkout: its root.
    :param tag: the tag that was pushed, if one was.
    """
    [version] = _VERSION.findall((checkout / "airflow_provider_instantly" / "__init__.py").read_text("utf-8"))
    found = []
    if not _is_address(repository(checkout)):
        found.append(
            "pyproject.toml does not say where the repository is. Set `repository`, below "
            "[tool.hatch.metadata.hooks.custom], to its https:// address without a slash at the end."
        )
    found += [
        f"{document} says: {_NOT_PUBLISHED} Take that, and what follows from it, out."
        for document in _SAID_IN
        if _NOT_PUBLISHED in (checkout / document).read_text("utf-8")
    ]
    newest = _NEWEST.search((checkout / "CHANGELOG.md").read_text("utf-8"))
    if not newest or newest[1] != version:
        found.append(
            f"CHANGELOG.md does not begin with {version}, the version in airflow_provider_instantly/__init__.py."
        )
    elif not _is_date(newest[2]):
        found.append(f"CHANGELOG.md says of {version}: {newest[2]}. Write the date there, such as 2026-01-31.")
    if tag is not None and tag != f"v{version}":
        found.append(f"The tag {tag} is not the version {version}. Delete it, and tag the right commit v{version}.")
    return found


def repository(checkout: Path) -> str:
    """
    The address from which all others are made, or an empty text.

    :param checkout: its root.
    """
    hatch = tomllib.loads((checkout / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]
    address: str = hatch["metadata"]["hooks"]["custom"]["repository"]
    return address


def _is_address(text: str) -> bool:
    parts = urlsplit(text)
    return parts.scheme == "https" and bool(parts.netloc) and bool(parts.path.strip("/")) and not text.endswith("/")


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def main() -> None:
    """Fail with what is found. On GitHub, the tag is the one that started the workflow."""
    is_tag = os.environ.get("GITHUB_REF_TYPE") == "tag"
    found = obstacles(ROOT, os.environ["GITHUB_REF_NAME"] if is_tag else None)
    if found:
        sys.exit("\n".join(["This checkout cannot be released yet.", *found, "RELEASING.md has all steps."]))
    print("build/dist is what a release would upload.")


if __name__ == "__main__":
    main()
