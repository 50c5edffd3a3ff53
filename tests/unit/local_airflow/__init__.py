"""Tests of `local_airflow`."""
