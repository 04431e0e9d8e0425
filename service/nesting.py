"""Levels of clusters from vectors: the graph room splits, the clustering room chooses how often and tidies up."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from clustering.taxonomy import Scale, check_nested, choose_levels, join_small
from graph.edges import Edges
from graph.hierarchy import split
from graph.profile import SEEDS, resolution_profile

from .leiden import neighbour_edges

NEIGHBOURS = 20
"""Each row is joined to so many, of few rows to a quarter of them: with fewer, the first level falls apart."""

FEWEST_NEIGHBOURS = 5

RESOLUTIONS = tuple(float(resolution) for resolution in np.geomspace(0.05, 51.2, 11))
"""Tried to find the scales a catalogue has, each twice the one before."""

FINAL_PASSES = 10
"""Of Leiden over the graph where the outcome is kept."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Nested:
    """What was found.

    Args:
        levels: int64 (levels, n), the coarsest first, each cluster inside one of the level above.
        chosen: The scale of each level.
        tried: All scales, by rising resolution.
    """

    levels: IntArray
    chosen: tuple[Scale, ...]
    tried: tuple[Scale, ...]


def steps() -> int:
    """Say how many cuts `nested_levels` tells its progress of."""
    return len(RESOLUTIONS) * SEEDS


def nested_levels(
    vectors: FloatArray,
    *,
    fewest: int,
    most: int,
    seed: int,
    neighbours: int = NEIGHBOURS,
    progress: Callable[[int], object] = lambda cut: None,
) -> Nested:
    """Cluster rows on several levels, none left out.

    The graph of nearest neighbours is cut into communities by Leiden at the lowest of the chosen resolutions, each of
    them at the next one, and so on down; clusters too small to stand beside their siblings join the nearest one.

    Args:
        vectors: float32 (n, d).
        fewest: Levels wanted at least.
        most: Levels wanted at most; as many as the rows have scales at which seeds agree.
        seed: The same seed and rows give the same levels.
        neighbours: Nearest neighbours each row is joined to.
        progress: Called with 1 after each cut that is tried.

    Raises:
        ValueError: If there are fewer than 2 rows, all are identical, or they have too few scales.
    """
    if len(vectors) < 2:
        raise ValueError(f"levels need at least 2 products, got {len(vectors)}: index more")
    different, place = _different(vectors)
    rows = vectors[different]
    if len(rows) < 2:
        raise ValueError(f"all {len(vectors):,} products have the same vector: there is nothing to tell them apart by")
    edges = neighbour_edges(rows, min(neighbours, max(FEWEST_NEIGHBOURS, len(rows) // 4)))
    tried = _scales(edges, len(rows), seed, progress)
    chosen = choose_levels(tried, len(rows), fewest=fewest, most=most)
    parents, levels = np.zeros(len(rows), dtype=np.int64), []
    for scale in chosen:
        found = split(edges, parents, resolution=scale.resolution, seed=seed, passes=FINAL_PASSES)
        parents = join_small(rows, found, parents)
        levels.append(parents[place])
    nested = np.stack(levels)
    check_nested(nested)
    return Nested(nested, tuple(chosen), tuple(tried))


def _different(vectors: FloatArray) -> tuple[IntArray, IntArray]:
    """Find the rows that differ, and which of them each row equals: copies would be each other's only neighbours."""
    keys = np.ascontiguousarray(vectors).view(np.dtype((np.void, vectors.shape[1] * vectors.itemsize))).ravel()
    _, first, place = np.unique(keys, return_index=True, return_inverse=True)
    return first, place


def _scales(edges: Edges, n: int, seed: int, progress: Callable[[int], object]) -> list[Scale]:
    """Cut the whole graph at every resolution, with several seeds each."""
    whole = np.zeros(n, dtype=np.int64)
    profile = resolution_profile(
        lambda resolution, each: split(edges, whole, resolution=resolution, seed=each),
        RESOLUTIONS,
        seed=seed,
        progress=progress,
    )
    carried = [0.0, *(point.carried or 0.0 for point in profile.points)]
    return [
        Scale(point.resolution, point.clusters, point.largest, point.stability, max(carried[at : at + 2]))
        for at, point in enumerate(profile.points)
    ]
