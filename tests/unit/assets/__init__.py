"""Tests of `airflow_provider_instantly/assets`."""
