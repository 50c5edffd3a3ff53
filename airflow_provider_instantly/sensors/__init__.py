"""Sensors that wait for campaigns."""
