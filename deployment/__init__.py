"""Airflow put together for people: the demo, the integration tests, the benchmarks and the compose file."""
