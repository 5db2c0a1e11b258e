"""Benchmarks of the engine against the extensive form and mpi-sppy: ``python -m tests.benchmarks --help``."""
