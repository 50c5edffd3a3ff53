"""Launches on an Airflow of many parts, Celery and two triggerers among them, while these die one after the other."""
