"""Communities: rows joined more strongly than chance would have it."""

import random
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from .edges import Edges, check_rows

NullModel = Literal["configuration", "uniform"]
Implementation = Literal["igraph", "leidenalg", "networkit"]

MOST_ITERATIONS = 20
"""Passes after which a partition counts as found, even if each still improves it a little."""


def leiden(
    edges: Edges,
    n: int,
    *,
    seed: int,
    resolution: float = 1.0,
    null_model: NullModel = "configuration",
    tolerance: float = 3e-3,
    implementation: Implementation = "igraph",
) -> NDArray[np.int64]:
    """Partition a graph into communities with more weight inside than chance predicts.

    Traag, Waltman and van Eck, "From Louvain to Leiden: guaranteeing well-connected communities", Scientific Reports
    2019. What chance predicts is `resolution` times a null model: "configuration" gives every row its own strength, as
    modularity does (Reichardt and Bornholdt, PRE 2006); "uniform" gives every pair of linked rows the same weight, fit
    for weights that popularity has already been taken out of (Traag, Van Dooren and Nesterov, PRE 2011).

    Args:
        edges: Undirected weighted edges.
        n: Number of rows of the graph.
        seed: The same seed and edges give the same labels.
        resolution: More makes more and smaller communities; greater than 0.
        null_model: "configuration" or "uniform".
        tolerance: Passes over the graph, each from the partition of the one before, end with the first that adds less
            than this to the quality (at most 1); with 0, once nothing improves, or after `MOST_ITERATIONS`.
        implementation: "igraph" (its own, in C), "leidenalg" (the authors', slower) or "networkit" (on all cores, fast,
            not repeatable, because the cores race, and for the null model "configuration" only: igraph stands in for
            the other; Nguyen, "Leiden-based parallel community detection", 2021).

    Returns:
        int64 (n,): communities numbered by size, 0 the largest, among equals the one with the lowest row first. A row
        without edges is a community of its own.

    Raises:
        ValueError: If an edge names a row outside the graph, or resolution or tolerance are out of range.
        ModuleNotFoundError: If networkit is asked for and not installed.
    """
    if not resolution > 0:
        raise ValueError(f"resolution must be greater than 0, got {resolution}")
    if not 0 <= tolerance < 1:
        raise ValueError(f"tolerance must be at least 0 and below 1, got {tolerance}")
    check_rows(edges.source, edges.target, n=n)
    if len(edges) == 0:
        return np.arange(n, dtype=np.int64)
    if null_model == "uniform":
        linked = len(np.union1d(edges.source, edges.target))
        resolution *= 2 * float(edges.weight.sum(dtype=np.float64)) / (linked * (linked - 1))
    if implementation == "networkit" and null_model == "configuration":
        labels = _networkit(edges, n, seed, resolution)
    elif implementation == "leidenalg":
        labels = _leidenalg(edges, n, seed, resolution, null_model, tolerance)
    else:
        labels = _igraph(edges, n, seed, resolution, null_model, tolerance)
    return by_size(np.asarray(labels, dtype=np.int64))


def _igraph(
    edges: Edges, n: int, seed: int, resolution: float, null_model: NullModel, tolerance: float
) -> Sequence[int]:
    import igraph

    graph = igraph.Graph(n, edges=np.column_stack([edges.source, edges.target]))
    graph.es["weight"] = edges.weight.tolist()
    membership: list[int] | None = None
    quality = -np.inf
    # igraph draws from one generator for the whole process: give it ours, and then its own back.
    igraph.set_random_number_generator(random.Random(seed))
    try:
        for _ in range(MOST_ITERATIONS):
            partition = graph.community_leiden(
                objective_function="CPM" if null_model == "uniform" else "modularity",
                weights="weight",
                resolution=resolution,
                initial_membership=membership,
                n_iterations=1,
            )
            membership, before, quality = partition.membership, quality, partition.quality
            if quality - before <= tolerance:
                break
    finally:
        igraph.set_random_number_generator(random)
    return membership or []


def _leidenalg(
    edges: Edges, n: int, seed: int, resolution: float, null_model: NullModel, tolerance: float
) -> Sequence[int]:
    import igraph
    import leidenalg

    kind = leidenalg.CPMVertexPartition if null_model == "uniform" else leidenalg.RBConfigurationVertexPartition
    graph = igraph.Graph(n, edges=np.column_stack([edges.source, edges.target]))
    partition = kind(graph, weights=edges.weight.tolist(), resolution_parameter=resolution)
    optimiser = leidenalg.Optimiser()
    optimiser.set_rng_seed(seed % 2**63)
    ends = 2 * float(edges.weight.sum(dtype=np.float64))
    for _ in range(MOST_ITERATIONS):
        if optimiser.optimise_partition(partition, n_iterations=1) / ends <= tolerance:
            break
    membership: list[int] = partition.membership
    return membership


def _networkit(edges: Edges, n: int, seed: int, resolution: float) -> Sequence[int]:
    try:
        import networkit
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("networkit is not installed: pip install networkit, or use igraph") from error

    networkit.setSeed(seed, False)
    pairs = (edges.source.astype(np.uint64), edges.target.astype(np.uint64))
    graph = networkit.GraphFromCoo((edges.weight.astype(np.float64), pairs), n=n, weighted=True)
    run = networkit.community.ParallelLeiden(graph, gamma=resolution)
    run.run()
    membership: list[int] = run.getPartition().getVector()
    return membership


def absorb(labels: NDArray[np.int64], edges: Edges, *, smallest: int) -> NDArray[np.int64]:
    """Let the rows of communities that are too small each join the community they are tied to most.

    Ties are divided by the size of the community they lead to, or the largest would win by size alone. Repeats until
    nothing moves, so a chain of small ones joins link by link; rows without a path to a community that is large enough
    keep theirs.

    Args:
        labels: int64 (n,).
        edges: Undirected weighted edges between the rows, those that decide where to.
        smallest: Communities with fewer rows than this are dissolved.

    Returns:
        int64 (n,): numbered by size like `leiden`'s.

    Raises:
        ValueError: If an edge names a row outside the labels.
    """
    n = len(labels)
    adjacency = edges.matrix(n)
    labels = labels.copy()
    homeless = np.flatnonzero(np.bincount(labels)[labels] < smallest)
    while len(homeless):
        settled = np.ones(n, dtype=bool)
        settled[homeless] = False
        rows = np.flatnonzero(settled)
        membership = sparse.csr_array((np.ones(len(rows), np.float32), (rows, labels[rows])), (n, labels.max() + 1))
        size = np.maximum(membership.sum(axis=0), 1)
        ties = (adjacency[homeless] @ membership @ sparse.diags_array(1 / size)).tocsr()
        tied = np.diff(ties.indptr) > 0
        if not tied.any():
            break
        labels[homeless[tied]] = ties.argmax(axis=1)[tied]
        homeless = homeless[~tied]
    return by_size(labels)


def modularity(edges: Edges, labels: NDArray[np.int64], *, resolution: float = 1.0) -> float:
    """Grade a partition: the share of weight inside communities beyond what the rows' strengths predict.

    Newman, "Analysis of weighted networks", PRE 2004.

    Args:
        edges: Undirected weighted edges.
        labels: int64 (n,), 0 or more.
        resolution: Weight of the prediction.

    Returns:
        At most 1; 0 for a graph without edges.

    Raises:
        ValueError: If an edge names a row outside the labels.
    """
    check_rows(edges.source, edges.target, n=len(labels))
    if len(edges) == 0:
        return 0.0
    weight = edges.weight.astype(np.float64)
    source, target = labels[edges.source], labels[edges.target]
    strength = np.bincount(source, weight, minlength=labels.max() + 1) + np.bincount(
        target, weight, minlength=labels.max() + 1
    )
    expected = ((strength / strength.sum()) ** 2).sum()
    return float(weight[source == target].sum() / weight.sum() - resolution * expected)


def by_size(labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number communities by size, 0 the largest, among equals the one with the lowest row first.

    Args:
        labels: int64 (n,), any numbers.

    Returns:
        int64 (n,), without gaps.
    """
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[inverse]
