"""A stand-in Instantly service, so that nobody tests a DAG on real recipients."""
