"""Waits: what a waiter does next, how a wait ends a task, and where a wait lives."""
