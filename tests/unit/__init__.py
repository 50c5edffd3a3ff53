"""Tests of one module each, without a running Airflow; the folders mirror the package."""
