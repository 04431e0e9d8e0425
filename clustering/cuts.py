"""How rows are cut while a number of clusters is sought: many times over, so what all cuts share is done once."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from .scores import REFERENCES, Cut, Fit

FloatArray = NDArray[np.float32]

STARTS = (2, 6)
"""Fewest and most starts of k-means for each k: with one, a number may look bad that is good."""

STARTED = 20_000
"""Rows times starts, where that is between these: few rows are cut quickly."""


@dataclass(frozen=True, slots=True)
class Cutter:
    """A way to cut rows into k clusters, and how many rows it is good for.

    Args:
        fit: Takes a seed and rows, and gives what cuts them.
        sample: Rows scored at most.
        references: Sets without clusters the rows are held against: each costs as much as the rows do.
    """

    fit: Callable[[int, FloatArray], Callable[[int], Cut]]
    sample: int
    references: int = REFERENCES

    def seeded(self, seed: int) -> Fit:
        """Give the way with the seed of its own chance."""
        return partial(self.fit, seed)


def _kmeans(seed: int, vectors: FloatArray) -> Callable[[int], Cut]:
    """Cut by k-means from spread starts, greedy k-means++ (Arthur and Vassilvitskii 2007), each k by itself.

    By scikit-learn's and not our own: with fewer starts it takes about half as long, and here every k is cut on the
    rows and on every reference set.
    """
    fewest, most = STARTS
    starts = min(most, max(fewest, STARTED // len(vectors)))

    def cut(k: int) -> Cut:
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning
        from threadpoolctl import threadpool_limits

        machine = KMeans(k, n_init=starts, random_state=seed % 2**32, max_iter=100)
        with warnings.catch_warnings(), threadpool_limits(1, user_api="openmp"):  # threads add up in any order
            warnings.simplefilter("ignore", ConvergenceWarning)  # of fewer than k different rows: fewer come out
            found = machine.fit(vectors)
        return Cut(found.labels_.astype(np.int64))

    return cut


def _minibatch(seed: int, vectors: FloatArray) -> Callable[[int], Cut]:
    from .minibatch import minibatch_kmeans

    return lambda k: Cut(minibatch_kmeans(vectors, k, seed=seed).labels)


def _mixture(seed: int, vectors: FloatArray) -> Callable[[int], Cut]:
    from .mixture import mixture

    def cut(k: int) -> Cut:
        found = mixture(vectors, seed=seed, k=k)
        return Cut(found.labels, found.figures["bic"][str(k)])

    return cut


def _agglomerative(seed: int, vectors: FloatArray) -> Callable[[int], Cut]:
    """Cut one tree of merges at every k; nothing here is left to chance."""
    from .agglomerative import cut, dendrogram

    merges = dendrogram(vectors, "ward")
    return lambda k: Cut(cut(merges, len(vectors) - k))


CUTTERS: Mapping[str, Cutter] = {
    "kmeans": Cutter(_kmeans, 10_000),
    "minibatch-kmeans": Cutter(_minibatch, 10_000),
    "gmm": Cutter(_mixture, 3_000, 2),
    "agglomerative": Cutter(_agglomerative, 4_000),
}
"""Method -> how its number of clusters is sought."""
