"""Tests of `airflow_provider_instantly/analytics`."""
