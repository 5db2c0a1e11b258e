"""Numbers read the same from memory and from the files they were written to."""

from __future__ import annotations

import pytest

from portfolio.report.words import number, percent


@pytest.mark.parametrize("noise", [-1e-16, 0.0, 1e-16, 2e-16])
def test_halves_round_alike(noise: float) -> None:
    assert percent(0.905 + noise) == percent(float(f"{0.905 + noise:.12g}"))
    assert number(69.55 * (1 + noise)) == number(float(f"{69.55 * (1 + noise):.12g}"))


def test_what_is_shown() -> None:
    assert [percent(x) for x in (0.0, 1e-5, 0.0123, 0.25, -0.5)] == ["0 %", "0 %", "1.2 %", "25 %", "-50 %"]
    assert [number(x) for x in (0.0, 1.234, 12.34, 1234.5, -7.0)] == ["0", "1.23", "12.3", "1,234", "−7.00"]
