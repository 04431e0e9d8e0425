"""How many communities each resolution makes, and where that hardly depends on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.int64]
Partition = Callable[[float, int], IntArray]
"""Cuts the graph at a resolution, with a seed: labels int64 (n,)."""

SPAN = 10.0
"""Resolutions tried reach from the usual one divided by this to the usual one times this."""

STEPS = 17
SEEDS = 3

SAME = 0.9
"""Agreement, as adjusted Rand index, from which two partitions count as the same but for details."""

DRIFT = 1.1
"""Factor by which the number of clusters may differ between neighbouring resolutions of a plateau."""

SHORTEST = 3
"""Neighbouring resolutions that make a plateau, at least."""


@dataclass(frozen=True, slots=True)
class Point:
    """What one resolution finds.

    Args:
        resolution: Above 0.
        clusters: Their number, the median over seeds.
        largest: Share of the rows in the largest, the median over seeds.
        stability: Mean adjusted Rand index between seeds, at most 1.
        carried: Mean adjusted Rand index with the next higher resolution, seed by seed; None at the last.
    """

    resolution: float
    clusters: int
    largest: float
    stability: float
    carried: float | None


@dataclass(frozen=True, slots=True)
class Plateau:
    """Resolutions side by side that find much the same.

    Args:
        low: The lowest of them.
        high: The highest.
        clusters: From the fewest to the most.
        stability: Mean agreement between seeds and from one resolution to the next, at most 1.
    """

    low: float
    high: float
    clusters: tuple[int, int]
    stability: float

    @property
    def worth(self) -> float:
        """Weigh how far it reaches, in factors of e, by how stable it is."""
        return float(np.log(self.high / self.low)) * self.stability

    @property
    def middle(self) -> float:
        """Give the resolution in its middle, geometrically."""
        return float(np.sqrt(self.low * self.high))


@dataclass(frozen=True, slots=True)
class Profile:
    """What all resolutions find, and which to take.

    Args:
        points: One for each resolution, rising.
        plateaus: The best first.
        resolution: To take.
        clear: Whether it lies on a plateau; otherwise it is only the most stable.
        reason: Why, as a sentence.
    """

    points: tuple[Point, ...]
    plateaus: tuple[Plateau, ...]
    resolution: float
    clear: bool
    reason: str


def resolutions_around(usual: float, steps: int = STEPS) -> list[float]:
    """Spread resolutions geometrically, `SPAN` times as far as the usual one either way."""
    return [float(value) for value in np.geomspace(usual / SPAN, usual * SPAN, steps)]


def resolution_profile(
    partition: Partition,
    resolutions: Sequence[float],
    *,
    seed: int,
    seeds: int = SEEDS,
    clusters: tuple[int, int] | None = None,
    progress: Callable[[int], object] | None = None,
) -> Profile:
    """Cut a graph at many resolutions with several seeds each, and find where the outcome lasts.

    A number of communities that stays over a wide range of resolutions, and whose members other seeds and neighbouring
    resolutions find too, is in the graph and not in the choice (Arenas, Fernandez and Gomez, "Analysis of the
    structure of complex networks at different resolution levels", New Journal of Physics 2008; Lambiotte, "Multi-scale
    modularity and dynamics in complex networks", 2010). Agreement is the adjusted Rand index of Hubert and Arabie
    (1985). One single community, or one for each row, says nothing and does
    not count.

    Args:
        partition: Cuts the graph; which null model and what becomes of small communities is its own business.
        resolutions: At least 2, rising.
        seed: The first of the seeds; the others follow it.
        seeds: How many, at least 2.
        clusters: The fewest and the most clusters wanted; resolutions that make others are shown, and recommended only
            where all do, as the reason then says. None for any.
        progress: Called with 1 after each cut, len(resolutions) * seeds in all.

    Raises:
        ValueError: If there are too few resolutions or seeds, or resolutions do not rise from above 0.
    """
    if len(resolutions) < 2 or not resolutions[0] > 0 or (np.diff(resolutions) <= 0).any():
        raise ValueError(f"resolutions must be at least 2, above 0 and rising, got {list(resolutions)}")
    if seeds < 2:
        raise ValueError(f"stability takes at least 2 seeds, got {seeds}")
    cuts: list[list[IntArray]] = []
    for resolution in resolutions:
        cuts.append([])
        for each in range(seed, seed + seeds):
            cuts[-1].append(partition(resolution, each))
            if progress is not None:
                progress(1)
    points = _points(resolutions, cuts)
    fewest, most = clusters or (2, max(2, len(cuts[0][0]) - 1))
    wanted = [max(fewest, 2) <= point.clusters <= most for point in points]
    plateaus = tuple(sorted(_plateaus(points, wanted), key=lambda plateau: -plateau.worth))
    if not any(wanted):
        return Profile(points, (), *_beside(points, max(fewest, 2), most, open_ended=clusters is None))
    possible = [point for point, want in zip(points, wanted, strict=True) if want]
    return Profile(points, plateaus, *_recommend(possible, plateaus))


def _points(resolutions: Sequence[float], cuts: Sequence[Sequence[IntArray]]) -> tuple[Point, ...]:
    sizes = [[np.bincount(labels) for labels in same] for same in cuts]
    carried = [
        np.mean([_ari(a, b) for a, b in zip(same, following, strict=True)]) for same, following in pairwise(cuts)
    ]
    return tuple(
        Point(
            resolution,
            int(np.median([len(size) for size in sizes[at]])),
            float(np.median([size.max() / size.sum() for size in sizes[at]])),
            float(np.mean([_ari(a, b) for a, b in combinations(cuts[at], 2)])),
            float(carried[at]) if at < len(carried) else None,
        )
        for at, resolution in enumerate(resolutions)
    )


def _ari(first: IntArray, second: IntArray) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(first, second))


def _plateaus(points: Sequence[Point], wanted: Sequence[bool]) -> list[Plateau]:
    """Join neighbouring resolutions that find the same, and keep the runs that are long enough."""
    found, start = [], 0
    for at in range(1, len(points) + 1):
        if at < len(points) and wanted[at - 1] and wanted[at] and _same(points[at - 1], points[at]):
            continue
        run, start = points[start:at], at
        if len(run) >= SHORTEST:
            numbers = [point.clusters for point in run]
            agreed = [point.stability for point in run] + [point.carried or 0.0 for point in run[:-1]]
            plateau = (run[0].resolution, run[-1].resolution, (min(numbers), max(numbers)), float(np.mean(agreed)))
            found.append(Plateau(*plateau))
    return found


def _same(this: Point, following: Point) -> bool:
    """Say whether two neighbouring resolutions find the same, whatever the seed."""
    fewer, more = sorted((this.clusters, following.clusters))
    return more <= DRIFT * fewer and min(this.carried or 0.0, this.stability, following.stability) >= SAME


def _beside(points: Sequence[Point], fewest: int, most: int, *, open_ended: bool) -> tuple[float, bool, str]:
    """Take the resolution whose number comes nearest, where none makes a number that is wanted, and say so."""
    nearest = min(points, key=lambda point: (max(fewest - point.clusters, point.clusters - most), -point.stability))
    numbers = sorted({point.clusters for point in points})
    asked = f"{fewest:,} or more" if open_ended else f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    return (
        nearest.resolution,
        False,
        f"no resolution from {points[0].resolution:.3g} to {points[-1].resolution:.3g} makes {asked} clusters, they "
        f"make {numbers[0]:,} to {numbers[-1]:,}; at {nearest.resolution:.3g} it is {nearest.clusters:,}: "
        f"{'try other vectors' if open_ended else 'ask for another range'}, or set a resolution by hand",
    )


def _recommend(points: Sequence[Point], plateaus: Sequence[Plateau]) -> tuple[float, bool, str]:
    """Take the middle of the best plateau, else the most stable resolution: it, whether it is clear, and why."""
    if plateaus:
        best, (fewest, most) = plateaus[0], plateaus[0].clusters
        number = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
        return (
            best.middle,
            True,
            f"{number} clusters from resolution {best.low:.3g} to {best.high:.3g}, {len(plateaus)} "
            f"plateau{'s' * (len(plateaus) > 1)} found; agreement between seeds and neighbours {best.stability:.2f}",
        )
    best_point = max(points, key=lambda point: point.stability)
    return (
        best_point.resolution,
        False,
        f"no plateau: the number of clusters depends on the resolution throughout; at {best_point.resolution:.3g} "
        f"seeds agree most, {best_point.stability:.2f}, in {best_point.clusters:,} clusters",
    )
