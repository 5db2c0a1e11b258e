"""Answers of a study made by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from models import Decision
from portfolio.engine.protocol import Status
from portfolio.report.study import Study
from portfolio.studies.points import Answer, Sampled

NOTHING = np.zeros(0)


def answer(
    name: str,
    weighted: npt.ArrayLike = (),
    objective: float = 100.0,
    bound: float = 100.0,
    seed: int = 1,
    cost: float = 0,
) -> Answer:
    """An answer whose fresh scenarios are given; without any it was not measured."""
    z = np.asarray(weighted, dtype=float)
    sampled = (
        Sampled(seed, z, np.zeros_like(z), z, NOTHING, NOTHING, NOTHING, z[:, None], NOTHING[:, None])
        if z.size
        else None
    )
    return Answer(name, Status.OPTIMAL, objective, bound, Decision(), public_cost_usd_m=cost, fresh=sampled)


def check_same(one: Study, other: Study) -> None:
    """Check that all tables agree but for the time it took."""
    assert set(one.tables) == set(other.tables)
    for name in one.tables:
        pd.testing.assert_frame_equal(
            one.tables[name].drop(columns="seconds", errors="ignore"),
            other.tables[name].drop(columns="seconds", errors="ignore"),
        )
