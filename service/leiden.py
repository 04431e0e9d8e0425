"""Leiden as one method among the others: rows in, a clustering out, by way of their nearest neighbours."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.clustering import Clustering
from clustering.neighbours import NeighbourVote
from clustering.rows import of_length_one
from graph.communities import absorb, leiden, modularity
from graph.edges import Edges
from graph.knn import edges_from_knn, knn
from graph.partitions import SIMILARITY_RESOLUTION, SMALLEST
from graph.profile import resolution_profile, resolutions_around
from indexer.embedders.features import on_sphere


def leiden_clustering(
    vectors: NDArray[np.float32],
    *,
    seed: int,
    neighbours: int = 15,
    resolution: float | None = SIMILARITY_RESOLUTION,
    smallest: int = SMALLEST,
    progress: Callable[[int], object] | None = None,
) -> Clustering[NeighbourVote]:
    """Partition the graph of nearest neighbours into communities (Traag, Waltman and van Eck 2019).

    Args:
        vectors: float32 (n, d).
        seed: The same seed and rows give the same labels.
        neighbours: Nearest neighbours each row is joined to, at least 1.
        resolution: More makes more and smaller clusters; greater than 0. None for the middle of the widest plateau that
            several seeds agree on, as `assort choose-k --method leiden` shows them; where there is none, the usual one.
        smallest: Clusters with fewer rows are dissolved into those their rows are tied to.
        progress: Called with the rows done, when they are.

    Raises:
        ValueError: If an option is out of range.
    """
    n, figures = len(vectors), dict[str, Any](edges=0.0)
    if neighbours < 1:
        raise ValueError(f"neighbours must be at least 1, got {neighbours}")
    if n == 1:
        labels = np.zeros(1, dtype=np.int64)
    else:
        edges = neighbour_edges(vectors, neighbours)

        def cut(resolution: float, each: int) -> NDArray[np.int64]:
            return absorb(leiden(edges, n, seed=each, resolution=resolution), edges, smallest=smallest)

        chosen = {}
        if resolution is None:
            profile = resolution_profile(cut, resolutions_around(SIMILARITY_RESOLUTION), seed=seed)
            resolution = profile.resolution if profile.clear else SIMILARITY_RESOLUTION
            reason = profile.reason if profile.clear else f"{resolution:.3g} as usual: {profile.reason}"
            chosen = {"resolution": resolution, "resolution_chosen": reason}
        labels = cut(resolution, seed)
        figures = {"edges": len(edges), "modularity": modularity(edges, labels), **chosen}
    if progress is not None:
        progress(n)
    return Clustering(labels, NeighbourVote.of(vectors, labels, seed=seed), figures=figures)


def neighbour_edges(vectors: NDArray[np.float32], neighbours: int) -> Edges:
    """Give the graph that Leiden cuts: each row, float32 (n, d), joined to its nearest ones."""
    rows = vectors if of_length_one(vectors) else on_sphere(vectors)
    return edges_from_knn(*knn(rows, min(neighbours, len(rows) - 1)))
