"""Operators: what a task does with campaigns, leads and figures of Instantly."""
