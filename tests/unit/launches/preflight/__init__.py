"""Tests of the check before a launch."""
