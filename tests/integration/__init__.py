"""A real Airflow against the sandbox."""
