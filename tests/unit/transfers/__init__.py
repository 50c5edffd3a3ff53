"""Tests of `airflow_provider_instantly/transfers`."""
