"""Grade clusters against a truth: all the usual measures at once, and what is mixed up with what.

Noise (-1) counts as clusters of one row each: a row that was put nowhere was put together with nothing.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln

from .metrics import b_cubed, pairwise

Labels = NDArray[np.int64]
Figures = NDArray[np.float64]

CONFUSED = 20
"""Clusters and classes that a confusion matrix shows, the others summed up."""


_REACH = 60  # standard deviations from the mean past which chance puts nothing that a float could tell from 0


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """How many rows of each class are in each cluster, for the largest classes and where their rows are.

    Args:
        counts: int64 (classes + 1, clusters + 2): after the classes shown a line for all others, after the clusters a
            column for all others, and one for noise.
        classes: The classes shown, largest first.
        clusters: The clusters shown, those with most rows of these classes first.
    """

    counts: Labels
    classes: Labels
    clusters: Labels


def agreement(labels: Labels, truth: ArrayLike) -> dict[str, float]:
    """Compare clusters with true classes by every usual measure; 1 is perfect for all of them.

    ari (Hubert and Arabie 1985) and ami (Vinh, Epps and Bailey 2010) are 0 for a random partition, the others are not,
    and grow with the number of clusters. nmi, of the arithmetic mean, is the same number as v_measure (Rosenberg and
    Hirschberg 2007), the harmonic mean of homogeneity and completeness; fowlkes_mallows (1983) is the geometric mean
    of pairwise precision and recall; purity (Manning, Raghavan and Schuetze 2008) is the share of rows in the largest
    class of their cluster, 1 for clusters of one row. Pairwise and B-cubed precision, recall and F1 as in `metrics`.

    Args:
        labels: int64 (n,), noise -1.
        truth: (n,), the class of each row, numbers or texts.

    Raises:
        ValueError: If the two differ in length or there are no rows.
    """
    from sklearn import metrics

    found, true = singled(labels), _numbered(truth)
    pairs, rows = pairwise(found, true), b_cubed(found, true)  # checks the lengths
    homogeneity, completeness, v_measure = metrics.homogeneity_completeness_v_measure(true, found)
    return {
        "ari": float(metrics.adjusted_rand_score(true, found)),
        "ami": adjusted_mutual_information(found, true),
        "nmi": float(metrics.normalized_mutual_info_score(true, found)),
        "fowlkes_mallows": float(metrics.fowlkes_mallows_score(true, found)),
        "homogeneity": float(homogeneity),
        "completeness": float(completeness),
        "v_measure": float(v_measure),
        "purity": _purity(found, true),
        "pairwise_precision": pairs.precision,
        "pairwise_recall": pairs.recall,
        "pairwise_f1": pairs.f1,
        "b_cubed_precision": rows.precision,
        "b_cubed_recall": rows.recall,
        "b_cubed_f1": rows.f1,
    }


def adjusted_mutual_information(labels: Labels, truth: Labels) -> float:
    """Compare two partitions by the information they share, beyond that of random ones with clusters of these sizes.

    Vinh, Epps and Bailey, "Information Theoretic Measures for Clusterings Comparison", JMLR 2010, normalised by the
    arithmetic mean; the value is scikit-learn's. That compares every cluster with every class, hours for 200,000 of
    both; what is expected depends on their sizes alone, so each pair of sizes is done once here: seconds, and exact.

    Args:
        labels: int64 (n,).
        truth: int64 (n,).
    """
    from sklearn.metrics import mutual_info_score

    sizes, others = np.unique(labels, return_counts=True)[1], np.unique(truth, return_counts=True)[1]
    trivial = (1, len(labels))  # one cluster, or one for each row, tells nothing
    if len(sizes) in trivial or len(others) in trivial:
        return float(len(sizes) == len(others))
    shared = float(mutual_info_score(truth, labels))
    chance = expected_mutual_information(sizes, others)
    most = (_entropy(sizes) + _entropy(others)) / 2
    room = most - chance
    least = np.finfo(np.float64).eps
    return (shared - chance) / (min(room, -least) if room < 0 else max(room, least))


def expected_mutual_information(sizes: Labels, others: Labels) -> float:
    """Say how much two random partitions of these sizes share, in nats: equation 24a of Vinh, Epps and Bailey.

    Args:
        sizes: int64 (k,), rows of each cluster of the one.
        others: int64 (c,), rows of each cluster of the other, of as many rows in all.
    """
    n = int(sizes.sum())
    ours, theirs = np.unique(sizes, return_counts=True), np.unique(others, return_counts=True)
    factorial = gammaln(np.arange(n + 1) + 1.0)
    expected = 0.0
    for a, times in zip(*map(np.ndarray.tolist, ours), strict=True):
        for b, and_times in zip(*map(np.ndarray.tolist, theirs), strict=True):
            reach = _REACH * (1 + (a * b / n) ** 0.5)
            both = np.arange(max(1, a + b - n, int(a * b / n - reach)), min(a, b, int(a * b / n + reach)) + 1)
            chance = factorial[a] + factorial[b] + factorial[n - a] + factorial[n - b] - factorial[n]
            chance = chance - factorial[both] - factorial[a - both] - factorial[b - both] - factorial[n - a - b + both]
            terms = both / n * (np.log(n * both) - np.log(a * b)) * np.exp(chance)
            expected += times * and_times * float(terms.sum())
    return expected


def confusion(labels: Labels, truth: Labels, *, most: int = CONFUSED) -> Confusion:
    """Count the rows of each class in each cluster.

    Args:
        labels: int64 (n,), noise -1.
        truth: int64 (n,), 0 or more.
        most: Classes and clusters shown, at least 1.

    Raises:
        ValueError: If the two differ in length, or `most` is below 1.
    """
    if len(labels) != len(truth):
        raise ValueError(f"labels and truth must be of one length, got {len(labels)} and {len(truth)}")
    if most < 1:
        raise ValueError(f"a confusion matrix shows at least 1 cluster, got most={most}")
    classes = _largest(truth, most)
    clusters = _largest(labels[(labels >= 0) & np.isin(truth, classes)], most)
    line, column = _place(truth, classes), _place(labels, clusters)
    column[labels < 0] = len(clusters) + 1
    counts = np.zeros((len(classes) + 1, len(clusters) + 2), dtype=np.int64)
    np.add.at(counts, (line, column), 1)
    return Confusion(counts, classes, clusters)


def singled(labels: Labels) -> Labels:
    """Give each row of noise a cluster of its own: int64 (n,), 0 or more."""
    found = np.asarray(labels, dtype=np.int64).copy()
    noise = found < 0
    found[noise] = found.max(initial=0) + 1 + np.arange(noise.sum())
    return found


def _numbered(truth: ArrayLike) -> Labels:
    return np.unique(np.asarray(truth), return_inverse=True)[1].astype(np.int64)


def _purity(found: Labels, true: Labels) -> float:
    """Give the share of rows in the largest class of their cluster."""
    width = int(true.max()) + 1
    cells, counts = np.unique(found * width + true, return_counts=True)
    clusters = np.unique(cells // width, return_index=True)[1]
    return float(np.maximum.reduceat(counts, clusters).sum() / len(found))


def _entropy(sizes: Labels) -> float:
    shares = sizes / sizes.sum()
    return float(-(shares * np.log(shares)).sum())


def _largest(labels: Labels, most: int) -> Labels:
    """List the largest groups, the lower number first among equals."""
    numbers, sizes = np.unique(labels, return_counts=True)
    return numbers[np.lexsort((numbers, -sizes))][:most]


def _place(labels: Labels, shown: Labels) -> Labels:
    """Say where among those shown each label is; behind them where it is not."""
    order = np.argsort(shown)
    if not len(shown):
        return np.zeros(len(labels), dtype=np.int64)
    at = np.minimum(np.searchsorted(shown[order], labels), len(shown) - 1)
    return np.where(shown[order][at] == labels, order[at], len(shown))
