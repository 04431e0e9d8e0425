"""What visual words are compared with: gradients alone and colours alone, as textbooks have them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FloatArray = NDArray[np.float32]

_SIDE = 64  # pixels
_CELL = 8
_DIRECTIONS = 9
_BLOCK = 2  # cells
_CLIPPED = 0.2
_BINS = 8  # of hue, saturation and value each


def hog(picture: Image.Image) -> FloatArray:
    """Describe a picture by histograms of oriented gradients (Dalal and Triggs 2005), L2-Hys blocks."""
    grey = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("L"), np.float32)
    down, right = np.zeros_like(grey), np.zeros_like(grey)
    down[1:-1] = grey[2:] - grey[:-2]
    right[:, 1:-1] = grey[:, 2:] - grey[:, :-2]
    direction = (np.arctan2(down, right) % np.pi * (_DIRECTIONS / np.pi)).astype(np.int64) % _DIRECTIONS
    cells = _SIDE // _CELL
    place = np.arange(_SIDE) // _CELL
    index = (place[:, None] * cells + place) * _DIRECTIONS + direction
    counted = np.bincount(index.ravel(), np.hypot(down, right).ravel(), cells**2 * _DIRECTIONS)
    windows = np.lib.stride_tricks.sliding_window_view(counted.reshape(cells, cells, -1), (_BLOCK, _BLOCK), (0, 1))
    blocks = windows.reshape((cells - _BLOCK + 1) ** 2, -1)
    blocks = np.minimum(blocks / (np.linalg.norm(blocks, axis=1, keepdims=True) + 1e-5), _CLIPPED)
    blocks /= np.linalg.norm(blocks, axis=1, keepdims=True) + 1e-5
    return np.asarray(blocks.ravel(), np.float32)


def hsv_histogram(picture: Image.Image) -> FloatArray:
    """Count a picture's colours in 8 x 8 x 8 bins; square roots of shares."""
    pixels = np.asarray(picture.resize((_SIDE, _SIDE), Image.Resampling.BOX).convert("HSV"), np.int64)
    hue, saturation, value = np.moveaxis(pixels * _BINS // 256, -1, 0)
    counted = np.bincount(((hue * _BINS + saturation) * _BINS + value).ravel(), minlength=_BINS**3)
    return np.asarray(np.sqrt(counted / counted.sum()), np.float32)


BASELINES: Mapping[str, Sequence[Callable[[Image.Image], FloatArray]]] = {
    "HOG": (hog,),
    "HSV histogram": (hsv_histogram,),
    "both": (hog, hsv_histogram),
}


def baselines(pictures: Iterable[Image.Image]) -> dict[str, FloatArray]:
    """Describe pictures by each baseline, float32 (n, d), each part of a row of length 1."""
    known: dict[str, list[FloatArray]] = {name: [] for name in BASELINES}
    for picture in pictures:
        for name, parts in BASELINES.items():
            known[name].append(np.concatenate([_unit(describe(picture)) for describe in parts]))
    return {name: np.stack(rows) for name, rows in known.items()}


def _unit(row: FloatArray) -> FloatArray:
    return np.asarray(row / max(float(np.linalg.norm(row)), 1e-12), np.float32)
