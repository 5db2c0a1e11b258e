"""The bound of a search that stops within a gap, on covering programmes where reduced costs shut many columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from portfolio.engine.decomposition import minimise
from portfolio.engine.highs import LinearProgram, solve
from portfolio.engine.programme import Products, TwoStage
from portfolio.engine.protocol import Limits


def covering(seed: int) -> TwoStage:
    """Random covering of 8 rows by 16 binaries; the recourse costs nothing."""
    rng = np.random.default_rng(seed)
    rows = (rng.random((8, 16)) < 0.35) * rng.integers(1, 9, (8, 16))
    wanted = np.floor(rows.sum(axis=1) * 0.45)
    cost = rng.integers(5, 30, 16).astype(float)
    first = LinearProgram(
        cost, 0.0, sparse.csc_array(rows.astype(float)), wanted, np.full(8, np.inf), np.zeros(16), np.ones(16),
        np.ones(16, dtype=bool),
    )  # fmt: skip
    return TwoStage(
        first=first,
        matrix=sparse.csr_array(np.ones((1, 1))),
        cost=np.ones(1),
        equal=np.zeros(1, dtype=bool),
        upper=np.full(1, np.inf),
        upper_data=sparse.csr_array((1, 1)),
        constant=sparse.csr_array((1, 1)),
        direct=Products.none(),
        define=sparse.csr_array((0, 1)),
        defined=Products.none(),
        indirect=Products.none(),
        label=np.zeros(1, dtype=np.int64),
        priced=np.zeros(1, dtype=bool),
        probability=np.ones(1),
        data=lambda which: np.ones((1, 1)),
    )


@pytest.mark.parametrize("seed", [79, *range(12)])
def test_what_reduced_costs_shut_counts_in_the_bound(seed: int) -> None:
    """Columns shut since they cost more than the gap leaves may hold better answers than the incumbent."""
    programme = covering(seed)
    optimum = solve(programme.first).objective
    for gap in (0.02, 0.05, 0.2):
        found = minimise(programme, Limits(gap, 60.0, 1), starts=[np.ones(16)])
        assert found.bound <= optimum + 1e-6 <= found.objective + 2e-6
        assert found.objective - found.bound <= gap * found.objective + 1e-9
