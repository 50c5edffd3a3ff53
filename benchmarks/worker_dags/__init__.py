"""DAG files of the tasks whose workers are counted, a file for each provider, so that no worker imports another."""
