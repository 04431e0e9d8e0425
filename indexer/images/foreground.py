"""Tell the thing in a picture from a plain background behind it, by the colours along the picture's border."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Box = tuple[int, int, int, int]  # left, top, right, bottom; right and bottom are the first outside, as Pillow has it

_TOLERANCE = 6.0  # CIE 1976 colour difference; 2.3 is just noticeable, compressed photos need more
_LEAST = 0.01  # of the picture; where less differs from its border, the picture is all there is

_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
_XYZ = np.array(  # linear sRGB -> CIE XYZ over the white point D65
    [
        [0.4124564 / 0.95047, 0.2126729, 0.0193339 / 1.08883],
        [0.3575761 / 0.95047, 0.7151522, 0.1191920 / 1.08883],
        [0.1804375 / 0.95047, 0.0721750, 0.9503041 / 1.08883],
    ],
    np.float32,
)


def lab(pixels: NDArray[np.uint8]) -> FloatArray:
    """Turn sRGB into CIE L*a*b* (1976), where distances are differences that people see.

    Args:
        pixels: uint8 (..., 3).

    Returns:
        float32 (..., 3): lightness from 0 to 100, a from green to red, b from blue to yellow.
    """
    xyz = _LINEAR[pixels] @ _XYZ
    x, y, z = np.moveaxis(np.where(xyz > 216 / 24389, np.cbrt(xyz), xyz * (841 / 108) + 4 / 29), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def border(pixels: NDArray[Any]) -> NDArray[Any]:
    """Give the pixels around the edge of a picture (h, w, c) as rows (m, c)."""
    return np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])


def foreground(colours: FloatArray) -> BoolArray:
    """Mark what is not background: background is like the border's median colour and reaches the border.

    So a white shirt on a white page stays whole where its outline is seen.

    Args:
        colours: float32 (h, w, 3), CIE L*a*b*.

    Returns:
        bool (h, w); all of it where hardly anything differs from the border.
    """
    from scipy import ndimage

    page = np.median(border(colours), axis=0)
    regions, count = ndimage.label(np.square(colours - page).sum(axis=-1) < _TOLERANCE**2)
    outside = np.zeros(count + 1, bool)
    outside[border(regions[..., None])] = True
    outside[0] = False  # what is not like the border is numbered 0
    thing = ~outside[regions]
    return thing if thing.mean() >= _LEAST else np.ones_like(thing)


def bounds(mask: BoolArray) -> Box:
    """Give the box around all that is marked, of which there must be some."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def enlarged(box: Box, small: tuple[int, int], size: tuple[int, int]) -> Box:
    """Carry a box over from a picture scaled down to width and height `small` to the picture of `size` itself."""
    across, down = size[0] / small[0], size[1] / small[1]
    right, bottom = min(math.ceil(box[2] * across), size[0]), min(math.ceil(box[3] * down), size[1])
    return int(box[0] * across), int(box[1] * down), right, bottom
