"""DAG files for the measurements; they are empty unless an environment variable says what is measured."""
