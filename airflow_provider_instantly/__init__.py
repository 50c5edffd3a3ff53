"""Apache Airflow provider for Instantly: launch a campaign and know that it runs."""

from __future__ import annotations

__version__ = "0.1.0"
