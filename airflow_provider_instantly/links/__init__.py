"""Links from a task to Instantly."""
