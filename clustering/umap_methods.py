"""Reduce rows to few dimensions by UMAP, then cluster them there."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .hdbscan import Selection, hdbscan
from .kmeans import kmeans
from .models import Model
from .reduced import Reduced
from .umap import reduce

FloatArray = NDArray[np.float32]


def umap_hdbscan(
    vectors: FloatArray,
    *,
    seed: int,
    dims: int = 5,
    neighbours: int = 15,
    min_cluster_size: int = 15,
    min_samples: int | None = None,
    selection: Selection = "eom",
) -> Clustering[Reduced]:
    """Find the dense places of a UMAP layout, as BERTopic does (Grootendorst 2022).

    Args:
        vectors: float32 (n, d).
        seed: Decides the layout.
        dims: Dimensions of the layout.
        neighbours: Rows each is kept near to in the layout.
        min_cluster_size: As for `hdbscan`.
        min_samples: As for `hdbscan`.
        selection: As for `hdbscan`.

    Raises:
        ValueError: As `reduce` and `hdbscan` do.
    """
    places = reduce(vectors, dims, seed=seed, neighbours=neighbours)
    options: dict[str, Any] = {"min_samples": min_samples, "selection": selection}
    found = hdbscan(places, seed=seed, min_cluster_size=min_cluster_size, **options)
    return _joined(vectors, places, found, seed)


def umap_kmeans(
    vectors: FloatArray, k: int, *, seed: int, dims: int = 5, neighbours: int = 15, iterations: int = 20
) -> Clustering[Reduced]:
    """Group the rows of a UMAP layout around k means.

    Args:
        vectors: float32 (n, d).
        k: Number of clusters.
        seed: Decides the layout and where means start.
        dims: Dimensions of the layout.
        neighbours: Rows each is kept near to in the layout.
        iterations: As for `kmeans`.

    Raises:
        ValueError: As `reduce` and `kmeans` do.
    """
    places = reduce(vectors, dims, seed=seed, neighbours=neighbours)
    return _joined(vectors, places, kmeans(places, k, seed=seed, iterations=iterations), seed)


def _joined(vectors: FloatArray, places: FloatArray, found: Clustering[Model], seed: int) -> Clustering[Reduced]:
    model = Reduced.of(vectors, places, found.labels, found.model, seed=seed)
    return Clustering(found.labels, model, found.memberships, found.figures)
