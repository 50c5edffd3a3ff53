"""DAG files for waits that are planted; an environment variable says which."""
