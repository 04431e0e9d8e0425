"""A taxonomy: levels of clusters, each inside one of the level above, and how many levels a catalogue has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from .rows import members_of
from .stable import keep_numbers

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

TINY = 0.05
"""Share of the mean size of a level below which a cluster is too small to stand alone; one row always is."""

BRANCHING = 2.0
"""Times as many clusters a level has as the one above it, at least."""

TOLERANCE = 0.03
"""Stability, on average over levels, that one more level may cost."""

LASTING = 0.1
"""What it counts, beside stability, that a scale finds what the one beside it finds."""

GIANT = 0.5
"""Share of all rows in one cluster from which a level says too little."""

FINEST = 2 / 3
"""Power of the number of rows above which so many clusters are a list of rows rather than a level."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What clustering finds at one scale.

    Args:
        resolution: At which; higher ones find more and smaller clusters.
        clusters: How many it finds.
        largest: Share of the rows in the largest, 0 to 1.
        stability: How well runs with different seeds agree, at most 1.
        lasting: How well it agrees with the scale beside it that it agrees with better, at most 1.
    """

    resolution: float
    clusters: int
    largest: float
    stability: float
    lasting: float = 0.0


def choose_levels(scales: Sequence[Scale], rows: int, *, fewest: int, most: int) -> list[Scale]:
    """Choose the scales that become levels: those at which runs with different seeds agree best.

    A scale at which they agree is one the rows themselves have (Lambiotte, "Multi-scale modularity in complex
    networks", WiOpt 2010). Of all choices of so many levels, each at least `BRANCHING` times as fine as the one above,
    the most stable is taken; and there are as many levels, within what is asked, as cost no more than `TOLERANCE`.

    Args:
        scales: By rising resolution.
        rows: How many rows were clustered.
        fewest: Levels wanted at least, 1 or more.
        most: Levels wanted at most.

    Raises:
        ValueError: If `fewest` or `most` is out of range, or the rows have too few scales.
    """
    if not 1 <= fewest <= most:
        raise ValueError(f"levels are a number from 1, or two such as 2..5, got {fewest}..{most}")
    usable = [scale for scale in scales if 2 <= scale.clusters <= max(2, rows**FINEST)]
    usable = [scale for scale in usable if scale.largest <= GIANT] or usable
    choices = [_most_stable(usable, levels, BRANCHING) for levels in range(fewest, most + 1)]
    choices = [choice for choice in choices if choice] or [_most_stable(usable, fewest, 1.0)]
    if choices[0]:
        enough = max(map(_stability, choices)) - TOLERANCE
        return [choice for choice in choices if _stability(choice) >= enough][-1]
    numbers = ", ".join(str(number) for number in sorted({scale.clusters for scale in usable})) or "no"
    raise ValueError(
        f"{rows:,} products fall into {numbers} clusters at every scale, which makes no {fewest} levels: "
        "ask for fewer with --levels"
    )


def _stability(chosen: Sequence[Scale]) -> float:
    return float(np.mean([scale.stability + LASTING * scale.lasting for scale in chosen]))


def _most_stable(scales: Sequence[Scale], levels: int, branching: float) -> list[Scale]:
    """Find the most stable of all choices of so many levels that branch enough; none where there is no such choice."""
    best: list[Scale] = []
    for chosen in combinations(scales, levels):
        fits = all(
            fine.clusters >= max(branching * coarse.clusters, coarse.clusters + 1) for coarse, fine in pairwise(chosen)
        )
        if fits and (not best or _stability(chosen) > _stability(best)):
            best = list(chosen)
    return best


def join_small(vectors: FloatArray, labels: IntArray, parents: IntArray) -> IntArray:
    """Let clusters that are too small join the nearest one inside the same parent, the smallest first.

    Args:
        vectors: float32 (n, d); clusters are near when their means are.
        labels: int64 (n,), from 0 on without gaps, each cluster inside one parent.
        parents: int64 (n,).

    Returns:
        int64 (n,), some of the numbers of `labels`.
    """
    labels = np.unique(labels, return_inverse=True)[1]
    sizes = np.bincount(labels)
    sums = np.asarray(members_of(labels, len(sizes)) @ vectors, dtype=np.float64)
    means = sums / sizes[:, None]
    target, siblings = np.arange(len(sizes)), _siblings(labels, parents)
    smallest = max(2.0, TINY * len(labels) / len(sizes))
    for cluster in np.argsort(sizes, kind="stable").tolist():
        if sizes[cluster] >= smallest or len(alive := siblings[cluster]) < 2:
            continue
        alive.remove(cluster)
        into = alive[int(((means[alive] - means[cluster]) ** 2).sum(axis=1).argmin())]
        target[cluster] = into
        sizes[into] += sizes[cluster]
        sums[into] += sums[cluster]
        means[into] = sums[into] / sizes[into]
    while (target[target] != target).any():
        target = target[target]
    return np.asarray(target[labels], dtype=np.int64)


def _siblings(labels: IntArray, parents: IntArray) -> list[list[int]]:
    """List for each cluster those of its parent, itself among them: one list, shared by all of these."""
    parent = np.zeros(int(labels.max()) + 1, dtype=np.int64)
    parent[labels] = parents
    inside: dict[int, list[int]] = {}
    for cluster, above in enumerate(parent.tolist()):
        inside.setdefault(above, []).append(cluster)
    return [inside[above] for above in parent.tolist()]


def nested_linkage(means: NDArray[np.float64], parents: IntArray) -> NDArray[np.float64]:
    """Merge clusters into a dendrogram that keeps to their taxonomy: siblings first, then their parents.

    Among siblings the two merge first that Ward (1963) would merge, every cluster counting alike; no merge is lower
    than those below it.

    Args:
        means: float64 (k, d), of the clusters of the lowest level.
        parents: int64 (levels, k), the numbers of the clusters above each, the coarsest first; none for one level.

    Returns:
        float64 (k - 1, 4), as scipy's `linkage` gives it, by rising height; the last column counts clusters.
    """
    k = len(means)
    middle = {node: (means[node].astype(np.float64), 1) for node in range(k)}
    height, above = dict.fromkeys(range(k), 0.0), {n: n for n in range(k)}
    merges: list[tuple[int, int, float]] = []
    for level in [*reversed(parents), np.zeros(k, dtype=np.int64)]:
        for parent in np.unique(level):
            nodes = sorted({above[cluster] for cluster in np.flatnonzero(level == parent).tolist()})
            while len(nodes) > 1:
                first, second, distance = _nearest_two(nodes, middle)
                node = k + len(merges)
                height[node] = max(distance, height[first], height[second])
                merges.append((first, second, height[node]))
                (one, weight), (other, further) = middle[first], middle[second]
                middle[node] = ((one * weight + other * further) / (weight + further), weight + further)
                nodes = [*(each for each in nodes if each not in (first, second)), node]
            for cluster in np.flatnonzero(level == parent).tolist():
                above[cluster] = nodes[0]
    order = sorted(range(len(merges)), key=lambda merge: merges[merge][2])
    place = {**{n: n for n in range(k)}, **{k + merge: k + at for at, merge in enumerate(order)}}
    rows = [(*sorted((place[merges[m][0]], place[merges[m][1]])), merges[m][2], middle[k + m][1]) for m in order]
    return np.array(rows, dtype=np.float64).reshape(-1, 4)


def _nearest_two(nodes: Sequence[int], middle: Mapping[int, tuple[NDArray[np.float64], int]]) -> tuple[int, int, float]:
    """Find the two nodes of the least Ward distance, which is Euclidean between single clusters."""
    from scipy.spatial.distance import pdist

    first, second = np.triu_indices(len(nodes), 1)
    weight = np.array([middle[node][1] for node in nodes], dtype=np.float64)
    spread = np.sqrt(2 * weight[first] * weight[second] / (weight[first] + weight[second]))
    distances = spread * pdist(np.stack([middle[node][0] for node in nodes]))
    nearest = int(distances.argmin())
    return nodes[first[nearest]], nodes[second[nearest]], float(distances[nearest])


def check_nested(levels: IntArray) -> None:
    """Check that each cluster lies inside one of the level above.

    Args:
        levels: int64 (levels, n), the coarsest first.

    Raises:
        ValueError: If one does not, naming it.
    """
    for above in range(len(levels) - 1):
        pairs = np.unique(levels[above : above + 2], axis=1)
        torn = np.flatnonzero(np.diff(pairs[1][np.argsort(pairs[1], kind="stable")]) == 0)
        if len(torn):
            cluster = int(np.sort(pairs[1])[torn[0]])
            raise ValueError(f"cluster {cluster} of level {above + 2} lies in several clusters of level {above + 1}")


def last_numbers(levels: IntArray, previous: IntArray, *, taken: Sequence[int] | None = None) -> IntArray:
    """Renumber every level so that clusters that live on keep their number.

    Args:
        levels: int64 (levels, n).
        previous: int64 (levels, n), the numbers before, -1 where a row had none.
        taken: The highest number in use beside these rows, a level each; new clusters get higher ones. None for none.

    Returns:
        int64 (levels, n).
    """
    above = [-1] * len(levels) if taken is None else taken
    each = zip(levels, previous, above, strict=True)
    return np.stack([keep_numbers(labels, before, above=highest) for labels, before, highest in each])
