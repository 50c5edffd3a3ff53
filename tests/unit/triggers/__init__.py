"""Tests of `airflow_provider_instantly/triggers`."""
