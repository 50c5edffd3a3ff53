"""The values, charts and page of a report, without Airflow and without a network."""
