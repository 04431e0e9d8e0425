"""What speaks for a number of clusters: every criterion at every k, on a sample, beside sets that have no clusters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .gap import Box, Gap, dispersion, gap_of
from .intrinsic import KeptDistances, calinski_harabasz, davies_bouldin

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]

REFERENCES = 5
"""Sets without clusters that the rows are compared with."""

COMPARED = 2500
"""Rows whose distances to all are kept, for silhouettes; of all reference sets together as many."""


class Cut(NamedTuple):
    """Clusters at one k.

    Args:
        labels: int64 (n,), from 0.
        bic: The Bayesian information criterion, lower is better; None where the method has no likelihood.
    """

    labels: IntArray
    bic: float | None = None


Fit = Callable[[FloatArray], Callable[[int], Cut]]
"""Takes rows, and gives what cuts them into k clusters; what all k have in common (a dendrogram) is done once."""


@dataclass(frozen=True, slots=True)
class Scores:
    """What speaks for one k. None where a criterion is not defined.

    Args:
        k: Number of clusters.
        inertia: Sum of squared distances to the means of clusters.
        silhouette: Mean over rows, -1 to 1, more is better (Rousseeuw 1987).
        silhouette_error: Its standard error, of the sample.
        silhouette_chance: What reference sets without clusters reach at this k.
        calinski_harabasz: More is better (Calinski and Harabasz 1974).
        davies_bouldin: Less is better (Davies and Bouldin 1979).
        gap: More is better, see `gap_of`.
        gap_error: Its standard error.
        bic: Less is better (Schwarz 1978). Of mixtures only: what x-means (Pelleg and Moore 2000) takes for the BIC of
            k-means has all clusters balls of one size, and in hundreds of dimensions always asks for more of them.
    """

    k: int
    inertia: float
    silhouette: float | None = None
    silhouette_error: float | None = None
    silhouette_chance: float | None = None
    calinski_harabasz: float | None = None
    davies_bouldin: float | None = None
    gap: float | None = None
    gap_error: float | None = None
    bic: float | None = None


class _Rows:
    """Rows, what cuts them, and those of which silhouettes are measured, against all."""

    def __init__(self, vectors: FloatArray, fit: Fit, compared: IntArray) -> None:
        self.vectors, self._cut, self._distances = vectors, fit(vectors), KeptDistances(vectors, compared)

    def graded(self, k: int) -> "_Graded":
        """Cut into k clusters and measure what there is to measure without the reference sets."""
        labels, bic = self._cut(k)
        silhouettes, used = None, np.unique(labels, return_inverse=True)[1]
        if 1 <= used.max() < len(labels) - 1:
            silhouettes = self._distances.silhouettes(used)
        return _Graded(labels, dispersion(self.vectors, labels), silhouettes, bic)


class _Graded(NamedTuple):
    """One cut: its labels, inertia, the silhouettes of the rows compared, None where there are none, and BIC."""

    labels: IntArray
    inertia: float
    silhouettes: NDArray[np.float64] | None
    bic: float | None


class Scorer:
    """Scores one k after another on the same rows and the same reference sets.

    Args:
        vectors: float32 (n, d).
        fit: Cuts rows into clusters.
        seed: Of the reference sets, and of the rows compared.
        references: Sets without clusters, at least 2; 0 for none, where fitting is too dear, and then no gap.
    """

    def __init__(self, vectors: FloatArray, fit: Fit, *, seed: int, references: int = REFERENCES) -> None:
        generator = np.random.default_rng(seed)
        n = len(vectors)
        compared = np.sort(generator.permutation(n)[:COMPARED])
        self._rows = _Rows(vectors, fit, compared)
        box = Box.around(vectors)
        beside = np.sort(generator.permutation(n)[: COMPARED // max(1, references)])
        self._references = [_Rows(box.draw(n, generator), fit, beside) for _ in range(references)]
        self._found: dict[int, Scores] = {}

    @property
    def scores(self) -> tuple[Scores, ...]:
        """What was scored so far, k rising."""
        return tuple(self._found[k] for k in sorted(self._found))

    def at_one(self) -> Gap | None:
        """Compare all rows as one cluster with the reference sets: what the gap of every other k is held against."""
        one = np.zeros(len(self._rows.vectors), np.int64)
        return self._gap(dispersion(self._rows.vectors, one), [dispersion(r.vectors, one) for r in self._references])

    def score(self, k: int) -> Scores:
        """Score one k, once."""
        if k in self._found:
            return self._found[k]
        own, others = self._rows.graded(k), [each.graded(k) for each in self._references]
        several = 2 <= len(np.unique(own.labels)) < len(own.labels)
        silhouettes = own.silhouettes
        chance = [float(each.silhouettes.mean()) for each in others if each.silhouettes is not None]
        gap = self._gap(own.inertia, [each.inertia for each in others])
        self._found[k] = Scores(
            k,
            own.inertia,
            None if silhouettes is None else float(silhouettes.mean()),
            None if silhouettes is None else float(silhouettes.std() / np.sqrt(len(silhouettes))),
            float(np.mean(chance)) if chance else None,
            calinski_harabasz(self._rows.vectors, own.labels) if several else None,
            davies_bouldin(self._rows.vectors, own.labels) if several else None,
            None if gap is None else gap.gap,
            None if gap is None else gap.error,
            own.bic,
        )
        return self._found[k]

    def _gap(self, inertia: float, references: list[float]) -> Gap | None:
        return gap_of(inertia, references) if references else None
