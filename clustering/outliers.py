"""Members that lie far from the centre of their cluster, measured by how near the others of that cluster lie."""

import numpy as np
from numpy.typing import NDArray

from .ordered import Figures, Labels, Ordered

SMALLEST = 5
"""Rows below which a cluster has no usual distance to speak of."""

DEVIATIONS = 3.0
"""Standard deviations from the median that are far."""

_TO_DEVIATION = 1.4826  # median absolute deviations to standard deviations, for a normal distribution
_LEAST = 0.01  # cosine; where members are all but equal, the last digits are no distance


def far_members(
    vectors: NDArray[np.float32] | NDArray[np.float16], labels: Labels, *, smallest: int = SMALLEST
) -> NDArray[np.bool_]:
    """Find rows whose cosine with the centre of their cluster is below its median by three deviations.

    By median and median absolute deviation, which those far off do not move (Leys et al., "Detecting outliers: Do not
    use standard deviation around the mean, use absolute deviation around the median", 2013).

    Args:
        vectors: float32 or float16 (n, d); those in a cluster are finite.
        labels: int64 (n,), noise -1.
        smallest: Clusters with fewer rows are left out.

    Returns:
        bool (n,).
    """
    numbers, counts = np.unique(labels, return_counts=True)
    small = counts[np.searchsorted(numbers, labels)] < smallest
    ordered = Ordered.of(np.where(small, -1, labels))
    far = np.zeros(len(labels), dtype=np.bool_)
    cosines = _cosines(vectors, ordered)
    middle = _medians(cosines, ordered)[ordered.groups]
    spread = _medians(np.abs(cosines - middle), ordered)[ordered.groups]
    far[ordered.rows] = cosines < middle - DEVIATIONS * _TO_DEVIATION * np.maximum(spread, _LEAST)
    return far


def _cosines(vectors: NDArray[np.float32] | NDArray[np.float16], ordered: Ordered) -> Figures:
    """Compare each row with the sum of its cluster: float64 (m,), in the order of the clusters."""
    centres = np.zeros((len(ordered.sizes), vectors.shape[1]), dtype=np.float32)
    for rows, clusters, begins in ordered.blocks():
        centres[clusters] += np.add.reduceat(vectors[rows], begins, axis=0, dtype=np.float32)
    found = np.zeros(len(ordered.rows))
    start = 0
    for rows, clusters, begins in ordered.blocks():
        own = np.repeat(centres[clusters], np.diff(begins, append=len(rows)), axis=0)
        mine = vectors[rows].astype(np.float32)
        lengths = np.linalg.norm(own, axis=1) * np.linalg.norm(mine, axis=1)
        found[start : start + len(rows)] = (own * mine).sum(axis=1) / np.maximum(lengths, np.finfo(np.float32).tiny)
        start += len(rows)
    return found


def _medians(values: Figures, ordered: Ordered) -> Figures:
    """Give the median of each cluster's values, float64 (k,)."""
    ranked = values[np.lexsort((values, ordered.groups))]
    starts = np.cumsum(ordered.sizes) - ordered.sizes
    low, high = ranked[starts + (ordered.sizes - 1) // 2], ranked[starts + ordered.sizes // 2]
    return np.asarray((low + high) / 2, dtype=np.float64)
