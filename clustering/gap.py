"""The gap statistic: how much tighter clusters are than those of rows that have none."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .rows import members_of, of_length_one

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]


class Gap(NamedTuple):
    """How much tighter than chance.

    Args:
        gap: Mean log dispersion of the reference sets less that of the rows; more is tighter.
        error: Its standard error, the reference sets' spread times sqrt(1 + 1 / their number).
    """

    gap: float
    error: float


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """The smallest box around rows whose sides lie along their principal axes.

    Args:
        centre: float64 (d,).
        axes: float64 (d, d), an axis a column.
        low: float64 (d,), where the box begins on each axis, from the centre.
        high: float64 (d,), where it ends.
        unit: Whether the rows lie on the unit sphere, and what is drawn is put there too.
    """

    centre: NDArray[np.float64]
    axes: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    unit: bool

    @classmethod
    def around(cls, vectors: FloatArray) -> "Box":
        """Lay the box around rows, float32 (n, d), n at least 1."""
        centre = vectors.mean(axis=0, dtype=np.float64)
        centred = (vectors - centre).astype(np.float32)
        axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))[1]
        placed = centred @ axes.astype(np.float32)
        low, high = placed.min(axis=0).astype(float), placed.max(axis=0).astype(float)
        return cls(centre, axes, low, high, of_length_one(vectors))

    def draw(self, n: int, generator: np.random.Generator) -> FloatArray:
        """Draw rows without clusters: uniform over the box, float32 (n, d)."""
        drawn = generator.uniform(self.low, self.high, size=(n, len(self.low))) @ self.axes.T + self.centre
        if self.unit:
            drawn /= np.maximum(np.linalg.norm(drawn, axis=1, keepdims=True), 1e-12)
        return drawn.astype(np.float32)


def dispersion(vectors: FloatArray, labels: IntArray) -> float:
    """Sum the squared distances of rows to the mean of their cluster: the inertia, whichever method found them.

    Args:
        vectors: float32 (n, d).
        labels: int64 (n,), from 0; rows of -1 count for nothing.
    """
    rows = np.flatnonzero(labels >= 0)
    if not len(rows):
        return 0.0
    members = members_of(labels, int(labels.max()) + 1)
    sizes = np.maximum(np.diff(members.indptr), 1)
    means = np.asarray(members @ vectors) / sizes[:, None].astype(np.float32)
    apart = vectors[rows] - means[labels[rows]]
    return float(np.einsum("ij,ij->i", apart, apart).sum(dtype=np.float64))


def gap_of(inertia: float, references: Sequence[float]) -> Gap:
    """Compare the dispersion of rows with that of reference sets at the same k.

    Tibshirani, Walther and Hastie, "Estimating the number of clusters in a data set via the gap statistic", JRSS B
    2001.

    Args:
        inertia: Of the rows.
        references: Of each reference set, at least 2.

    Raises:
        ValueError: If there are fewer than 2 reference sets.
    """
    if len(references) < 2:
        raise ValueError(f"a gap needs at least 2 reference sets, got {len(references)}")
    logs = np.log(np.maximum(references, np.finfo(np.float64).tiny))
    gap = logs.mean() - np.log(max(inertia, np.finfo(np.float64).tiny))
    return Gap(float(gap), float(logs.std() * np.sqrt(1 + 1 / len(logs))))


def smallest_near_best(gaps: Sequence[Gap]) -> int:
    """Choose the smallest k whose gap is within one standard error of the largest.

    Dudoit and Fridlyand, "A prediction-based resampling method for estimating the number of clusters in a dataset",
    Genome Biology 2002. Tibshirani's own rule takes the first k whose gap the next one does not pass by its error. That
    needs every k one after another; and where many clusters fill the space evenly two look worse than one, so that it
    ends there. This one sees past it.

    Args:
        gaps: One for each k, k rising.

    Returns:
        Which of them, counted from 0.
    """
    best = max(gaps)
    return next(at for at, this in enumerate(gaps) if this.gap >= best.gap - best.error)
