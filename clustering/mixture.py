"""Describe rows as a mixture of Gaussians: each belongs to every cluster, more or less."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .models import Arrays, check_width

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Covariance = Literal["auto", "full", "tied", "diag", "spherical"]

LEAST_VARIANCE = (
    1e-3  # of a Gaussian along any axis, as a share of that of all rows: it cannot shrink onto a few copies
)
FULL_UP_TO = 64  # values a row; a full covariance of more has more entries than most clusters have rows


@dataclass(frozen=True, slots=True, eq=False)
class Mixture:
    """Give each new row the Gaussian it most probably comes from.

    Args:
        weights: float64 (k,), the share of each.
        means: float64 (k, d).
        precisions: float64, the Cholesky factors of the inverse covariances, in the shape scikit-learn has them.
        covariance: Which shape that is: full, tied, diag or spherical.
    """

    kind: ClassVar[str] = "mixture"
    weights: NDArray[np.float64]
    means: NDArray[np.float64]
    precisions: NDArray[np.float64]
    covariance: str

    def predict(self, vectors: FloatArray) -> tuple[IntArray, FloatArray]:
        """Find the most probable Gaussian of each row, float32 (m, d), and its posterior probability."""
        from sklearn.mixture import GaussianMixture

        check_width(vectors, self.means.shape[1])
        machine = GaussianMixture(len(self.weights), covariance_type=self.covariance)
        machine.weights_, machine.means_, machine.precisions_cholesky_ = self.weights, self.means, self.precisions
        posterior = machine.predict_proba(vectors.astype(np.float64))
        return posterior.argmax(axis=1).astype(np.int64), posterior.max(axis=1).astype(np.float32)

    def only(self, components: IntArray) -> Self:
        """Leave out all but some of the Gaussians."""
        weights = self.weights[components] / self.weights[components].sum()
        precisions = self.precisions if self.covariance == "tied" else self.precisions[components]
        return type(self)(weights, self.means[components], precisions, self.covariance)

    def arrays(self) -> Arrays:
        """Give the Gaussians."""
        return {"weights": self.weights, "means": self.means, "precisions": self.precisions}

    def settings(self) -> Mapping[str, Any]:
        """Give the shape of the covariances."""
        return {"covariance": self.covariance}

    @classmethod
    def restored(cls, arrays: Arrays, settings: Mapping[str, Any]) -> Self:
        """Make it again from `arrays` and `settings`."""
        return cls(arrays["weights"], arrays["means"], arrays["precisions"], settings["covariance"])


def mixture(
    vectors: FloatArray,
    *,
    seed: int,
    k: int | None = None,
    k_least: int = 1,
    k_most: int = 20,
    covariance: Covariance = "auto",
    starts: int = 3,
    iterations: int = 100,
) -> Clustering[Mixture]:
    """Fit Gaussians by expectation maximisation (Dempster, Laird and Rubin 1977).

    Args:
        vectors: float32 (n, d).
        seed: Decides where they start.
        k: How many; None for the number from `k_least` to `k_most` of the lowest BIC (Schwarz 1978).
        k_least: The fewest tried.
        k_most: The most tried.
        covariance: Any ellipsoid, one for all, along the axes only, or balls; `auto` is full up to 64 values a row,
            along the axes beyond.
        starts: How often each number is tried, from another k-means; the likeliest counts.
        iterations: At most so many rounds each time.

    Returns:
        The clustering; memberships are posterior probabilities. A Gaussian that no row belongs to most is left out.
        Figures: `bic` of each number tried, `covariance`, `converged`.

    Raises:
        ValueError: If there are fewer rows than Gaussians, or the range is empty.
    """
    n = len(vectors)
    if not 1 <= k_least <= k_most:
        raise ValueError(f"k_least must be between 1 and k_most = {k_most}, got {k_least}")
    tried = range(k_least, min(k_most, n) + 1) if k is None else range(k, k + 1)
    if not tried or not 1 <= tried[-1] <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {k_least if k is None else k}")
    shape = covariance if covariance != "auto" else "full" if vectors.shape[1] <= FULL_UP_TO else "diag"
    rows = vectors.astype(np.float64)
    machines = (_fitted(rows, count, shape, seed=seed, starts=starts, iterations=iterations) for count in tried)
    graded = [(float(machine.bic(rows)), machine) for machine in machines]
    best = min(graded, key=lambda each: each[0])[1]
    labels, memberships, model = _in_use(Mixture(best.weights_, best.means_, best.precisions_cholesky_, shape), vectors)
    bic = dict(zip(map(str, tried), (grade for grade, _ in graded), strict=True))
    return Clustering(labels, model, memberships, {"bic": bic, "covariance": shape, "converged": best.converged_})


def _fitted(rows: NDArray[np.float64], k: int, shape: str, *, seed: int, starts: int, iterations: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    machine = GaussianMixture(
        k,
        covariance_type=shape,
        reg_covar=LEAST_VARIANCE * rows.var(axis=0).mean(),
        max_iter=iterations,
        n_init=starts,
        random_state=seed % 2**32,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the figures tell; copies of few rows make fewer clusters
        return machine.fit(rows)


def _in_use(model: Mixture, vectors: FloatArray) -> tuple[IntArray, FloatArray, Mixture]:
    """Leave out Gaussians until each of those that stay has a row."""
    while True:
        labels, memberships = model.predict(vectors)
        used = np.unique(labels)
        if len(used) == len(model.weights):
            return labels, memberships, model
        model = model.only(used)
