"""Checks that a built wheel holds every file of the package that git knows, and nothing else: part of `make check`."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = "airflow_provider_instantly"


def difference(wheel: Path) -> list[str]:
    """
    Return one line for each file that is missing from the wheel or should not be there.

    :param wheel: The wheel's path.
    """
    listed = subprocess.run(["git", "ls-files", PACKAGE], check=True, capture_output=True, text=True)  # noqa: S607
    tracked = set(listed.stdout.splitlines())
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    return [f"missing: {name}" for name in sorted(tracked - packed)] + [
        f"not in git: {name}" for name in sorted(packed - tracked)
    ]


def main() -> None:
    """Check the wheel named on the command line."""
    found = difference(Path(sys.argv[1]))
    if found:
        sys.exit("The wheel differs from the package:\n" + "\n".join(found))
    print("The wheel holds the whole package.")


if __name__ == "__main__":
    main()
