"""Rows laid out in the plane, so that those alike lie close together: what a map is drawn from."""

import numpy as np
from numpy.typing import NDArray

from .umap import reduce

FloatArray = NDArray[np.float32]

MOST_FITTED = 100_000
"""Rows up to which all of them are laid out together."""

FITTED = 30_000
"""Rows past that which are laid out together; the others go where their nearest among these are."""

_FEW = 10  # rows too few for neighbourhoods: these are laid out by their principal components
_NEIGHBOURS, _MIN_DIST = 15, 0.1
_WIDEST_GAP = 0.05  # of the map's width
_NEAREST = 5
_LISTED = 64  # fitted rows a list of the index, about
_PROBED = 12


def project(vectors: FloatArray, *, seed: int, most: int = MOST_FITTED, fitted: int = FITTED) -> FloatArray:
    """Lay rows out in the plane by UMAP (McInnes, Healy and Melville 2018).

    Empty stretches across the whole map are narrowed. Past `most` rows a sample is laid out, and every other row is put
    at the mean of its five nearest in the sample, weighted by nearness. Up to ten rows, and rows that are all the same,
    are laid out by principal components.

    Args:
        vectors: float32 (n, d), none of them NaN.
        seed: The same seed and rows give the same map.
        most: Rows up to which all are laid out together.
        fitted: Rows laid out together where there are more.

    Returns:
        float32 (n, 2).
    """
    n = len(vectors)
    if n <= _FEW or not np.any(vectors != vectors[0]):
        return _principal(vectors)
    if n <= most:
        return _narrowed(reduce(vectors, 2, seed=seed, neighbours=min(_NEIGHBOURS, n - 1), min_dist=_MIN_DIST))
    rows = np.sort(np.random.default_rng(seed).choice(n, min(fitted, n), replace=False))
    others = np.setdiff1d(np.arange(n), rows, assume_unique=True)
    positions = np.empty((n, 2), np.float32)
    positions[rows] = project(vectors[rows], seed=seed, most=n)
    positions[others] = _placed(vectors[rows], positions[rows], vectors[others], seed=seed)
    return positions


def _narrowed(positions: FloatArray) -> FloatArray:
    """Narrow empty stretches across the whole map, whose width says nothing, so that what is there gets the room."""
    order = np.argsort(positions, axis=0, kind="stable")
    along = np.take_along_axis(positions, order, axis=0).astype(np.float64)
    steps = np.minimum(np.diff(along, axis=0), _WIDEST_GAP * np.ptp(positions, axis=0))
    along[1:] = along[0] + steps.cumsum(axis=0)
    narrowed = np.empty_like(positions)
    np.put_along_axis(narrowed, order, along.astype(np.float32), axis=0)
    return narrowed


def _principal(vectors: FloatArray) -> FloatArray:
    """Lay few rows out along the two directions they differ most in."""
    positions = np.zeros((len(vectors), 2), np.float32)
    if len(vectors) > 1:
        centred = vectors - vectors.mean(axis=0)
        left, scale, right = np.linalg.svd(centred, full_matrices=False)
        left *= np.where(right[:, np.abs(right).argmax(axis=1)].diagonal() < 0, -1, 1)  # a sign is no accident
        found = (left * scale)[:, :2]
        positions[:, : found.shape[1]] = found
    return positions


def _placed(fitted: FloatArray, positions: FloatArray, others: FloatArray, *, seed: int) -> FloatArray:
    """Put rows at the mean of their nearest among the fitted ones, weighted by nearness: float32 (m, 2)."""
    import faiss

    lists = max(1, len(fitted) // _LISTED)
    dim = fitted.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatL2(dim), dim, lists)
    index.cp.seed, index.cp.min_points_per_centroid = seed % 2**31, 1
    index.train(fitted)
    index.add(fitted)
    index.nprobe = min(_PROBED, lists)
    squared, near = index.search(np.ascontiguousarray(others), min(_NEAREST, len(fitted)))
    there = near >= 0  # a list may hold fewer than were asked for
    weights = np.where(there, 1 / (np.sqrt(np.maximum(squared, 0)) + 1e-6), 0)
    weights /= weights.sum(axis=1, keepdims=True)
    placed: FloatArray = (positions[near] * weights[:, :, None]).sum(axis=1).astype(np.float32)
    return placed
