"""The Airflow connection that the tests of the hook write, and a key for it."""

from __future__ import annotations

import json
from typing import Any

CONN = "AIRFLOW_CONN_INSTANTLY_DEFAULT"
KEY = "MDE5ZTE4ZTItYTUyMS03YmI5LTlkZDYtNDVmMWJjNjlkY2QwOnNFY1JlVD8+fsO/w75+c2VjcmV0cw=="
UNKNOWN_ID = "019e18e2-a521-7bb9-9dd6-45f1bc69dcd0"


def as_json(**fields: Any) -> str:
    """A connection with these fields, in the form of an environment variable."""
    return json.dumps({"conn_type": "instantly", "password": KEY, **fields})
