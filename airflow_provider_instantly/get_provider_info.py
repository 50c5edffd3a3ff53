"""What Airflow and registries read about this provider. Imports nothing more: each process of Airflow calls it."""

from __future__ import annotations

from typing import Any, Final

from airflow_provider_instantly import __version__

#: The connection form, for Airflow >= 3.2 (`conn-fields`) and, through the hook, for older ones.
CONNECTION_FORM: Final[dict[str, Any]] = {
    "ui-field-behaviour": {
        "hidden-fields": ["login", "schema"],
        # Airflow 3.1 labels a field that has a placeholder, and no label here, with its bare name: "port".
        "relabeling": {"host": "Base URL", "password": "API key", "port": "Port"},
        "placeholders": {
            "host": "https://api.instantly.ai",
            "password": "An API V2 key",
            # Airflow 3.3.2 refuses to test a connection that has no port, of whatever type, and takes no default. All
            # Airflows show this text, so it names none of them.
            "port": "443 (the button Test may need it)",
        },
    },
    "conn-fields": {
        "workspace_id": {
            "label": "Workspace ID",
            "description": "For an agency's key: the sub-workspace to act on.",
            "schema": {"type": ["string", "null"]},
        },
        "timeout": {
            "label": "Timeout",
            "description": "Seconds to wait for a connection, and then for an answer. If empty: 30.",
            "schema": {"type": ["number", "null"], "minimum": 0.1, "maximum": 600, "default": 30},
        },
        "max_retries": {
            "label": "Retries",
            "description": "How often a request is repeated, if it may be repeated. If empty: 4.",
            "schema": {"type": ["integer", "null"], "minimum": 0, "maximum": 10, "default": 4},
        },
        "allow_insecure_hosts": {
            "label": "Hosts allowed over http",
            "description": "Names separated by commas. Loopback is always allowed; the key travels in the clear.",
            "schema": {"type": ["string", "null"]},
        },
        "app_url": {
            "label": "Web application",
            "description": "Where links to a campaign lead; set it if the agency has its own domain.",
            "schema": {"type": ["string", "null"]},
        },
    },
}

_INTEGRATION: Final = "Instantly"


_ASSET_URIS: Final = {
    "schemes": ["instantly"],
    "handler": "airflow_provider_instantly.assets.campaign.sanitize_uri",
    "to_openlineage_converter": "airflow_provider_instantly.observability.lineage.convert_asset_to_openlineage",
}


def get_provider_info() -> dict[str, Any]:
    """Describe the provider in the form that Airflow's ``ProvidersManager`` reads."""
    return {
        "package-name": "airflow-provider-instantly",
        "name": "Instantly",
        "description": "Launch `Instantly <https://instantly.ai>`__ campaigns and know that they run.",
        # Airflow passes it over. Astronomer's registry requires it.
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://developer.instantly.ai/",
                "tags": ["service"],
            }
        ],
        "hooks": [_modules("airflow_provider_instantly.hooks.instantly")],
        "operators": [
            _modules(
                "airflow_provider_instantly.operators.analytics",
                "airflow_provider_instantly.operators.block_list",
                "airflow_provider_instantly.operators.campaign",
                "airflow_provider_instantly.operators.check",
                "airflow_provider_instantly.operators.lead",
                "airflow_provider_instantly.operators.report",
            )
        ],
        "sensors": [_modules("airflow_provider_instantly.sensors.campaign")],
        "triggers": [_modules("airflow_provider_instantly.triggers.campaign")],
        "transfers": [
            {
                "source-integration-name": "Common SQL",
                "target-integration-name": _INTEGRATION,
                "python-module": "airflow_provider_instantly.transfers.sql_to_instantly",
            }
        ],
        "notifications": ["airflow_provider_instantly.notifications.campaign.PauseCampaignNotifier"],
        "connection-types": [
            {
                "connection-type": "instantly",
                "hook-class-name": "airflow_provider_instantly.hooks.instantly.InstantlyHook",
                "hook-name": "Instantly",
                **CONNECTION_FORM,
            }
        ],
        "asset-uris": [_ASSET_URIS],
        "dataset-uris": [_ASSET_URIS],  # Airflow 2
        "extra-links": [
            "airflow_provider_instantly.links.campaign.CampaignLink",
            "airflow_provider_instantly.links.report.ReportLink",
        ],
    }


def _modules(*names: str) -> dict[str, Any]:
    return {"integration-name": _INTEGRATION, "python-modules": list(names)}
