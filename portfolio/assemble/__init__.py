"""Assembly: case + scenarios + finance → :class:`models.Instance`."""

from portfolio.assemble.build import Assembly, assemble, liquidity, resampled
from portfolio.assemble.options import Choice, LeftOut

__all__ = ["Assembly", "Choice", "LeftOut", "assemble", "liquidity", "resampled"]
