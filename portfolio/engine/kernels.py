"""Loops over scenarios as machine code: compiled at first use, kept beside the sources, free of the interpreter's lock.

Amounts lie by scenarios side by side: shape (blocks, what they are of, :data:`WIDTH`), so that one instruction does the
same for all scenarios of a block. Places beyond the last scenario hold zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

Kernel = TypeVar("Kernel", bound=Callable[..., Any])
Number = TypeVar("Number", bound=np.generic)

WIDTH = 8
"""Scenarios side by side."""


def kernel(function: Kernel) -> Kernel:
    """Compile a function of arrays and named tuples of arrays.

    Sums may be taken in another order than they are written in, but in the same one every time.
    """
    return cast("Kernel", numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})(function))


def part(function: Kernel) -> Kernel:
    """Make a function a part of the kernels that call it: without the cost of a call."""
    return cast("Kernel", numba.njit(inline="always", fastmath={"reassoc", "contract"})(function))


def side_by_side(values: npt.NDArray[Number]) -> npt.NDArray[Number]:
    """Lay out values (scenarios, k) in blocks, (blocks, k, WIDTH)."""
    blocks = -(-values.shape[0] // WIDTH)
    found = np.zeros((blocks * WIDTH, values.shape[1]), values.dtype)
    found[: values.shape[0]] = values
    return np.ascontiguousarray(found.reshape(blocks, WIDTH, values.shape[1]).transpose(0, 2, 1))


def one_by_one(values: npt.NDArray[Number], scenarios: int) -> npt.NDArray[Number]:
    """Values (scenarios, k) of blocks."""
    return values.transpose(0, 2, 1).reshape(values.shape[0] * WIDTH, values.shape[1])[:scenarios]
