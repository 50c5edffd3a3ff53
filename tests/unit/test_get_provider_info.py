"""What Airflow reads about the provider: valid for this Airflow, importable, and found where it is installed."""

from __future__ import annotations

import json
import re
import tomllib
from importlib import import_module
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from inspect import isabstract
from pathlib import Path
from typing import Any

import airflow
import jsonschema
import pytest
from airflow.providers.common.compat.notifier import BaseNotifier
from airflow.providers.common.compat.sdk import BaseOperator, BaseOperatorLink
from airflow.providers.common.compat.version_compat import AIRFLOW_V_3_0_PLUS, AIRFLOW_V_3_3_PLUS
from airflow.triggers.base import BaseTrigger

from airflow_provider_instantly import __version__
from airflow_provider_instantly.get_provider_info import CONNECTION_FORM, get_provider_info
from airflow_provider_instantly.hooks.instantly import InstantlyHook
from airflow_provider_instantly.observability.lineage import convert_asset_to_openlineage
from tests.airflow_versions import SHOWS_FORMS, connection_form
from tests.source_code import PACKAGE

NAME = "airflow-provider-instantly"
PROJECT = Path(__file__).parents[2] / "pyproject.toml"
#: What one of the two Airflows knows by another name, or by none.
OF_THE_OTHER = {"dataset-uris"} if AIRFLOW_V_3_0_PLUS else {"asset-uris"}


def schema(name: str) -> dict[str, Any]:
    text = (Path(airflow.__path__[0]) / name).read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


class TestForAirflowsSchemas:
    def test_the_information(self) -> None:
        jsonschema.validate(get_provider_info(), schema("provider_info.schema.json"))

    def test_no_key_is_misspelt(self) -> None:
        # Airflow reads past keys that it does not know.
        known = (
            schema("provider_info.schema.json")["properties"].keys()
            | schema("provider.yaml.schema.json")["properties"].keys()
        )
        assert get_provider_info().keys() <= known | OF_THE_OTHER

    def test_no_key_of_the_connection_type_is_misspelt(self) -> None:
        properties: set[str] = set()
        for name in ("provider_info.schema.json", "provider.yaml.schema.json"):
            properties |= schema(name)["properties"]["connection-types"]["items"]["properties"].keys()
        (connection_type,) = get_provider_info()["connection-types"]
        later = {"conn-fields", "ui-field-behaviour", "hook-name"}
        assert connection_type.keys() <= properties | (set() if AIRFLOW_V_3_3_PLUS else later)

    def test_the_form_of_the_hook(self) -> None:
        jsonschema.validate(
            InstantlyHook.get_ui_field_behaviour(), schema("customized_form_field_behaviours.schema.json")
        )

    @pytest.mark.parametrize("name", CONNECTION_FORM["conn-fields"])
    def test_each_field_of_the_form_is_a_schema_with_a_fitting_default(self, name: str) -> None:
        field = CONNECTION_FORM["conn-fields"][name]
        jsonschema.Draft7Validator.check_schema(field["schema"])
        jsonschema.validate(field["schema"].get("default"), field["schema"])
        assert field["label"]
        assert field["description"].endswith(".")
        # The form of Airflow 2 leaves such a field empty.
        if (default := field["schema"].get("default")) is not None:
            assert field["description"].endswith(f" If empty: {default}.")


def classes_in(folder: str, base: type) -> set[str]:
    """The paths of the public classes of a folder that a user can name: those that derive from one of Airflow's."""
    found = set()
    for file in sorted((PACKAGE / folder).glob("*.py")):
        name = f"{PACKAGE.name}.{folder}.{file.stem}"
        for kind in vars(import_module(name)).values():
            is_ours = isinstance(kind, type) and issubclass(kind, base) and kind.__module__ == name
            if is_ours and not kind.__name__.startswith("_") and not isabstract(kind):
                found.add(f"{name}.{kind.__name__}")
    return found


def _own(path: str) -> dict[str, Any]:
    """What a class itself defines."""
    module, _, name = path.rpartition(".")
    return dict(vars(getattr(import_module(module), name)))


def modules_named(kind: str) -> set[str]:
    return {module for entry in get_provider_info()[kind] for module in entry["python-modules"]}


class TestForTheCode:
    @pytest.mark.parametrize(
        ("folder", "base"), [("operators", BaseOperator), ("sensors", BaseOperator), ("triggers", BaseTrigger)]
    )
    def test_every_module_with_a_class_for_users_is_named(self, folder: str, base: type) -> None:
        classes = {path for path in classes_in(folder, base) if "execute" in _own(path) or base is BaseTrigger}
        assert classes
        assert {path.rpartition(".")[0] for path in classes} == modules_named(folder)

    def test_every_transfer_is_named(self) -> None:
        modules = {path.rpartition(".")[0] for path in classes_in("transfers", BaseOperator)}
        assert modules == {transfer["python-module"] for transfer in get_provider_info()["transfers"]}

    def test_every_notifier_and_every_link_is_named(self) -> None:
        assert classes_in("notifications", BaseNotifier) == set(get_provider_info()["notifications"])
        assert classes_in("links", BaseOperatorLink) == set(get_provider_info()["extra-links"])

    def test_its_name_is_the_distributions(self) -> None:
        project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
        assert get_provider_info()["package-name"] == project["name"] == NAME
        assert project["entry-points"]["apache_airflow_provider"] == {
            "provider_info": "airflow_provider_instantly.get_provider_info:get_provider_info"
        }

    def test_every_module_and_class_can_be_imported(self) -> None:
        paths = set(re.findall(r"'(airflow_provider_instantly\.[\w.]+)'", str(get_provider_info())))
        assert len(paths) >= 6
        for path in paths:
            module, _, name = path.rpartition(".")
            is_package = hasattr(import_module(module), "__path__")
            assert import_module(path) if is_package else getattr(import_module(module), name)

    def test_each_transfer_is_between_integrations_that_there_are(self) -> None:
        of_common_sql: Any = import_module("airflow.providers.common.sql.get_provider_info")
        infos = (get_provider_info(), of_common_sql.get_provider_info())
        known = {entry["integration-name"] for info in infos for entry in info["integrations"]}
        for transfer in get_provider_info()["transfers"]:
            assert import_module(transfer["python-module"])
            assert {transfer["source-integration-name"], transfer["target-integration-name"]} <= known

    def test_the_connection_type_is_the_hooks(self) -> None:
        (connection_type,) = get_provider_info()["connection-types"]
        module, _, name = connection_type["hook-class-name"].rpartition(".")
        assert getattr(import_module(module), name) is InstantlyHook
        assert connection_type["connection-type"] == InstantlyHook.conn_type
        assert connection_type["hook-name"] == InstantlyHook.hook_name

    def test_the_form_has_what_the_hook_reads(self) -> None:
        assert CONNECTION_FORM["conn-fields"].keys() == {
            "workspace_id",
            "timeout",
            "max_retries",
            "allow_insecure_hosts",
            "app_url",
        }

    def test_each_caller_gets_its_own(self) -> None:
        get_provider_info()["name"] = "changed"
        assert get_provider_info()["name"] == "Instantly"


class TestForRegistries:
    def test_it_has_what_they_ask_of_every_provider(self) -> None:
        info = get_provider_info()
        assert all(info[key] for key in ("package-name", "name", "description", "versions"))
        assert info["versions"] == [__version__]

    def test_they_find_a_description_of_each_module_and_class(self) -> None:
        kinds = (("operators", BaseOperator), ("sensors", BaseOperator), ("transfers", BaseOperator))
        paths = {path for folder, base in kinds for path in classes_in(folder, base) if "execute" in _own(path)}
        assert len(paths) > 5
        for path in paths:
            module, _, name = path.rpartition(".")
            found = import_module(module)
            assert found.__doc__
            assert ":param " in vars(found)[name].__doc__, path


@pytest.fixture(scope="module")
def providers() -> Any:
    """Airflow's manager of providers, where this one is installed."""
    try:
        distribution(NAME)
    except PackageNotFoundError:
        pytest.skip(f"{NAME} is not installed as a distribution, so Airflow cannot find it")
    from airflow.providers_manager import ProvidersManager

    return ProvidersManager()  # type: ignore[no-untyped-call]


class TestInAirflow:
    def test_the_entry_point_leads_to_it(self, providers: Any) -> None:
        (found,) = [
            each
            for each in entry_points(group="apache_airflow_provider")
            if each.value.startswith("airflow_provider_instantly.")
        ]
        assert found.load() is get_provider_info

    def test_the_provider_is_found(self, providers: Any) -> None:
        found = providers.providers[NAME]
        assert found.version == __version__
        assert found.data["name"] == "Instantly"

    def test_the_hook_is_found(self, providers: Any) -> None:
        hook = providers.hooks["instantly"]
        assert hook.hook_class_name == "airflow_provider_instantly.hooks.instantly.InstantlyHook"
        assert hook.connection_id_attribute_name == "instantly_conn_id"
        assert hook.package_name == NAME
        assert hook.hook_name == "Instantly"
        assert hook.connection_testable

    @pytest.mark.skipif(not SHOWS_FORMS, reason="without Flask AppBuilder, Airflow 3.0 shows no forms of providers")
    def test_the_form_is_found(self, providers: Any) -> None:
        form = connection_form("instantly")
        # Airflow 3.1 labels a field that has a placeholder and no label with its bare name.
        assert form["relabeling"] == {"host": "Base URL", "password": "API key", "port": "Port"}
        # The port is shown: without one, the button Test of Airflow 3.3.2 refuses every connection.
        assert set(form["hidden_fields"]) == {"login", "schema"}
        assert form["placeholders"]["port"].startswith("443 ")
        assert "3.3" not in form["placeholders"]["port"], "every Airflow shows it"
        assert form["extra"] == CONNECTION_FORM["conn-fields"].keys()

    def test_nothing_of_it_is_lost(self, providers: Any) -> None:
        assert {key: providers.providers[NAME].data.get(key) for key in get_provider_info()} == get_provider_info()

    def test_the_links_are_found(self, providers: Any) -> None:
        assert set(get_provider_info()["extra-links"]) <= set(providers.extra_links_class_names)

    def test_the_notifiers_are_found(self, providers: Any) -> None:
        assert set(get_provider_info()["notifications"]) <= set(providers.notification)

    def test_openlineage_finds_what_an_asset_is(self, providers: Any) -> None:
        converters = (
            providers.asset_to_openlineage_converters
            if AIRFLOW_V_3_0_PLUS
            else providers.dataset_to_openlineage_converters
        )
        assert converters["instantly"] is convert_asset_to_openlineage

    def test_the_assets_are_found(self, providers: Any) -> None:
        handlers = providers.asset_uri_handlers if AIRFLOW_V_3_0_PLUS else providers.dataset_uri_handlers
        declared = get_provider_info()["asset-uris" if AIRFLOW_V_3_0_PLUS else "dataset-uris"]
        schemes = [scheme for entry in declared for scheme in entry["schemes"]]
        assert schemes
        assert set(schemes) <= handlers.keys()
