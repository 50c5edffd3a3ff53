"""What an Airflow in production needs beside the provider."""
