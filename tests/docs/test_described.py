"""The documents describe whatever a user can name: classes, parameters, methods, errors; with their true defaults."""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, get_args

import pytest
from airflow.configuration import conf
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_3_PLUS

from airflow_provider_instantly import exceptions
from airflow_provider_instantly.api import errors
from airflow_provider_instantly.api.campaign import CampaignStatus
from airflow_provider_instantly.get_provider_info import CONNECTION_FORM, get_provider_info
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.launches.preflight.finding import CODES
from airflow_provider_instantly.sandbox.__main__ import _parser
from airflow_provider_instantly.sandbox.client import SandboxClient
from airflow_provider_instantly.sandbox.faults import Fault
from airflow_provider_instantly.sandbox.settings import Settings
from airflow_provider_instantly.waits.goal import Goal
from tests.docs.documents import ROOT, blocks, rows, section, text_of

if TYPE_CHECKING:
    from collections.abc import Iterator

PARAMETERS = text_of("docs/reference/parameters.md")
ERRORS_PAGE = text_of("docs/reference/errors.md")
SANDBOX = text_of("docs/reference/sandbox.md")
#: All pages but those that are made of docstrings.
PAGES = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs").rglob("*.md")))
REFERENCE = "".join(page.read_text("utf-8") for page in sorted((ROOT / "docs" / "reference" / "api").iterdir()))
#: Called by Airflow alone.
AIRFLOWS = {
    "get_ui_field_behaviour": "the connection form below Airflow 3.2",
    "get_connection_form_widgets": "the connection form below Airflow 3.2",
    "sanitize_uri": "each asset with the scheme instantly",
    "announce": "by tasks of this package, for their outlets",
}


def _is_method(member: object) -> bool:
    """Whether a member of a class is a method, and no attribute."""
    return inspect.isfunction(member) or isinstance(member, classmethod)


def _modules(kind: str) -> list[str]:
    return [module for entry in get_provider_info()[kind] for module in entry["python-modules"]]


def _public(module: str, kind: Any = inspect.isclass) -> list[tuple[str, Any]]:
    """What a module defines itself, without what begins with an underscore."""
    members = inspect.getmembers(import_module(module), kind)
    return [(name, it) for name, it in members if it.__module__ == module and not name.startswith("_")]


#: The classes that DAGs name; each has a section of the reference with a table of its parameters.
CLASSES = [
    cls for kind in ("operators", "sensors", "triggers") for module in _modules(kind) for _, cls in _public(module)
]
CLASSES += [cls for transfer in get_provider_info()["transfers"] for _, cls in _public(transfer["python-module"])]
CLASSES += [
    getattr(import_module(module), name)
    for module, _, name in (path.rpartition(".") for path in get_provider_info()["notifications"])
]
ERRORS = [name for module in (exceptions, errors) for name, _ in _public(module.__name__)]
METHODS = sorted(
    {
        name
        for cls in InstantlyHook.__mro__
        if cls.__module__.startswith("airflow_provider_instantly.")
        for name, method in vars(cls).items()
        if not name.startswith("_") and _is_method(method)
    }
)


def _parameters(function: Any) -> Iterator[inspect.Parameter]:
    """What a caller can pass. What goes on to the base class, Airflow describes."""
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            if parameter.name != "self":
                yield parameter
        elif parameter.name == "goal":
            # A trigger's arguments that are the fields of its goal.
            yield from _parameters(Goal)


def _described(cls: type) -> dict[str, tuple[str, ...]]:
    """The rows of the class's section, by each name in their first cell."""
    return {name: row.cells for row in rows(section(PARAMETERS, f"`{cls.__name__}`")) for name in row.names}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
class TestClasses:
    def test_it_is_in_the_reference(self, cls: type) -> None:
        assert f".. autoclass:: {cls.__module__}.{cls.__name__}\n" in REFERENCE

    def test_every_parameter_has_a_row(self, cls: type) -> None:
        described = _described(cls)
        assert [p.name for p in _parameters(cls) if p.name not in described] == []

    def test_the_rows_give_the_true_defaults(self, cls: type) -> None:
        described = _described(cls)
        for parameter in _parameters(cls):
            cell = described[parameter.name][1]
            if parameter.default is inspect.Parameter.empty:
                assert cell == "", f"{parameter.name} must be given"
            elif parameter.name != "deferrable":  # what Airflow is configured to
                assert _shown(parameter.default) in cell, parameter.name


#: What does something in Instantly by itself; a trigger does it for a task or an asset.
PARTS = [cls for cls in CLASSES if not cls.__name__.endswith("Trigger")]


@pytest.mark.parametrize("cls", PARTS, ids=lambda cls: cls.__name__)
class TestParts:
    """Each part has a page that begins with it, a promise, and what its key needs."""

    def test_the_first_block_of_a_guide_has_it(self, cls: type) -> None:
        first: dict[str, str] = {}
        for block in blocks("python"):
            if block.document.startswith("docs/how-to/"):
                first.setdefault(block.document, block.text)
        assert any(f"{cls.__name__}(" in text for text in first.values())

    def test_its_promises_name_it(self, cls: type) -> None:
        assert f"`{cls.__name__}`" in text_of("docs/reliability.md")


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_the_scopes_that_it_needs_are_listed(cls: type) -> None:
    assert cls.__name__ in {name for row in rows(text_of("docs/reference/scopes.md")) for name in row.names}


def _shown(default: object) -> str:
    """A default as the reference writes it, or a part of that."""
    if default is None or default == ():
        return ""
    if isinstance(default, bool):
        return str(default)
    if isinstance(default, int | float):
        return f"{default:g}"
    if isinstance(default, str):
        return f"`{default}`"
    assert isinstance(default, frozenset | set | tuple)
    if all(isinstance(member, str) and not isinstance(member, int) for member in default):
        return ", ".join(f"`{word}`" for word in default)
    numbers = sorted((int(member) for member in default), reverse=True)
    return "ACTIVE" if numbers == [CampaignStatus.ACTIVE] else ", ".join(map(str, numbers))


@pytest.mark.parametrize("name", ERRORS)
def test_every_error_is_described(name: str) -> None:
    assert name in {found for row in rows(ERRORS_PAGE) for found in row.names}


class TestHook:
    @pytest.fixture
    def described(self) -> dict[str, str]:
        """The rows about the hook's methods, by the method's name."""
        found = rows(text_of("docs/reference/hook.md"))
        return {name.partition("(")[0]: " ".join(row.cells) for row in found for name in row.names}

    @pytest.mark.parametrize("name", [name for name in METHODS if name not in AIRFLOWS])
    def test_every_method_and_its_parameters_are_described(self, name: str, described: dict[str, str]) -> None:
        is_twin = name.startswith("a") and hasattr(InstantlyHook, name[1:]) and name not in described
        row = described[name[1:] if is_twin else name]
        assert [p.name for p in _parameters(getattr(InstantlyHook, name)) if p.name not in row] == []

    def test_every_parameter_is_described(self, described: dict[str, str]) -> None:
        row = described["InstantlyHook"]
        assert [p.name for p in _parameters(InstantlyHook) if p.name not in row] == []

    def test_every_method_that_only_airflow_calls_is_one(self) -> None:
        assert AIRFLOWS.keys() - set(METHODS) == {"announce", "sanitize_uri"}


def test_links_and_assets_are_described() -> None:
    names = [link.rpartition(".")[2] for link in get_provider_info()["extra-links"]]
    assets = [f"airflow_provider_instantly.assets.{name}" for name in ("campaign", "changes", "events")]
    names += [name for module in assets for name, _ in _public(module, inspect.isfunction)]
    assert [name for name in names if f"`{name}" not in PAGES and name not in AIRFLOWS] == []
    assert [link for link in get_provider_info()["extra-links"] if f".. autoclass:: {link}\n" not in REFERENCE] == []


def test_every_field_of_the_connection_has_a_row_with_its_default() -> None:
    described = {name: row.cells for row in rows(text_of("docs/how-to/connection.md")) for name in row.names}
    for name, field in CONNECTION_FORM["conn-fields"].items():
        assert str(field["schema"].get("default", "")) in described[name][1], name


def test_every_status_is_named() -> None:
    assert [status.label for status in CampaignStatus if status.label not in PAGES] == []


def test_errors_that_prove_nothing_say_so() -> None:
    """The one error after which a caller must read before it repeats anything."""
    [row] = [row for row in rows(ERRORS_PAGE) if errors.AmbiguousOutcomeError.__name__ in row.names]
    assert "read" in row.cells[1]


class TestSandbox:
    def test_every_method_of_its_client_has_a_row(self) -> None:
        described = {name.partition("(")[0] for row in rows(section(SANDBOX, "In tests")) for name in row.names}
        public = [name for name in vars(SandboxClient) if not name.startswith("_")]
        assert [name for name in public if name not in described] == []

    def test_every_option_has_a_row(self) -> None:
        described = {name.split()[0] for row in rows(section(SANDBOX, "Command line")) for name in row.names}
        options = [option for action in _parser()._actions for option in action.option_strings if option[:2] == "--"]
        assert [option for option in options if option not in described and option != "--help"] == []

    def test_every_kind_of_fault_has_a_row_with_its_fields(self) -> None:
        described = {name: row.cells[1] for row in rows(section(SANDBOX, "Faults")) for name in row.names}
        common = {"kind", "id", "path", "method", "count", "skip"}
        for model in get_args(get_args(Fault)[0]):
            [kind] = get_args(model.model_fields["kind"].annotation)
            fields = {field.alias or name for name, field in model.model_fields.items()}
            own = fields - common - {"delay", "moment"}
            assert [name for name in own if f"`{name}`" not in described[kind]] == [], kind

    def test_every_setting_has_a_row_with_its_default(self) -> None:
        described = {name: row.cells for row in rows(section(SANDBOX, "Settings")) for name in row.names}
        # The sandbox sets the anchor by itself.
        assert described.keys() >= Settings.model_fields.keys() - {"clock_anchor"}
        for name in ("limits_enabled", "retry_after", "cursor"):
            assert str(Settings.model_fields[name].default).lower() in described[name][1], name


def test_every_finding_of_a_check_has_a_row_with_its_level() -> None:
    findings = rows(text_of("docs/reference/findings.md"))
    described = {name: row.cells[1] for row in findings for name in row.names}
    for code, (level, _) in CODES.items():
        assert level.value in described[code].split(", "), code


@pytest.mark.skipif(not AIRFLOW_V_3_3_PLUS, reason="the Compose file has Airflow 3.3")
def test_the_times_until_a_dead_part_is_replaced_are_airflows_defaults() -> None:
    said = re.findall(r"`\[(\w+)\] (\w+)`, (\d+) s", text_of("docs/operations/when-a-part-dies.md"))
    assert len(said) == 5
    for part, option, seconds in said:
        assert float(conf.get_default_value(part, option)) == float(seconds), option
        assert f"AIRFLOW__{part}__{option}".upper() not in text_of("docker-compose.yaml")
