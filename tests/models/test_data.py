"""Data of scenarios, entry by entry, against what their definitions say of single scenarios."""

from __future__ import annotations

import numpy as np
import pytest

from models import Instance
from models.data import AXES, UNCUT, Data, partner_sets
from models.scenarios import DISRUPTED
from tests.models.instances import random_instance


def by_hand(i: Instance, n: int, name: str, index: tuple[int, ...]) -> float:
    """Return one datum of scenario ``n``, read from the sample as the table of :class:`Data` says."""
    s = i.scenarios
    if name in ("output", "contracted", "unaided"):
        return float(getattr(s, name)[(n, *index)])
    if name == "kept":
        p, v, t = index
        return float(s.unaided[n, p, t]) * (0.0 if s.lost[n, p, v] else 1.0)
    if name == "bought":
        r, m, t = index
        return 1.0 - float(s.disrupted[n, m, t]) * float(s.cut[n, r, m, t])
    if name == "releasable":
        r, m, t, b = index
        return 1.0 if i.release_any or (b == DISRUPTED and s.cut[n, r, m, t]) else 0.0
    *place, m, t, b = index
    length = float(s.disrupted[n, m, t] if b == DISRUPTED else 1.0 - s.disrupted[n, m, t])
    if name == "demand":
        return length * float(s.demand[(n, *place, m, t)])
    if name in ("imports", "toll"):
        return length * float(getattr(s, name)[(n, b, *place, m, t)])
    groups = partner_sets(len(i.regions))
    if name == "reexport":
        r, g, k = place
        return length * max(float(s.reexport[n, b, r, to, k, m, t]) for to in groups[g])
    c, r, k = place[0], place[1], place[-1]
    arrives = float(s.available[n, c, r, k, m, t]) if b == DISRUPTED else 1.0
    if name == "spared" and b == DISRUPTED:
        arrives *= any(s.available[n, c, to, k, m, t] >= UNCUT for to in groups[place[2]])
    return length * arrives


@pytest.mark.parametrize("name", AXES)
@pytest.mark.parametrize("seed", [1, 4])
def test_entries_are_what_their_definitions_say(seed: int, name: str) -> None:
    i = random_instance(seed)
    some = slice(1, i.scenarios.size)
    data, rng = Data(i, some), np.random.default_rng(seed)
    whole = data.whole(name)
    assert whole.shape == (i.scenarios.size - 1, *data.shape(name))
    if whole[0].size == 0:
        return
    index = np.array([[rng.integers(n) for n in data.shape(name)] for _ in range(40)])
    found = data.at(name, index)
    for at, values in zip(index.tolist(), found, strict=True):
        for n, value in enumerate(values, start=1):
            assert value == pytest.approx(by_hand(i, n, name, tuple(at)), abs=1e-15)
            assert value == whole[(n - 1, *at)]
