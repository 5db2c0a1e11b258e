"""Philox4x32-10, the counter-based generator of Random123, vectorised in NumPy.

A counter-based generator is a pure function of (key, counter): any draw of any scenario is computed on its own,
which is what makes scenario n the same whatever else is sampled. Only integer arithmetic and one exact
multiplication by a power of two are used, so the uniforms are the same bits on every machine.

References
----------
Salmon, Moraes, Dror, Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3", SC'11.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Array = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_MASK = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_MULTIPLIER = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
_ROUNDS = 10


def philox4x32(counter: tuple[Words, Words, Words, Words], key: tuple[Words, Words]) -> tuple[Words, ...]:
    """Return the four 32-bit output words of Philox4x32-10, each held in uint64.

    Parameters
    ----------
    counter : tuple of 4 uint64 arrays
        Counter words below 2**32; the arrays broadcast against each other and the key.
    key : tuple of 2 uint64 arrays
        Key words below 2**32.

    Returns
    -------
    tuple of 4 uint64 arrays
        Words below 2**32, of the broadcast shape.
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        left = c0 * _MULTIPLIER[0]
        right = c2 * _MULTIPLIER[1]
        c0, c1, c2, c3 = (right >> _HALF) ^ c1 ^ k0, right & _MASK, (left >> _HALF) ^ c3 ^ k1, left & _MASK
        k0 = (k0 + _WEYL[0]) & _MASK
        k1 = (k1 + _WEYL[1]) & _MASK
    return c0, c1, c2, c3


def digest(*parts: str | int) -> int:
    """Return 64 bits that depend on every part and on where one part ends and the next begins."""
    text = b"".join(len(raw).to_bytes(8, "little") + raw for raw in (str(p).encode() for p in parts))
    return int.from_bytes(blake2b(text, digest_size=8).digest(), "little")


def stream_keys(seed: int, kind: str, names: tuple[str, ...], driver: str) -> tuple[Words, Words]:
    """Return the two key words of each named entity's stream, two arrays of shape (names,)."""
    keys = np.array([digest(seed, kind, name, driver) for name in names], dtype=np.uint64)
    return keys & _MASK, keys >> _HALF


def uniforms(key: tuple[Words, Words], scenario: Integers, draw: Integers) -> Array:
    """Return uniform draws strictly between 0 and 1, multiples of 2**-53.

    ``draw`` d of ``scenario`` n is one half of the output at counter (d // 2, n low, n high, 0): a function of
    (key, n, d) alone. Three arguments broadcast against each other.

    Parameters
    ----------
    key : tuple of 2 uint64 arrays
        See :func:`stream_keys`.
    scenario, draw : int arrays
        Scenario numbers, and numbers of the draw within the stream, below 2**33; none negative.
    """
    number = scenario.astype(np.uint64)
    block = (draw >> 1).astype(np.uint64)
    words = philox4x32((block, number & _MASK, number >> _HALF, np.uint64(0) * number), key)
    odd = (draw & 1).astype(bool)
    return _to_unit(np.where(odd, words[2], words[0]), np.where(odd, words[3], words[1]))


def uniform_blocks(key: tuple[Words, Words], scenario: Integers, count: int) -> Array:
    """Return draws 0 … count − 1 of every entity and scenario, shape (entities, scenarios, count).

    The same numbers as :func:`uniforms`, at half the work since both halves of each output are used.
    """
    blocks = (count + 1) // 2
    number = scenario.astype(np.uint64)[None, :, None]
    block = np.arange(blocks, dtype=np.uint64)[None, None, :]
    wide = (key[0][:, None, None], key[1][:, None, None])
    words = philox4x32((block, number & _MASK, number >> _HALF, np.uint64(0) * number), wide)
    drawn = np.empty((*words[0].shape, 2))
    drawn[..., 0] = _to_unit(words[0], words[1])
    drawn[..., 1] = _to_unit(words[2], words[3])
    return drawn.reshape(len(key[0]), scenario.size, 2 * blocks)[:, :, :count]


def _to_unit(high: Words, low: Words) -> Array:
    """Return the centre of the cell of 2**-52 that the leading 52 bits name: never 0, never 1, never rounded."""
    bits = ((high << _HALF) | low) >> np.uint64(12)
    return (bits.astype(np.float64) + 0.5) * 2.0**-52
