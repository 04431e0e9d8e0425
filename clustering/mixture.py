"""Describe rows as a mixture of Gaussians: each belongs to every cluster, more or less."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from .clustering import Clustering
from .models import Arrays, check_width
from .neighbours import BLOCK
from .progress import in_rows

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float32]
Covariance = Literal["auto", "full", "tied", "diag", "spherical"]

LEAST_VARIANCE = (
    1e-3  # of a Gaussian along any axis, as a share of that of all rows: it cannot shrink onto a few copies
)
FULL_UP_TO = 64  # values a row; a full covariance of more has more entries than most clusters have rows
SEARCHED = 5_000  # rows that numbers are tried on
PATIENCE = 4  # numbers in a row without a better BIC, after which no more are tried


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
        labels, memberships = np.empty(len(vectors), np.int64), np.empty(len(vectors), np.float32)
        for start in range(0, len(vectors), BLOCK):
            part = slice(start, start + BLOCK)
            posterior = machine.predict_proba(vectors[part].astype(np.float64))
            labels[part], memberships[part] = posterior.argmax(axis=1), posterior.max(axis=1)
        return labels, np.minimum(memberships, 1)

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
    progress: Callable[[int], object] | None = None,
) -> Clustering[Mixture]:
    """Fit Gaussians by expectation maximisation (Dempster, Laird and Rubin 1977).

    Args:
        vectors: float32 (n, d).
        seed: Decides where they start, and the rows that numbers are tried on.
        k: How many; None for the number from `k_least` to `k_most` of the lowest BIC (Schwarz 1978). Each is tried
            once, on at most `SEARCHED` rows, until `PATIENCE` in a row are no better.
        k_least: The fewest tried.
        k_most: The most tried.
        covariance: Any ellipsoid, one for all, along the axes only, or balls; `auto` is full up to 64 values a row,
            along the axes beyond.
        starts: How often the number is fitted to all rows, from another k-means; the likeliest counts.
        iterations: At most so many rounds each time.
        progress: Called with the rows done since it was last called, n in all; the search is the first half.

    Returns:
        The clustering; memberships are posterior probabilities. A Gaussian that no row belongs to most is left out.
        Figures: `bic` of each number tried, `covariance`, `converged`; and `k_chosen`, how and on how many rows, where
        no k was given.

    Raises:
        ValueError: If there are fewer rows than Gaussians, or the range is empty.
    """
    n = len(vectors)
    if not 1 <= k_least <= k_most:
        raise ValueError(f"k_least must be between 1 and k_most = {k_most}, got {k_least}")
    if not 1 <= (fewest := k_least if k is None else k) <= n:
        raise ValueError(f"k must be between 1 and {n} for {n} vectors, got {fewest}")
    shape = covariance if covariance != "auto" else "full" if vectors.shape[1] <= FULL_UP_TO else "diag"
    rows, tell = vectors.astype(np.float64), in_rows(progress, n)
    least = LEAST_VARIANCE * float(rows.var(axis=0).mean())
    fitted = partial(_fitted, shape=shape, least=least, seed=seed, iterations=iterations)
    chosen, bic = {}, {}
    if k is None:
        most = min(k_most, n)
        drawn = np.sort(np.random.default_rng(seed).permutation(n)[: max(SEARCHED, most)])
        bic = _search(rows[drawn], range(k_least, most + 1), fitted, lambda share: tell(share / 2))
        k = min(bic, key=bic.__getitem__)
        told = f"k = {k} has the lowest BIC of {k_least} to {max(bic)}, on {len(drawn):,} of {n:,} rows"
        edge = f"; that is the most tried, set k_most above {most} for more" if k == most < n else ""
        chosen = {"k_chosen": told + edge}
    best = fitted(rows, k, starts=starts)
    labels, memberships, model = _in_use(Mixture(best.weights_, best.means_, best.precisions_cholesky_, shape), vectors)
    tell(1)
    grades = {str(number): grade for number, grade in (bic or {k: float(best.bic(rows))}).items()}
    figures = {"bic": grades, **chosen, "covariance": shape, "converged": best.converged_}
    return Clustering(labels, model, memberships, figures)


def _search(
    rows: NDArray[np.float64], tried: range, fitted: Callable[..., Any], done: Callable[[float], None]
) -> dict[int, float]:
    """Grade numbers by BIC, one start each, until `PATIENCE` in a row are no better than the best before them."""
    bic: dict[int, float] = {}
    for place, k in enumerate(tried, 1):
        bic[k] = float(fitted(rows, k, starts=1).bic(rows))
        done(place / len(tried))
        if k - min(bic, key=bic.__getitem__) >= PATIENCE:
            break
    return bic


def _fitted(
    rows: NDArray[np.float64], k: int, *, shape: str, least: float, seed: int, starts: int, iterations: int
) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    machine = GaussianMixture(
        k,
        covariance_type=shape,
        reg_covar=least,
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
