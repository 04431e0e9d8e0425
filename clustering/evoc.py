"""Group embeddings by density at several scales, and keep the scale that lasts: EVoC."""

import numpy as np
from numpy.typing import NDArray

from .clustering import NOISE, Clustering
from .neighbours import NeighbourVote
from .rows import of_length_one

FloatArray = NDArray[np.float32]

NARROWEST = 4  # columns that EVoC itself needs, on the sphere


def evoc(
    vectors: FloatArray,
    *,
    seed: int,
    min_cluster_size: int = 5,
    noise_level: float = 0.5,
    neighbours: int = 15,
    min_samples: int = 5,
) -> Clustering[NeighbourVote]:
    """Find dense places while laying embeddings out, on several scales (EVoC, Tutte Institute 2024).

    It compares by cosine; rows that are not all of length 1 are put on a sphere first, where that is alike.

    Args:
        vectors: float32 (n, d).
        seed: The same seed and rows give the same clusters.
        min_cluster_size: Rows a cluster has at least on the finest scale.
        noise_level: From 0, most rows in clusters, to 1, only what is sure.
        neighbours: Rows each is kept near to.
        min_samples: Neighbours that make a place dense.

    Returns:
        The clustering; memberships are EVoC's membership strengths. Figures: `scales`, the number of clusters on each.

    Raises:
        ValueError: If there are too few rows, or `noise_level` is out of range.
    """
    from evoc import EVoC

    n = len(vectors)
    if not 0 <= noise_level <= 1:
        raise ValueError(f"noise_level must be between 0 and 1, got {noise_level}")
    rows = _on_sphere(vectors)
    if rows.shape[1] < NARROWEST:
        raise ValueError(f"EVoC needs at least {NARROWEST} columns, got {vectors.shape[1]}: use kmeans or hdbscan")
    if n <= neighbours:
        raise ValueError(f"EVoC needs more rows than neighbours = {neighbours}, got {n}: set fewer, or use kmeans")
    machine = EVoC(
        base_min_cluster_size=min_cluster_size,
        noise_level=noise_level,
        n_neighbors=neighbours,
        min_samples=min_samples,
        random_state=seed % 2**32,
    )
    labels = np.asarray(machine.fit_predict(rows), dtype=np.int64)
    memberships = np.where(labels == NOISE, 0, machine.membership_strengths_).astype(np.float32)
    scales = [int(layer.max(initial=NOISE)) + 1 for layer in machine.cluster_layers_]
    return Clustering(labels, NeighbourVote.of(vectors, labels, seed=seed), memberships, {"scales": scales})


def _on_sphere(vectors: FloatArray) -> FloatArray:
    """Make rows of any length unit rows, by one more column, so that the cosine says who is near."""
    if of_length_one(vectors):
        return vectors
    lifted = np.column_stack([vectors, np.full(len(vectors), np.sqrt(vectors.shape[1]), np.float32)])
    return np.asarray(lifted / np.linalg.norm(lifted, axis=1, keepdims=True), dtype=np.float32)
