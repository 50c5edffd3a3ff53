"""What is in the files that are published."""
