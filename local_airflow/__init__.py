"""A real Airflow on this machine, of processes that end with it: for the demo, the tests and the benchmarks."""
