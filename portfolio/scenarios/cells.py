"""Arrays held in less memory than their entries would take, and read like any other."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.mixins import NDArrayOperatorsMixin

Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


class ReadLikeArray(NDArrayOperatorsMixin):
    """A read-only array that is put together when it is read.

    Indexing gives ordinary arrays; whatever else an array can do is done on an ordinary copy (``numpy.asarray``), which
    has the full size.
    """

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """Return the whole as an ordinary array."""
        whole = np.ascontiguousarray(self.whole())
        return whole if dtype is None else whole.astype(dtype, copy=False)

    def whole(self) -> npt.NDArray[Any]:
        """Return the whole as an ordinary array; each class says how."""
        raise AttributeError("whole")

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        """Do arithmetic on ordinary copies."""
        plain = (np.asarray(x) if isinstance(x, ReadLikeArray) else x for x in inputs)
        return getattr(ufunc, method)(*plain, **options)

    def __getattr__(self, name: str) -> Any:
        """Return any other attribute of an array from an ordinary copy."""
        # While a copy is unpickled, its own attributes are not there yet.
        if name.startswith("_") or not self.__dict__:
            raise AttributeError(name)
        return getattr(np.asarray(self), name)


class Cells(ReadLikeArray):
    """A read-only array of shape (N, *cells, T) of which most cells are 1 in every scenario and year.

    Parameters
    ----------
    index : int array, shape ``cells``
        Number of each cell's values; 0 where they are 1. Cells with equal values share them.
    values : array, (H + 1, N, T)
        Values by number; ``values[0]`` is all ones.
    """

    def __init__(self, index: Integers, values: Array) -> None:
        self.index = index
        self.values = values

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the whole."""
        _, size, years = self.values.shape
        return (size, *self.index.shape, years)

    @property
    def dtype(self) -> np.dtype[np.float64]:
        """Type of its values."""
        return self.values.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.index.ndim + 2

    def __len__(self) -> int:
        """Number of scenarios."""
        return int(self.values.shape[1])

    def rows(self, which: slice | Integers) -> Cells:
        """Return some of the scenarios, as compact as before."""
        return Cells(self.index, self.values[:, which])

    def first(self, which: list[int]) -> Cells:
        """Return some entries of the first axis of cells, sharing the values."""
        return Cells(self.index[which], self.values)

    def __getitem__(self, key: Any) -> Any:
        """Return what the same key gives on the whole array, without building the whole where it can be helped."""
        parts = spread(key, self.ndim)
        if parts and isinstance(parts[0], slice) and all(isinstance(p, (list, np.ndarray)) for p in parts[1:]):
            # Entries matched across all axes but the scenarios.
            number, years = self.index[parts[1:-1]], parts[-1]
            return self.values[:, parts[0]].transpose(0, 2, 1)[number, years].T
        if parts is None or not all(isinstance(p, (int, np.integer, slice)) for p in parts[1:]):
            return np.asarray(self)[key]
        scenarios, years = parts[0], parts[-1]
        cells = self.index[parts[1:-1]]
        found = self.values[:, scenarios][..., years][cells]
        # Axes are now those of the cells, then those of scenarios and years as far as they are left.
        left = np.ndim(found) - np.ndim(cells)
        years_left = not isinstance(years, (int, np.integer))
        if left - years_left <= 0:
            return found
        return np.moveaxis(found, np.ndim(cells), 0)

    def whole(self) -> Array:
        """Return the whole as an ordinary array."""
        return np.moveaxis(self.values[self.index], -2, 0)


def spread(key: Any, ndim: int) -> tuple[Any, ...] | None:
    """Return one part of a key per axis, or None where the key is not that simple."""
    parts = key if isinstance(key, tuple) else (key,)
    if any(p is None for p in parts) or any(np.ndim(p) != 1 for p in parts if isinstance(p, (list, np.ndarray))):
        return None
    dots = [n for n, p in enumerate(parts) if p is Ellipsis]
    if dots:
        at = dots[0]
        parts = (*parts[:at], *[slice(None)] * (ndim - len(parts) + 1), *parts[at + 1 :])
    return (*parts, *[slice(None)] * (ndim - len(parts)))
