"""DAG files of the uploads that are measured as tasks."""
