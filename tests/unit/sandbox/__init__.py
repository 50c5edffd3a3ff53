"""Tests of `airflow_provider_instantly/sandbox`."""
