"""What a faster engine costs in quality, measured against the original on texts of the user's own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NEIGHBOURS = 10


@dataclass(frozen=True, slots=True)
class Loss:
    """How far an engine's vectors are from the original's.

    Args:
        texts: Number of texts compared.
        cosine: Mean cosine between the two vectors of a text; None where they are of two spaces.
        overlap: Share of a text's nearest ten that both name, on average over texts; None below three texts.
    """

    texts: int
    cosine: float | None
    overlap: float | None

    def __str__(self) -> str:
        """Say it in words, for a person."""
        said = [] if self.cosine is None else [f"mean cosine {self.cosine:.4f}"]
        said += [] if self.overlap is None else [f"{self.overlap:.0%} of nearest neighbours the same"]
        texts = "1 text" if self.texts == 1 else f"{self.texts} texts"
        return f"{', '.join(said) or 'nothing to compare'} (measured on {texts})"


def measure_loss(original: NDArray[np.float32], faster: NDArray[np.float32], *, same_space: bool) -> Loss:
    """Compare two engines' vectors of the same texts.

    Args:
        original: float32 (n, dim), rows of length 1.
        faster: float32 (n, other dim), rows of length 1.
        same_space: Whether a vector of one may be compared with a vector of the other.
    """
    cosine = float(np.einsum("ij,ij->i", original, faster).mean()) if same_space else None
    overlap = None
    if len(original) >= 3:
        k = min(_NEIGHBOURS, (len(original) - 1) // 2)  # of all others every engine names the same
        both = zip(_nearest(original, k), _nearest(faster, k), strict=True)
        overlap = float(np.mean([len(np.intersect1d(one, other)) / k for one, other in both]))
    return Loss(len(original), cosine, overlap)


def _nearest(vectors: NDArray[np.float32], k: int) -> NDArray[np.int64]:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :k]
