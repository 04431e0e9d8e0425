"""Grade clusters by their rows alone: how much nearer rows are to their own cluster than to the others.

Noise (-1) is left out of every figure here. Distances are Euclidean, scikit-learn's default; between rows of length 1
they order pairs as cosines do, for their square is 2 - 2 cosine.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .ordered import BLOCK, Figures, Labels, Ordered
from .rows import members_of

FloatArray = NDArray[np.float32]

SAMPLE = 2000
"""Rows scored for a silhouette: the interval is then some 0.01 to either side."""

_CENTRES = 256  # compared at once with all others
_SAME = 1e-7  # of the longest centre: nearer ones are one place, told apart by rounding alone
_ROUNDS = 1000  # of the bootstrap
_TAILS = (2.5, 97.5)  # of its means: 95 % lie between


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate with its 95 % confidence interval.

    Args:
        value: The estimate.
        low: Lower end.
        high: Upper end; all three are one where nothing was left to chance.
        sample: Rows it was estimated from.
    """

    value: float
    low: float
    high: float
    sample: int


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large clusters are.

    Args:
        clusters: How many.
        largest: Rows of the largest.
        median: Rows of the middle one, the mean of two where their number is even.
        singletons: Clusters of one row.
        noise: Rows in no cluster.
        noise_share: The same as a share of all rows, 0 to 1.
    """

    clusters: int
    largest: int
    median: float
    singletons: int
    noise: int
    noise_share: float


def size_figures(labels: Labels) -> Sizes:
    """Say how large the clusters are.

    Args:
        labels: int64 (n,), noise -1; numbers may be left out.
    """
    counts = np.unique(labels[labels >= 0], return_counts=True)[1]
    noise = int((labels < 0).sum())
    return Sizes(
        clusters=len(counts),
        largest=int(counts.max(initial=0)),
        median=float(np.median(counts)) if len(counts) else 0.0,
        singletons=int((counts == 1).sum()),
        noise=noise,
        noise_share=noise / len(labels) if len(labels) else 0.0,
    )


def silhouette(vectors: FloatArray, labels: Labels, *, seed: int, sample: int = SAMPLE) -> Interval:
    """Estimate the mean silhouette of all rows in clusters.

    Rousseeuw, "Silhouettes: a graphical aid to the interpretation and validation of cluster analysis", 1987. Rows are
    drawn uniformly without replacement, and each is scored against all rows of all clusters, so the mean of their
    scores is an unbiased estimate of the mean over every row; scoring a sample against the sample alone would not be,
    for small clusters vanish from it. The interval is the percentile bootstrap's (Efron and Tibshirani 1993), narrowed
    by sqrt(1 - sample / n), as what is drawn from is finite (Cochran 1977): with every row scored it has no width, and
    the value is scikit-learn's `silhouette_score`.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), noise -1.
        seed: Of the sample and the bootstrap.
        sample: Most rows scored, at least 2.

    Raises:
        ValueError: If there are fewer than two clusters, none but singletons, or `sample` is below 2.
    """
    if sample < 2:
        raise ValueError(f"at least 2 rows must be scored for a silhouette, got sample={sample}")
    inside = np.flatnonzero(labels >= 0)
    rng = np.random.default_rng(seed)
    n, rows = len(inside), inside
    if sample < n:
        rows = np.sort(rng.choice(inside, sample, replace=False))
    scores = silhouette_samples(vectors, labels, rows)
    value = float(scores.mean())
    if len(rows) == n:
        return Interval(value, value, value, n)
    means = np.array([rng.choice(scores, len(scores)).mean() for _ in range(_ROUNDS)])
    low, high = value + (np.percentile(means, _TAILS) - value) * np.sqrt(1 - len(rows) / n)
    return Interval(value, float(low), float(high), len(rows))


def silhouette_samples(vectors: FloatArray, labels: Labels, rows: Labels | None = None) -> Figures:
    """Score rows by their mean distance to their own cluster and to the nearest other one, against all rows.

    Memory stays within a few blocks of 2,048 x 2,048 distances, whatever n and the number of clusters are.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), noise -1.
        rows: int64 (m,), those to score, none of them noise; None for all that are in a cluster.

    Returns:
        float64 (m,), -1 to 1; 0 for a row that is alone in its cluster.

    Raises:
        ValueError: If there are fewer than two clusters, or none but singletons.
    """
    ordered = Ordered.of(labels)
    ordered.check()
    groups = ordered.group_of(len(labels))
    wanted = np.flatnonzero(labels >= 0) if rows is None else rows
    parts = [wanted[start : start + BLOCK] for start in range(0, len(wanted), BLOCK)]
    return np.concatenate([_scored(vectors, part, groups[part], ordered) for part in parts])


class KeptDistances:
    """Distances of some rows to all, measured once, to score these rows in one partition after another.

    Takes 4 x m x n bytes.

    Args:
        vectors: float32 (n, d).
        rows: int64 (m,), those to score.
    """

    def __init__(self, vectors: FloatArray, rows: Labels) -> None:
        self._rows = rows
        self._distances = np.empty((len(vectors), len(rows)), np.float32)
        mine = vectors[rows].astype(np.float64)
        lengths = (mine * mine).sum(axis=1)
        for start in range(0, len(vectors), BLOCK):
            others = vectors[start : start + BLOCK].astype(np.float64)
            self._distances[start : start + BLOCK] = np.sqrt(_squared_distances(others, mine, lengths))
        self._distances[rows, np.arange(len(rows))] = 0

    def silhouettes(self, labels: Labels) -> Figures:
        """Score the rows, float64 (m,), as `silhouette_samples` does but for rounding.

        Args:
            labels: int64 (n,), from 0 without gaps, none of them noise; at least two clusters, not all singletons.
        """
        near = _Nearness(labels[self._rows], np.bincount(labels))
        near.add(0, (members_of(labels, int(labels.max()) + 1) @ self._distances).astype(np.float64))
        return near.scores()


def davies_bouldin(vectors: FloatArray, labels: Labels) -> float:
    """Compare how wide clusters are with how far apart they lie: the mean over clusters of the worst case of each.

    Davies and Bouldin, "A Cluster Separation Measure", 1979; the value is scikit-learn's `davies_bouldin_score`.
    Centres in one place, which scikit-learn leaves out unless rounding moves them apart, have no distance to compare.
    Compares all pairs of clusters, k x k x d multiplications.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), noise -1.

    Returns:
        0 or more; the lower, the better.

    Raises:
        ValueError: If there are fewer than two clusters, or none but singletons.
    """
    spread = _Spread.of(vectors, labels)
    widths = spread.distances / spread.sizes
    worst = np.zeros(len(widths))
    lengths = (spread.centres * spread.centres).sum(axis=1)
    same, apart = _SAME * float(np.sqrt(lengths.max())), 0.0
    for start in range(0, len(widths), _CENTRES):
        some = slice(start, start + _CENTRES)
        between = np.sqrt(_squared_distances(spread.centres[some], spread.centres, lengths))
        between[between < same] = 0
        apart = max(apart, float(between.max()))
        ratios = (widths[some, None] + widths) / np.where(between > 0, between, np.inf)
        worst[some] = ratios.max(axis=1)
    return 0.0 if np.allclose(widths, 0) or np.isclose(apart, 0) else float(worst.mean())


def calinski_harabasz(vectors: FloatArray, labels: Labels) -> float:
    """Compare the variance between clusters with that within, each by its degrees of freedom.

    Calinski and Harabasz, "A dendrite method for cluster analysis", 1974; the value is scikit-learn's
    `calinski_harabasz_score`.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), noise -1.

    Returns:
        0 or more; the higher, the better, among partitions of the same rows.

    Raises:
        ValueError: If there are fewer than two clusters, or none but singletons.
    """
    spread = _Spread.of(vectors, labels)
    n, k = int(spread.sizes.sum()), len(spread.sizes)
    middle = spread.sizes @ spread.centres / n
    between = float(spread.sizes @ ((spread.centres - middle) ** 2).sum(axis=1))
    within = float(spread.squares.sum())
    return between * (n - k) / (within * (k - 1)) if within else 1.0


class _Nearness:
    """How near some rows are to their own cluster, and to the nearest other one.

    Args:
        own: int64 (m,), the cluster of each row.
        sizes: int64 (k,), rows of each cluster.
    """

    def __init__(self, own: Labels, sizes: Labels) -> None:
        self._own, self._sizes = own, sizes
        self._inside, self._nearest = np.zeros(len(own)), np.full(len(own), np.inf)

    def add(self, first: int, sums: Figures) -> None:
        """Take in the summed distances to all rows of clusters from number `first` on, float64 (clusters, m)."""
        means = sums / self._sizes[first : first + len(sums), None]
        mine = np.flatnonzero((self._own >= first) & (self._own < first + len(sums)))
        place = self._own[mine] - first
        self._inside[mine] = sums[place, mine]
        means[place, mine] = np.inf
        np.minimum(self._nearest, means.min(axis=0, initial=np.inf), out=self._nearest)

    def scores(self) -> Figures:
        """Give the silhouettes, float64 (m,)."""
        sizes = self._sizes[self._own]
        inside = self._inside / np.maximum(sizes - 1, 1)  # a row is no company to itself
        larger = np.maximum(inside, self._nearest)
        scored = (sizes > 1) & (larger > 0)
        return np.where(scored, (self._nearest - inside) / np.where(scored, larger, 1), 0.0)


def _scored(vectors: FloatArray, rows: Labels, own: Labels, ordered: Ordered) -> Figures:
    """Score some rows; a cluster's sum of distances is whole once the block after it begins with another one."""
    mine = vectors[rows].astype(np.float64)
    lengths = (mine * mine).sum(axis=1)
    near = _Nearness(own, ordered.sizes)
    begun, part = -1, np.zeros((0, len(rows)))
    for others, clusters, begins in ordered.blocks():
        distances = np.sqrt(_squared_distances(vectors[others].astype(np.float64), mine, lengths))
        distances[others[:, None] == rows] = 0
        sums = np.add.reduceat(distances, begins, axis=0)
        if clusters.start == begun:
            sums[:1] += part
        else:
            near.add(begun, part)
        near.add(clusters.start, sums[:-1])
        begun, part = clusters.stop - 1, sums[-1:]
    near.add(begun, part)
    return near.scores()


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    """How rows lie around the centres of their clusters, summed in float64.

    Args:
        centres: float64 (k, d), means of the rows.
        sizes: int64 (k,).
        distances: float64 (k,), summed over each cluster's rows.
        squares: float64 (k,), of the distances, likewise.
    """

    centres: Figures
    sizes: Labels
    distances: Figures
    squares: Figures

    @classmethod
    def of(cls, vectors: FloatArray, labels: Labels) -> "_Spread":
        ordered = Ordered.of(labels)
        ordered.check()
        k = len(ordered.sizes)
        centres = np.zeros((k, vectors.shape[1]))
        for rows, clusters, begins in ordered.blocks():
            centres[clusters] += np.add.reduceat(vectors[rows], begins, axis=0, dtype=np.float64)
        centres /= ordered.sizes[:, None]
        distances, squares = np.zeros(k), np.zeros(k)
        for rows, clusters, begins in ordered.blocks():
            own = np.repeat(centres[clusters], np.diff(begins, append=len(rows)), axis=0)
            squared = ((vectors[rows] - own) ** 2).sum(axis=1)
            squares[clusters] += np.add.reduceat(squared, begins)
            distances[clusters] += np.add.reduceat(np.sqrt(squared), begins)
        return cls(centres, ordered.sizes, distances, squares)


def _squared_distances(one: Figures, other: Figures, lengths: Figures) -> Figures:
    """Compare all rows of two blocks, the other's squared lengths given: float64 (a, b), not below 0."""
    squared: Figures = (one * one).sum(axis=1)[:, None] + lengths
    squared -= 2 * one @ other.T
    return np.maximum(squared, 0, out=squared)
