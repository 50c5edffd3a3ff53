"""The check before a launch: what is read, what is found, and how people read it."""
