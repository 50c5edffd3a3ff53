"""Tests of the tests: `make mutants` changes the pure modules in small ways, and each change should fail a test."""
