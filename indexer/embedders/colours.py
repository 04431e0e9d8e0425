"""The colours of the thing in a picture, and where on it they are."""

import numpy as np
from numpy.typing import NDArray

from ..images.foreground import Box

FloatArray = NDArray[np.float32]

_BINS = (8, 9, 9)  # of lightness, and of the two chroma axes, where the middle one is grey
_GREYNESS = 10.0  # chroma up to which the axes are linear; beyond, logarithmic: greys differ by less than reds do
_CHROMA = np.arcsinh(70 / _GREYNESS)
_PARTS = 3  # along a side of the box around the thing
_SPREAD = 0.25  # of the box: what is in its middle is the product, what is at its edge may be who wears it


def colour_histogram(colours: FloatArray, thing: NDArray[np.bool_], box: Box) -> FloatArray:
    """Count the colours of a thing in 3 x 3 parts of the box around it.

    A pixel counts to the 8 bins around its colour, nearer ones more, so that a shade does not jump between bins.

    Args:
        colours: float32 (h, w, 3), CIE L*a*b*.
        thing: bool (h, w), as `foreground` marks it; some of it must be marked.
        box: Around what is marked.

    Returns:
        float32 (5832,), square roots of shares: their dot product compares distributions (Bhattacharyya 1943).
    """
    left, top, right, bottom = box
    down, along = ((np.arange(side) + 0.5) / side for side in (bottom - top, right - left))
    middle = np.exp(-((down[:, None] - 0.5) ** 2 + (along - 0.5) ** 2) / (2 * _SPREAD**2))
    weights = (middle * thing[top:bottom, left:right]).ravel()
    part = ((down * _PARTS).astype(np.int64)[:, None] * _PARTS + (along * _PARTS).astype(np.int64)).ravel()
    scaled = colours[top:bottom, left:right].reshape(-1, 3)
    light = np.clip(scaled[:, :1] / 100, 0, 1)
    chroma = np.clip(np.arcsinh(scaled[:, 1:] / _GREYNESS) / (2 * _CHROMA) + 0.5, 0, 1)
    counted = _soft_counts(np.hstack([light, chroma]), weights, part)
    return np.asarray(np.sqrt(counted / counted.sum()), dtype=np.float32)


def _soft_counts(places: FloatArray, weights: NDArray[np.float64], part: NDArray[np.int64]) -> NDArray[np.float64]:
    """Count points of the unit cube into the bins around them, part by part."""
    scaled = places * (np.array(_BINS) - 1)
    low = np.minimum(scaled.astype(np.int64), np.array(_BINS) - 2)
    share = scaled - low
    counts = np.zeros(_PARTS**2 * int(np.prod(_BINS)))
    for corner in np.ndindex(2, 2, 2):
        near = np.where(corner, share, 1 - share).prod(axis=1)
        light, a, b = (low + corner).T
        index = ((part * _BINS[0] + light) * _BINS[1] + a) * _BINS[2] + b
        counts += np.bincount(index, weights * near, len(counts))
    return counts
