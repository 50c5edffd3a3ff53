"""What people watch: a real Airflow launching campaigns of the sandbox."""
