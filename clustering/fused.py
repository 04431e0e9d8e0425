"""Several kinds of vectors as one, where rows may lack some of them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]


_LEAST_SPREAD = 1e-3  # between random pairs and equal ones: where all rows are alike nothing can be told


def expected_cosine(vectors: FloatArray) -> float:
    """Say what the cosine of two different random rows is, which models put far above 0.

    Args:
        vectors: float32 (n, dim), rows of length 1, NaN where a row has none.

    Returns:
        Below 1; 0 for fewer than two rows.
    """
    there = vectors[has_vector(vectors)]
    n = len(there)
    if n < 2:
        return 0.0
    total = there.sum(axis=0, dtype=np.float64)
    return min(float((total @ total - n) / (n * (n - 1))), 1 - _LEAST_SPREAD)


def has_vector(vectors: FloatArray) -> NDArray[np.bool_]:
    """Say which rows have a vector: bool (n,)."""
    found: NDArray[np.bool_] = ~np.isnan(vectors[:, 0])
    return found


def fused_vectors(kinds: Sequence[FloatArray], shares: Sequence[float]) -> FloatArray:
    """Put several kinds of vectors side by side so that cosines add up by their shares.

    Each kind is centred first, so that 0 stands for a random pair and a row that lacks a kind, which gets zeros there,
    is neither alike nor unlike by it; rows then get length 1 again. This is early fusion by weighted concatenation.

    Args:
        kinds: float32 (n, dim) each, rows of length 1, NaN where a row has none.
        shares: One a kind, 0 or more, not all 0.

    Returns:
        float32 (n, sum of dims), C order, rows of length 1; of NaN where a row has no kind at all.

    Raises:
        ValueError: If kinds and shares differ in number, kinds in length, or the shares are out of range.
    """
    if len(kinds) != len(shares) or len({len(vectors) for vectors in kinds}) != 1:
        raise ValueError(f"{len(kinds)} kinds of one length and as many shares are needed, got {len(shares)} shares")
    if min(shares) < 0 or not sum(shares) > 0:
        raise ValueError(f"shares must be 0 or more and not all 0, got {list(shares)}")
    parts = [_centred(vectors) * np.float32(share**0.5) for vectors, share in zip(kinds, shares, strict=True)]
    fused = np.concatenate(parts, axis=1)
    lengths = np.linalg.norm(fused, axis=1, keepdims=True)
    whole: FloatArray = np.divide(fused, lengths, out=np.full_like(fused, np.nan), where=lengths > 0)
    return whole


def _centred(vectors: FloatArray) -> FloatArray:
    """Take the mean away, bring rows to length 1, and put zeros where there is no vector."""
    has = has_vector(vectors)
    centred = np.zeros_like(vectors)
    if has.any():
        centred[has] = vectors[has] - vectors[has].mean(axis=0)
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        np.divide(centred, lengths, out=centred, where=lengths > 1e-6)
    return centred


def fused_cosines(cosines: Sequence[FloatArray], expected: Sequence[float], shares: Sequence[float]) -> FloatArray:
    """Fuse cosines late: each counted from what a random pair has, by its share among the kinds that are there.

    Args:
        cosines: float32, all of one shape, one a kind; NaN where one of the two lacks it.
        expected: Cosine of a random pair, one a kind, below 1.
        shares: One a kind, 0 or more.

    Returns:
        float32 of the same shape: 1 for equals, 0 for a random pair; NaN where no kind that counts is there.
    """
    weight = np.zeros(np.shape(cosines[0]), dtype=np.float32)
    total = np.zeros_like(weight)
    for cosine, chance, share in zip(cosines, expected, shares, strict=True):
        there = ~np.isnan(cosine)
        weight += np.float32(share) * there
        total += np.float32(share) * np.where(there, (cosine - chance) / (1 - chance), 0).astype(np.float32)
    return np.divide(total, weight, out=np.full_like(total, np.nan), where=weight > 0)
