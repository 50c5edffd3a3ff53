"""Tests of `airflow_provider_instantly/waits`."""
