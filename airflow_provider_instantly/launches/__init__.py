"""Launches: whether a campaign may be launched, the launch itself, and what is remembered of it."""
