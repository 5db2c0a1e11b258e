"""Disruption scenarios: drivers, sampling, named events."""
