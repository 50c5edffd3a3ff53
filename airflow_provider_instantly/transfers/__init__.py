"""Transfers from other systems to Instantly."""
