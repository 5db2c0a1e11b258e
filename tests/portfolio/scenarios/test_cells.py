"""Arrays that are 1 nearly everywhere are read like ordinary ones."""

from __future__ import annotations

from copy import deepcopy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.scenarios import sample, sample_chunk
from portfolio.scenarios.cells import Cells
from portfolio.scenarios.drivers import CHUNK, slices
from tests.portfolio.scenarios.test_sampling import equal, rich_case

SIZES = (5, 2, 3, 4)
"""N, two axes of cells, T."""


def pair(seed: int) -> tuple[Cells, np.ndarray]:
    """The same array, compact and filled in cell by cell."""
    rng = np.random.default_rng(seed)
    n, a, b, t = SIZES
    values = np.ones((3, n, t))
    values[1:] = rng.random((2, n, t))
    index = rng.integers(0, 3, (a, b))
    whole = np.ones(SIZES)
    for i in range(a):
        for j in range(b):
            if index[i, j]:
                whole[:, i, j] = values[index[i, j]]
    return Cells(index, values), whole


part = [
    st.one_of(st.integers(-n, n - 1), st.slices(n), st.lists(st.integers(0, n - 1), min_size=1, max_size=3))
    for n in SIZES
]


@st.composite
def a_key(draw: st.DrawFn) -> object:
    length = draw(st.integers(0, 4))
    parts = [draw(p) for p in part[:length]]
    if draw(st.booleans()) and length < 4:
        parts = [*parts, Ellipsis, *[draw(p) for p in part[4 - draw(st.integers(0, 3 - length)) :]]]
    return parts[0] if len(parts) == 1 and draw(st.booleans()) else tuple(parts)


@settings(max_examples=400, deadline=None)
@given(a_key(), st.integers(0, 9))
def test_every_key_gives_what_it_gives_on_an_array(key: object, seed: int) -> None:
    cells, whole = pair(seed)
    if isinstance(key, tuple) and len({len(k) for k in key if isinstance(k, list)}) > 1:
        return  # lists of different lengths do not match on any array
    assert np.array_equal(cells[key], whole[key])
    assert np.shape(cells[key]) == whole[key].shape


def test_a_mask_of_scenarios() -> None:
    cells, whole = pair(3)
    mask = np.array([True, False, True, True, False])
    assert np.array_equal(cells[mask], whole[mask])
    assert np.array_equal(cells[mask, 1, :, 2], whole[mask, 1, :, 2])


@pytest.mark.parametrize("scenarios", [slice(None), slice(1, 4), slice(None, None, 2)])
def test_entries_matched_across_all_axes_but_the_scenarios(scenarios: slice) -> None:
    cells, whole = pair(2)
    rng = np.random.default_rng(5)
    entries = [rng.integers(0, n, size=30) for n in whole.shape[1:]]
    found = cells[(scenarios, *entries)]
    assert np.array_equal(found, whole[(scenarios, *entries)])
    assert (found < 1.0).any()


def test_everything_else_an_array_does() -> None:
    cells, whole = pair(1)
    assert cells.shape == whole.shape
    assert cells.ndim == whole.ndim
    assert cells.size == whole.size
    assert len(cells) == len(whole)
    assert cells.min() == whole.min() < 1.0
    assert np.array_equal(cells < 1.0, whole < 1.0)
    assert np.array_equal(1.0 - cells, 1.0 - whole)
    assert np.array_equal(cells.copy(), whole)
    assert np.array_equal(cells.rows(slice(1, 3)), whole[1:3])
    assert np.array_equal(cells.first([1, 0]), whole[:, [1, 0]])
    assert np.array_equal(deepcopy(cells), whole)
    with pytest.raises(AttributeError):
        _ = cells.no_such_thing
    with pytest.raises(TypeError):
        cells[0] = 1.0  # type: ignore[index]


@pytest.mark.parametrize("method", ["monte_carlo", "sobol", "latin_hypercube"])
def test_a_long_sample_is_its_chunks_and_its_rows(method: str) -> None:
    """Drawn in chunks behind the scenes, to the bit: against chunks small enough to be drawn at once."""
    case = rich_case()
    count = 2 * CHUNK + 3
    whole = sample(case, count, 4, method=method)
    for some in (slice(0, 5), slice(CHUNK - 2, CHUNK + 3), slice(count - 4, count)):
        alone = sample_chunk(case, np.arange(count)[some], 4, count, method=method)
        assert equal(whole.rows(some), alone)
    assert (whole.available < 1.0).any()
    assert (whole.running < 1.0).any()


@pytest.mark.parametrize(("count", "chunk"), [(0, 3), (1, 3), (3, 3), (7, 3)])
def test_slices_cover_everything_once(count: int, chunk: int) -> None:
    covered = [n for some in slices(count, chunk) for n in range(count)[some]]
    assert covered == list(range(count))
    assert all(len(range(count)[some]) <= chunk for some in slices(count, chunk))
