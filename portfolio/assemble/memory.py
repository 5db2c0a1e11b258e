"""Large arrays: zeros that cost nothing until they are written to, and products made when they are read."""

from __future__ import annotations

import mmap
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from portfolio.scenarios.cells import ReadLikeArray, spread
from portfolio.scenarios.drivers import slices

Integers = npt.NDArray[np.int64]
Single = npt.NDArray[np.float32]

SMALL = 2**22
"""Bytes up to which an array is left to NumPy."""


def zeros(shape: tuple[int, ...], dtype: npt.DTypeLike = np.float64) -> npt.NDArray[Any]:
    """Return zeros, of which pages never written to take no memory.

    NumPy asks the system for huge pages, where a single entry makes two megabytes resident.
    """
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size < SMALL or not hasattr(mmap, "MADV_NOHUGEPAGE"):
        return np.zeros(shape, dtype=dtype)
    block = mmap.mmap(-1, size)
    with suppress(OSError):  # a system without huge pages does not know the word
        block.madvise(mmap.MADV_NOHUGEPAGE)
    return np.frombuffer(block, dtype=dtype).reshape(shape)


class Within(ReadLikeArray):
    """Output within the contract term, (S, J, T): output times the part of it that falls in the term.

    The part is the same for all options of a project, window and term, and takes a fifth of the memory.

    Parameters
    ----------
    output : single precision array, (S, J, T)
        Output of the options.
    part : single precision array, (S, G, T)
        Part of output within the term.
    group : int array, (J,)
        Position of each option's part on the axis G.
    """

    def __init__(self, output: Single, part: Single, group: Integers) -> None:
        self.output = output
        self.part = part
        self.group = group

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole."""
        return self.output.shape

    @property
    def dtype(self) -> np.dtype[np.float32]:
        """Type of its values."""
        return self.output.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return 3

    def __len__(self) -> int:
        """Number of scenarios."""
        return len(self.output)

    def __getitem__(self, key: Any) -> Any:
        """Return what the same key gives on the whole array, without building the whole where it can be helped."""
        parts = spread(key, self.ndim)
        lists = [isinstance(p, (list, np.ndarray)) for p in parts or ()]
        if parts is not None and lists == [False, True, True]:  # matched entry by entry
            scenarios, options, years = parts
            return self.output[scenarios, options, years] * self.part[scenarios, self.group[options], years]
        # Other lists are matched too, and one of years may move to the front: left to NumPy.
        if parts is None or sum(lists) > 1 or lists[2]:
            return np.asarray(self)[key]
        scenarios, options, years = parts
        part = self.part[scenarios][..., self.group[options], :][..., years]
        return self.output[scenarios, options, years] * part

    def any(self, axis: int | None = None) -> Any:
        """Return whether any entry is not 0, along an axis or anywhere."""
        if axis != 0:
            return np.asarray(self).any(axis=axis)
        found = np.zeros(self.shape[1:], dtype=bool)
        for some in slices(len(self)):
            found |= self[some].any(axis=0)
        return found

    def whole(self) -> Single:
        """Return the whole as an ordinary array."""
        found: Single = self.output * self.part[:, self.group]
        return found
