"""A stand-in Instantly service, so that no DAG is tested on real recipients."""
