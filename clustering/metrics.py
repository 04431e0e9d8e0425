"""Grade clusters against the truth: over pairs of rows, and row by row.

Adjusted Rand, homogeneity, completeness, V-measure and mutual information are scikit-learn's own functions.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Grade:
    """How well what was found agrees with the truth.

    Args:
        precision: Share of what was put together that belongs together, 0 to 1.
        recall: Share of what belongs together that was put together, 0 to 1.
    """

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def pairwise(labels: ArrayLike, truth: ArrayLike) -> Grade:
    """Grade the pairs of rows that share a cluster against the pairs that should.

    Args:
        labels: (n,), the cluster of each row.
        truth: (n,), the cluster each row belongs to.

    Returns:
        Precision and recall over pairs; 1 where there are no pairs to be wrong about.

    Raises:
        ValueError: If the two differ in length or there are no rows.
    """
    cells, found, true = _contingency(labels, truth)
    together = _pairs(cells)
    return Grade(_ratio(together, _pairs(_sum_by(found, cells))), _ratio(together, _pairs(_sum_by(true, cells))))


def b_cubed(labels: ArrayLike, truth: ArrayLike) -> Grade:
    """Grade the cluster of each row against the cluster it belongs to, averaged over rows.

    The metric of Bagga and Baldwin (1998), which Amigo et al. (2009) found to be the only one of the usual ones to
    reward all they ask of a clustering.

    Args:
        labels: (n,), the cluster of each row.
        truth: (n,), the cluster each row belongs to.

    Raises:
        ValueError: If the two differ in length or there are no rows.
    """
    cells, found, true = _contingency(labels, truth)
    in_cluster, in_truth = _sum_by(found, cells)[found], _sum_by(true, cells)[true]
    n = cells.sum()
    return Grade(float((cells**2 / in_cluster).sum() / n), float((cells**2 / in_truth).sum() / n))


def links(labels: ArrayLike, pairs: ArrayLike, sides: ArrayLike) -> Grade:
    """Grade clusters over two catalogues against known matches from one to the other.

    Args:
        labels: (n,), the cluster of each row.
        pairs: (m, 2), the rows that match, one of each side, no pair twice.
        sides: (n,), the catalogue of each row; only pairs across two of them count.

    Returns:
        Precision and recall over pairs across catalogues.

    Raises:
        ValueError: If labels and sides differ in length, or there are no rows.
    """
    matches = np.asarray(pairs, dtype=np.int64).reshape(-1, 2)
    cells, found, _ = _contingency(labels, sides)
    across = _pairs(_sum_by(found, cells)) - _pairs(cells)
    labels = np.asarray(labels)
    correct = float((labels[matches[:, 0]] == labels[matches[:, 1]]).sum())
    return Grade(_ratio(correct, across), _ratio(correct, len(matches)))


def _contingency(labels: ArrayLike, truth: ArrayLike) -> tuple[NDArray[np.float64], IntArray, IntArray]:
    """Count the rows of each cluster in each true one, only where there are any, with the two numbers of each."""
    found = np.unique(np.asarray(labels), return_inverse=True)[1]
    true = np.unique(np.asarray(truth), return_inverse=True)[1]
    if len(found) != len(true) or not len(found):
        raise ValueError(f"labels and truth must be of one length above 0, got {len(found)} and {len(true)}")
    width = int(true.max()) + 1
    keys, counts = np.unique(found * width + true, return_counts=True)
    return counts.astype(np.float64), keys // width, keys % width


def _sum_by(groups: IntArray, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.bincount(groups, counts), dtype=np.float64)


def _pairs(sizes: NDArray[np.float64]) -> float:
    return float((sizes * (sizes - 1) / 2).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
