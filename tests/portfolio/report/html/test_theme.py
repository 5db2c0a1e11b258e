"""Colours of the pages reach the contrast that WCAG 2 asks for, in both schemes."""

from __future__ import annotations

import pytest

from portfolio.report.html.theme import DARK, LIGHT


def luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a: str, b: str) -> float:
    high, low = sorted((luminance(a), luminance(b)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_contrast_of_known_colours() -> None:
    assert contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
def test_contrast(scheme: dict[str, str]) -> None:
    ground = scheme["ground"]
    for name in ("ink", "soft"):
        assert contrast(scheme[name], ground) >= 4.5, name
    for name in (*(f"c{n}" for n in range(1, 9)), "muted"):
        assert contrast(scheme[name], ground) >= 3.0, name
    assert contrast(scheme["c1"], ground) >= 4.5, "links"


def test_both_schemes_have_the_same_names() -> None:
    assert LIGHT.keys() == DARK.keys()
