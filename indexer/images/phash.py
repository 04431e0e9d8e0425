"""Perceptual hashes: pictures that look alike differ in few of 64 bits, whatever their size or compression."""

import math
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Hashes = NDArray[np.uint64]
IntArray = NDArray[np.int64]

BITS = 64
_SIDE = 32  # pixels that are transformed
_LOW = 8  # of its frequencies along a side are kept


def perceptual_hash(picture: Image.Image) -> int:
    """Hash what a picture looks like: which of its 64 lowest frequencies are above their median (Zauner 2010).

    All plain pictures have one hash, 2**63 (black ones 0), whatever their colour: it says nothing of a product.

    Args:
        picture: Of mode RGB, any size.

    Returns:
        64 bits, the lowest frequency first.
    """
    from scipy.fft import dctn

    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    lowest = dctn(np.asarray(small, np.float64))[:_LOW, :_LOW].ravel()
    bits = lowest > np.median(lowest)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")


def distances(hashes: Hashes, other: Hashes | int) -> IntArray:
    """Count the bits in which hashes differ (Hamming distance).

    Args:
        hashes: uint64 (n,).
        other: One hash, or as many.

    Returns:
        int64 (n,), from 0 to 64; about 32 for pictures that have nothing to do with each other.
    """
    return np.asarray(np.bitwise_count(hashes ^ np.asarray(other, np.uint64)), dtype=np.int64)


def near_pairs(hashes: Hashes, within: int) -> IntArray:
    """Find the pairs of rows whose hashes differ in few bits, without comparing each with each.

    The bits are cut into bands. Of two hashes within the limit all but so many bands are equal, so only rows that agree
    in enough bands are compared (Manku, Jain and Das Sarma 2007). Rows of one and the same hash are paired with the
    first of them alone, and only that one with others: a photo of 10,000 products gives 9,999 pairs.

    Args:
        hashes: uint64 (n,).
        within: At most so many bits may differ, from 0 to 16.

    Returns:
        int64 (pairs, 2), the smaller row first, in order.

    Raises:
        ValueError: If the limit is out of range; beyond it pictures are alike by chance.
    """
    if not 0 <= within <= BITS // 4:
        raise ValueError(f"hashes may differ in 0 to {BITS // 4} bits, got {within}: give a smaller limit")
    distinct, first, group = np.unique(hashes, return_index=True, return_inverse=True)
    rows = np.arange(len(hashes))
    same = np.stack([first[group], rows], axis=1)[first[group] != rows]
    found = [np.empty((0, 2), np.int64)]
    if within:
        bands = _bands(len(distinct), within)
        found += [_agreeing(distinct, masks, within) for masks in combinations(bands, len(bands) - within)]
    near = np.sort(first[np.concatenate(found)], axis=1)
    return np.asarray(np.unique(np.concatenate([same, near]), axis=0), dtype=np.int64)


def _bands(n: int, within: int) -> list[int]:
    """Cut 64 bits into bands, so many that those that must agree have about as many bits as tell n rows apart."""
    count = within + 1
    while BITS * (count - within) / count < math.log2(max(n, 2)) and count < within + 4:
        count += 1
    edges = [round(BITS * band / count) for band in range(count + 1)]
    return [(1 << high) - (1 << low) for low, high in pairwise(edges)]


def _agreeing(hashes: Hashes, masks: tuple[int, ...], within: int) -> IntArray:
    """Find near pairs among hashes that agree in some bands."""
    keys = hashes & np.uint64(sum(masks))
    order = np.argsort(keys, kind="stable")
    keys, found = keys[order], [np.empty((0, 2), np.int64)]
    rows, step = np.arange(len(keys)), 1
    while len(rows := rows[rows + step < len(keys)]):
        rows = rows[keys[rows] == keys[rows + step]]
        pairs = np.stack([order[rows], order[rows + step]], axis=1)
        found.append(pairs[distances(hashes[pairs[:, 0]], hashes[pairs[:, 1]]) <= within])
        step += 1
    return np.concatenate(found)
