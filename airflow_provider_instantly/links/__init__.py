"""Buttons on a task's page: to its campaign in Instantly, and to its report."""
