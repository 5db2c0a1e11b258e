"""Disruption scenarios: drivers, sampling, named events."""

from portfolio.scenarios.drivers import Drivers
from portfolio.scenarios.events import event_drivers
from portfolio.scenarios.prices import expected_price
from portfolio.scenarios.sampling import sample, sample_chunk, sample_in_chunks

__all__ = [
    "Drivers",
    "event_drivers",
    "expected_price",
    "sample",
    "sample_chunk",
    "sample_in_chunks",
]
