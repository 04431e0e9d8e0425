"""The two partitions of a catalogue this room is for: what is alike, and what goes together."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .communities import Implementation, absorb, leiden, modularity
from .edges import Edges, combine
from .shoppers import Links, attach, shopper_edges, view_edges

SIMILARITY_RESOLUTION = 1.0
"""Modularity's own."""

COMPLEMENTARY_RESOLUTION = 4.5
"""A cluster's links must be this many times denser than the whole catalogue's: about a fortieth of all pairs of
products then share one, and three quarters of the pairs bought together."""

SMALLEST = 5
"""Fewer products than this are no department of a shop."""


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """Communities and the graph they were found in.

    Args:
        labels: int64 (n,), 0 the largest community.
        edges: The graph's edges.
    """

    labels: NDArray[np.int64]
    edges: Edges

    @property
    def modularity(self) -> float:
        """The share of the edges' weight inside communities beyond what chance predicts, at most 1."""
        return modularity(self.edges, self.labels)


def similarity(
    likeness: Edges,
    viewed: Links,
    n: int,
    *,
    seed: int,
    resolution: float = SIMILARITY_RESOLUTION,
    implementation: Implementation = "igraph",
) -> Partition:
    """Partition products by likeness and by what shoppers viewed instead.

    The two kinds of edges count alike: a typical nearest neighbour weighs 1 (see `knn_edges`), an also_view link 1.

    Args:
        likeness: Nearest neighbour edges from `knn_edges`.
        viewed: also_view links; none is fine.
        n: Number of products.
        seed: The same seed and edges give the same labels.
        resolution: More makes more and smaller clusters.
        implementation: Of Leiden, see `leiden`.

    Returns:
        Every product with a neighbour is in a cluster of several.

    Raises:
        ValueError: If an edge names a row outside the catalogue or resolution is out of range.
    """
    edges = similarity_edges(likeness, viewed, n)
    labels = leiden(edges, n, seed=seed, resolution=resolution, implementation=implementation)
    return Partition(absorb(labels, edges, smallest=SMALLEST), edges)


def complementary(
    bought: Links,
    viewed: Links,
    together: Links,
    likeness: Edges,
    n: int,
    *,
    seed: int,
    resolution: float = COMPLEMENTARY_RESOLUTION,
    implementation: Implementation = "igraph",
) -> Partition:
    """Partition products by what shoppers buy together; products without links go where their nearest linked ones are.

    The links' weights are lifts, popularity already taken out of them, so communities are sought against the uniform
    null model. A catalogue without any links has nothing to say about what goes together: its clusters are then those
    of likeness alone, at this resolution; ask `len(shopper_edges(...))` to tell.

    Args:
        bought: also_buy links.
        viewed: also_view links.
        together: bought_together links.
        likeness: Nearest neighbour edges, those of products without links turned to linked ones (`turn_to`).
        n: Number of products.
        seed: The same seed and edges give the same labels.
        resolution: More makes more and smaller clusters.
        implementation: Of Leiden, see `leiden`.

    Returns:
        Only products with neither link nor neighbour that has one are alone.

    Raises:
        ValueError: If an edge names a row outside the catalogue or resolution is out of range.
    """
    edges = complementary_edges(bought, viewed, together, likeness, n)
    labels = leiden(edges, n, seed=seed, resolution=resolution, null_model="uniform", implementation=implementation)
    return Partition(absorb(labels, edges, smallest=SMALLEST), edges)


def similarity_edges(likeness: Edges, viewed: Links, n: int) -> Edges:
    """Give the graph that `similarity` cuts; the arguments are its own."""
    return combine(likeness, view_edges(viewed, n), n=n)


def complementary_edges(bought: Links, viewed: Links, together: Links, likeness: Edges, n: int) -> Edges:
    """Give the graph that `complementary` cuts; the arguments are its own."""
    return attach(shopper_edges(bought, viewed, together, n), likeness, n)
