"""Operators that change campaigns."""
