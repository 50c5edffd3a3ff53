"""The trial of a mutant: a process of its own imports it in the module's place, and runs the module's tests."""

from __future__ import annotations

import os
import signal
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from typing import TYPE_CHECKING

import _hypothesis_pytestplugin
import pytest
import pytest_asyncio.plugin
import xdist.plugin

import tests.conftest  # noqa: F401 - before Airflow, which would use the home of the person who runs this

# isort: split
# Loaded once, here, and not in each process.
import aiohttp  # noqa: F401
import airflow.providers.common.compat.sdk
import airflow.triggers.base  # noqa: F401
import hypothesis.stateful  # noqa: F401
import requests  # noqa: F401

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import ModuleType

#: To find all others takes longer than most tests.
os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
PLUGINS = [_hypothesis_pytestplugin, pytest_asyncio.plugin, xdist.plugin]
#: Seconds of CPU after which a mutant that does not end counts as noticed: no one overlooks a test that hangs. The
#: longest tests of a module take eight.
PATIENCE = 25


class _Mutated(MetaPathFinder, Loader):
    """Finds and loads one module from a source that is not the one on disk."""

    def __init__(self, name: str, path: Path, source: str) -> None:
        self._name, self._path, self._source = name, path, source

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, origin=str(self._path)) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = str(self._path)
        exec(compile(self._source, str(self._path), "exec"), vars(module))  # noqa: S102 - that is what it is for


def is_noticed(name: str, path: Path, source: str, tests: list[str]) -> bool:
    """
    Whether a test fails once a module has another source.

    :param name: the module's full name; no module may have imported it yet.
    :param path: where the module is.
    :param source: what takes its place.
    :param tests: the tests to run, as pytest's command line names them.
    """
    assert name not in sys.modules
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = _run(_Mutated(name, path, source), tests)
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status != 0


def _run(mutated: _Mutated, tests: list[str]) -> int:
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    signal.setitimer(signal.ITIMER_VIRTUAL, PATIENCE)  # the signal ends the process
    sys.meta_path.insert(0, mutated)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=PLUGINS))
