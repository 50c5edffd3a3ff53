"""Keeps every test away from the Airflow of whoever runs it."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

# Airflow reads its environment when it is first imported, which is when pytest collects the test modules.
for _name in [_name for _name in os.environ if _name.startswith(("AIRFLOW_", "_AIRFLOW_"))]:
    del os.environ[_name]
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="airflow-home-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"
atexit.register(shutil.rmtree, os.environ["AIRFLOW_HOME"], ignore_errors=True)
