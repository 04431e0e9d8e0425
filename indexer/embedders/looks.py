"""What visual words see of a picture: all of it, the thing in it, and its colours."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..images.foreground import Box, border, bounds, foreground, lab
from .colours import colour_histogram
from .patches import gradient_cells

_SMALL, _LARGE = 64, 128  # pixels along a side: of the whole picture, and of the thing


class Looks(NamedTuple):
    """What is seen of n pictures, as float32, or float16 where many are kept.

    Args:
        thing: (n, 16, 16, 12), gradients in the box around the thing, stretched to a square.
        whole: (n, 16, 16, 12), gradients in all of the picture.
        colours: (n, 5832), of the thing.
    """

    thing: NDArray[np.floating[Any]]
    whole: NDArray[np.floating[Any]]
    colours: NDArray[np.floating[Any]]


def look_at(pictures: Sequence[Image.Image]) -> Looks:
    """Look at the whole of each picture, the thing in it, and its colours."""
    things, wholes, colours = [], [], []
    for picture in pictures:
        whole = _square(picture)
        seen = lab(np.asarray(whole))
        mask = foreground(seen)
        box = bounds(mask)
        colours.append(colour_histogram(seen, mask, box))
        wholes.append(np.asarray(whole.convert("L"), np.float32))
        things.append(np.asarray(_stretched(picture, box), np.float32))
    return Looks(gradient_cells(np.stack(things)), gradient_cells(np.stack(wholes)), np.stack(colours))


def _square(picture: Image.Image) -> Image.Image:
    """Scale a picture down to a small square, filled up with its border's colour."""
    scale = _SMALL / max(picture.size)
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    scaled = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    if scaled.size == (_SMALL, _SMALL):
        return scaled
    page = np.median(border(np.asarray(scaled)), axis=0)
    filled = Image.new("RGB", (_SMALL, _SMALL), tuple(int(level) for level in page))
    filled.paste(scaled, ((_SMALL - size[0]) // 2, (_SMALL - size[1]) // 2))
    return filled


def _stretched(picture: Image.Image, box: Box) -> Image.Image:
    """Stretch what a box in the small square holds, with one pixel around it, to a large square, as grey."""
    scale = max(picture.size) / _SMALL
    edges = []
    for axis, side in enumerate(picture.size):
        filled = (_SMALL - max(1, round(side / scale))) // 2  # pixels before the picture begins
        low, high = (box[axis] - 1 - filled) * scale, (box[axis + 2] + 1 - filled) * scale
        edges.append((min(max(low, 0.0), side - 1.0), max(min(high, float(side)), 1.0)))
    (left, right), (top, bottom) = edges
    stretched = picture.resize(
        (_LARGE, _LARGE), Image.Resampling.BILINEAR, (left, top, right, bottom), reducing_gap=2.0
    )
    return stretched.convert("L")
