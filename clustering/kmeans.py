"""Group unit vectors around centroids: spherical k-means by Faiss, on the GPU when it finds one.

Thousands of clusters are found on two levels, coarse cells first and then clusters inside each: comparing every row
with each of k centroids costs n * k, on two levels some 2 * n * sqrt(k), for about 2 % more inertia.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .clustering import Clustering

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

ONE_LEVEL = 1024  # clusters found in one go
OFFERS = 5  # rows in a cell for identity: a handful of offers of one product
TRAINING = 64  # rows a coarse centroid is trained on


def identity_k(n: int) -> tuple[int, str]:
    """Choose how many cells k-means should cut a catalogue into before identity is refined.

    Args:
        n: Number of products.

    Returns:
        k, and in words how it was chosen.
    """
    k = max(1, round(n / OFFERS))
    return (
        k,
        f"k = {k:,}: {n:,} products at about {OFFERS} to a cell, a handful of offers each",
    )


def kmeans(
    vectors: FloatArray,
    k: int,
    *,
    seed: int,
    iterations: int = 20,
    progress: Callable[[int], object] | None = None,
) -> Clustering:
    """Group rows into k clusters by the cosine to their centroids (Dhillon and Modha 2001).

    Rows that are identical cannot be told apart: where there are fewer than k different ones, fewer clusters come out.

    Args:
        vectors: float32 (n, d), rows of length 1.
        k: Number of clusters.
        seed: Decides where centroids start.
        iterations: Rounds of Lloyd's algorithm (1982) on each level.
        progress: Called with the number of rows placed since it was last called.

    Returns:
        The clustering; its device says where it ran.

    Raises:
        ValueError: If there are fewer rows than clusters, or rows are not unit vectors.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    n = len(vectors)
    if not 1 <= k <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k}")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.allclose(lengths, 1, atol=1e-3):
        row = int(np.argmax(~np.isclose(lengths, 1, atol=1e-3)))
        raise ValueError(
            f"rows must have length 1, row {row} has length {lengths[row]:.3g}: normalise the vectors first"
        )
    gpu = _gpus() > 0
    if k <= ONE_LEVEL:
        labels = _lloyd(vectors, k, seed=seed, iterations=iterations, gpu=gpu)
        if progress is not None:
            progress(n)
    else:
        labels = _two_levels(vectors, k, seed=seed, iterations=iterations, gpu=gpu, progress=progress)
    labels = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    centroids = _directions(vectors, labels)
    inertia = float(2 * n - 2 * np.einsum("ij,ij->", vectors, centroids[labels], dtype=np.float64))
    return Clustering(labels, centroids, max(inertia, 0.0), seed, "gpu" if gpu else "cpu")


def _gpus() -> int:
    import faiss

    return int(getattr(faiss, "get_num_gpus", int)())


def _lloyd(
    vectors: FloatArray, k: int, *, seed: int, iterations: int, gpu: bool, sample: int | None = None
) -> IntArray:
    """Run one k-means of Faiss; it moves half of the largest cluster into any that runs empty."""
    import faiss

    if k == 1:
        return np.zeros(len(vectors), np.int64)
    options: dict[str, Any] = {
        "niter": iterations,
        "seed": seed % 2**31,
        "spherical": True,
        "min_points_per_centroid": 1,
        "max_points_per_centroid": sample or len(vectors),
    }
    machine = faiss.Kmeans(vectors.shape[1], k, gpu=gpu, **options)
    machine.train(vectors)
    return np.asarray(machine.index.search(vectors, 1)[1].ravel(), dtype=np.int64)


def _two_levels(
    vectors: FloatArray,
    k: int,
    *,
    seed: int,
    iterations: int,
    gpu: bool,
    progress: Callable[[int], object] | None,
) -> IntArray:
    """Cut into about sqrt(k) coarse cells, and each of these into its share of the k clusters."""
    coarse = _lloyd(vectors, round(np.sqrt(k)), seed=seed, iterations=iterations, gpu=gpu, sample=TRAINING)
    order = np.argsort(coarse, kind="stable")
    bounds = np.cumsum(np.bincount(coarse))[:-1]
    labels = np.empty(len(vectors), np.int64)
    used = 0
    for rows, share in zip(np.split(order, bounds), _shares(np.bincount(coarse), k), strict=True):
        if len(rows) == 0:
            continue
        labels[rows] = used + _lloyd(vectors[rows], int(share), seed=seed, iterations=iterations, gpu=gpu)
        used += int(share)
        if progress is not None:
            progress(len(rows))
    return labels


def _shares(sizes: IntArray, k: int) -> IntArray:
    """Share k clusters out to cells in proportion to their sizes: at least one to each that has rows, k in all."""
    exact = k * sizes / sizes.sum()
    shares = np.minimum(np.maximum(np.floor(exact).astype(np.int64), sizes > 0), sizes)
    missing = k - int(shares.sum())
    if missing > 0:
        room = np.flatnonzero(shares < sizes)
        largest = room[np.argsort(-(exact - shares)[room], kind="stable")[:missing]]
        shares[largest] += 1
    elif missing < 0:
        spare = np.flatnonzero(shares > 1)
        smallest = spare[np.argsort((exact - shares)[spare], kind="stable")[:-missing]]
        shares[smallest] -= 1
    return np.asarray(shares, dtype=np.int64)


def _directions(vectors: FloatArray, labels: IntArray) -> FloatArray:
    """Average the rows of each cluster and scale to length 1; rows that cancel out leave their first one."""
    n, k = len(labels), int(labels.max()) + 1
    members = sparse.csr_matrix((np.ones(n, np.float32), (labels, np.arange(n))), shape=(k, n))
    sums = np.asarray(members @ vectors)
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    first = vectors[members.indices[members.indptr[:-1]]]
    return np.asarray(np.where(lengths > 1e-6, sums / np.maximum(lengths, 1e-6), first), dtype=np.float32)
