"""The generator against the published vectors of Random123 and against NumPy's own Philox construction."""

import numpy as np
import pytest
from scipy import stats

from portfolio.scenarios import philox
from portfolio.scenarios.philox import digest, philox4x32, stream_keys, uniform_blocks, uniforms

ONES = 0xFFFFFFFF
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((ONES,) * 4, (ONES,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


def words(values: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([v], dtype=np.uint64) for v in values)


def scalar_philox(counter: list[int], key: list[int]) -> list[int]:
    """Restate the published algorithm in Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        p, q = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(q >> 32) ^ c[1] ^ k[0], q & ONES, (p >> 32) ^ c[3] ^ k[1], p & ONES]
        k = [(k[0] + 0x9E3779B9) & ONES, (k[1] + 0xBB67AE85) & ONES]
    return c


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    assert tuple(int(w[0]) for w in philox4x32(words(counter), words(key))) == expected
    assert tuple(scalar_philox(list(counter), list(key))) == expected


def test_vectorised_equals_scalar_on_many_inputs():
    rng = np.random.default_rng(3)
    values = rng.integers(0, 2**32, size=(6, 200), dtype=np.uint64)
    out = philox4x32(tuple(values[:4]), tuple(values[4:]))
    for j in range(200):
        column = [int(v) for v in values[:, j]]
        assert [int(w[j]) for w in out] == scalar_philox(column[:4], column[4:])


def test_uniforms_are_the_documented_bits():
    key = stream_keys(7, "project", ("a", "b"), "luck")
    scenario = np.array([0, 5, 2**33 + 1])
    drawn = uniform_blocks(key, scenario, 5)
    for e in range(2):
        for j, n in enumerate(scenario.tolist()):
            for d in range(5):
                w = scalar_philox([d // 2, n & ONES, n >> 32, 0], [int(key[0][e]), int(key[1][e])])
                high, low = w[2 * (d % 2)], w[2 * (d % 2) + 1]
                assert drawn[e, j, d] == (((high << 32 | low) >> 12) + 0.5) / 2**52


def test_scattered_draws_equal_block_draws():
    key = stream_keys(7, "project", ("a",), "luck")
    scenario = np.arange(9)
    whole = uniform_blocks(key, scenario, 7)[0]
    assert np.array_equal(uniforms(key, scenario[:, None], np.arange(7)[None, :]), whole)


def test_extreme_words_stay_inside_the_unit_interval():
    lowest = philox._to_unit(np.uint64(0), np.uint64(0))
    highest = philox._to_unit(np.uint64(ONES), np.uint64(ONES))
    assert 0.0 < float(lowest) == 2.0**-53
    assert float(highest) == 1.0 - 2.0**-53 < 1.0


def test_uniform_and_independent_of_neighbours():
    key = stream_keys(1, "x", ("a", "b"), "d")
    drawn = uniform_blocks(key, np.arange(4000), 4)
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 1e-3
    columns = np.concatenate([drawn[0].T, drawn[1].T])
    correlation = np.corrcoef(columns) - np.eye(8)
    assert np.abs(correlation).max() < 4.5 / np.sqrt(4000)


def test_keys_depend_on_every_part_and_its_borders():
    assert digest(1, "ab", "c") != digest(1, "a", "bc")
    assert digest(1, "a") != digest(11, "a") != digest(1, "1a")
    assert digest(3, "hazard", "x", "count") == digest(3, "hazard", "x", "count")


def test_the_stream_is_frozen():
    """The numbers of a seed may not change between versions: written out once, compared for ever."""
    drawn = uniform_blocks(stream_keys(1, "project", ("mine",), "luck"), np.array([0, 1]), 2)[0]
    assert drawn.tolist() == [
        [0.44519589353135836, 0.31704322763376547],
        [0.9110035389642425, 0.3519914788803177],
    ]
