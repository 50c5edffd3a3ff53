"""Instantly without Airflow: campaigns, errors, and the HTTP protocol as values and pure functions."""
