"""Communities inside communities: each level of a hierarchy splits the one above it."""

import random

import numpy as np
from numpy.typing import NDArray

from .communities import by_size
from .edges import Edges, check_rows

PASSES = 3
"""Of Leiden over the graph; more hardly move anything."""

IntArray = NDArray[np.int64]


def split(edges: Edges, parents: IntArray, *, resolution: float, seed: int, passes: int = PASSES) -> IntArray:
    """Split every cluster into communities, none of which reaches out of it.

    Leiden (Traag, Waltman and van Eck, Scientific Reports 2019) on the edges inside clusters, for modularity with a
    resolution (Reichardt and Bornholdt, PRE 2006). What chance predicts comes from the whole graph, not from the
    cluster: one resolution means one scale in all of them, and a cluster without structure at that scale stays whole.

    Args:
        edges: Undirected weighted edges of the whole graph.
        parents: int64 (n,), the cluster each row is in, 0 or more; all zeros for the first level.
        resolution: More makes more and smaller communities; greater than 0.
        seed: The same seed and edges give the same labels.
        passes: Of Leiden over the graph, at least 1.

    Returns:
        int64 (n,): numbered by size, 0 the largest. A row without edges inside its cluster is a community of its own.

    Raises:
        ValueError: If an edge names a row outside the graph, or resolution or passes are out of range.
    """
    import igraph

    n = len(parents)
    check_rows(edges.source, edges.target, n=n)
    if not resolution > 0:
        raise ValueError(f"resolution must be greater than 0, got {resolution}")
    if passes < 1:
        raise ValueError(f"passes must be at least 1, got {passes}")
    if len(edges) == 0:
        return np.arange(n, dtype=np.int64)
    strength = np.bincount(edges.source, edges.weight, n) + np.bincount(edges.target, edges.weight, n)
    inside = parents[edges.source] == parents[edges.target]
    graph = igraph.Graph(n, edges=np.column_stack([edges.source[inside], edges.target[inside]]))
    # igraph draws from one generator for the whole process: give it ours, and then its own back.
    igraph.set_random_number_generator(random.Random(seed))
    try:
        # Potts model whose nodes weigh their strength: modularity, but for edges that are not in this graph too.
        found = graph.community_leiden(
            objective_function="CPM",
            weights=edges.weight[inside].tolist(),
            node_weights=strength.tolist(),
            resolution=resolution / strength.sum(),
            n_iterations=passes,
        )
    finally:
        igraph.set_random_number_generator(random)
    return by_size(np.asarray(found.membership, dtype=np.int64))
