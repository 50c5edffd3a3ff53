"""The hook that holds the connection to Instantly."""
