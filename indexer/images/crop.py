"""Cut the thing out of the page around it: a ring on a table, a logo on an invoice."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from .foreground import BoolArray, Box, FloatArray, bounds, enlarged, lab
from .segment import SAM, segmented_box

CROPS = ("none", "salient", "sam")
_SAM = "sam:"  # before the name of another Segment Anything than the default, or its folder

_SIDE = 96  # pixels along the longer side of what is looked at
_MARGIN = 0.08  # of the thing's longer side, left around it
_BAND = 0.06  # of a side: how deep the border reaches
_NOISE = 2.0  # colour difference that a border has in any case; 2.3 is just noticeable
_LEAST = 3.0  # how many times the border's own differences a pixel must differ to stand out
_BESIDE = 0.25  # of the largest region's weight that another must have to belong to the thing: the second of two shoes
_ALL = 0.9  # of the picture; a thing as large is all of it


def checked_crop(how: str) -> str:
    """Give a way to crop as it is kept: a folder with its whole path, so that it is found from any other folder, too.

    Args:
        how: One of `CROPS`, or `sam:MODEL`, a name on the Hugging Face hub or a folder.

    Raises:
        ValueError: If it is none.
    """
    model = how.removeprefix(_SAM)
    if how in CROPS:
        return how
    if model in ("", how):
        raise _no_crop(how)
    if model == SAM:
        return "sam"
    folder = Path(model).expanduser()
    return _SAM + str(folder.resolve()) if folder.is_dir() else how


def _no_crop(how: str) -> ValueError:
    return ValueError(f"a crop is {', '.join(CROPS)} or sam:MODEL, a name or a folder, got '{how}'")


def segmenter(how: str) -> str | None:
    """Name the Segment Anything model that a way to crop asks; None where it asks none."""
    if how == "sam":
        return SAM
    return how.removeprefix(_SAM) or None if how.startswith(_SAM) else None


def crop(picture: Image.Image, how: str) -> Image.Image:
    """Cut out what a picture shows, as `crop_box` finds it."""
    return picture if how == "none" else picture.crop(crop_box(picture, how))


def crop_box(picture: Image.Image, how: str) -> Box:
    """Find the part of a picture that shows its thing.

    Args:
        picture: Of mode RGB, any size.
        how: `none` leaves it as it is, `salient` takes what stands out against the picture's border, `sam` asks Segment
            Anything (`segment.segmented_box`), and `sam:MODEL` another one, by its name or folder.

    Returns:
        In pixels, with a little around the thing and as square as the picture allows; all of the picture where nothing
        in it stands out. Never empty.

    Raises:
        ModelUnavailable: If Segment Anything is asked for and not to be had.
        ValueError: If there is no such way.
    """
    if how == "none":
        return 0, 0, *picture.size
    if model := segmenter(how):
        return with_context(segmented_box(picture, model=model), picture.size)
    if how != "salient":
        raise _no_crop(how)
    return with_context(salient_box(picture), picture.size)


def salient_box(picture: Image.Image) -> Box:
    """Find the box around what stands out against the picture's border.

    A pixel stands out by how unusual its colour is at each of the four sides, one by one, because things are often cut
    off at a side (image boundary contrast, Zhang et al. 2015). Of regions that stand out the one with the largest
    weight is taken, and others nearly as large: text around a logo is many small ones.

    Args:
        picture: Of mode RGB, any size.

    Returns:
        In pixels of the picture; all of it where nothing stands out.
    """
    scale = min(1.0, _SIDE / max(picture.size))
    size = max(1, round(picture.width * scale)), max(1, round(picture.height * scale))
    small = picture.resize(size, Image.Resampling.BOX, reducing_gap=3.0)
    mask = _thing(_contrast(lab(np.asarray(small))))
    if not mask.any() or mask.mean() > _ALL:
        return 0, 0, *picture.size
    return enlarged(bounds(mask), size, picture.size)


def with_context(box: Box, size: tuple[int, int]) -> Box:
    """Widen a box by a margin and to a square, as far as the picture reaches.

    Args:
        box: Inside the picture.
        size: The picture's width and height.
    """
    side = max(box[2] - box[0], box[3] - box[1]) * (1 + 2 * _MARGIN)
    (left, right), (top, bottom) = (_widened(box[axis], box[axis + 2], side, size[axis]) for axis in (0, 1))
    return left, top, right, bottom


def _widened(low: int, high: int, side: float, limit: int) -> tuple[int, int]:
    """Widen a stretch around its middle; what one end cannot have, the other gets."""
    side = min(round(side), limit)
    start = min(max(0, round((low + high - side) / 2)), limit - side)
    return min(start, low), max(start + side, high)


def _contrast(colours: FloatArray) -> FloatArray:
    """Say how much each pixel stands out, as a colour difference in units of the border's own differences."""
    height, width = colours.shape[:2]
    deep, wide = max(1, round(height * _BAND)), max(1, round(width * _BAND))
    sides = (colours[:deep], colours[-deep:], colours[:, :wide], colours[:, -wide:])
    each = np.stack([_unusual(colours, side.reshape(-1, 3)) for side in sides])
    return np.asarray(each.mean(axis=0), dtype=np.float32)


def _unusual(colours: FloatArray, side: FloatArray) -> NDArray[np.float64]:
    """Give the Mahalanobis distance of each pixel to the colours of one side."""
    spread = np.cov(side, rowvar=False, bias=True) + _NOISE**2 * np.eye(3)
    apart = colours - side.mean(axis=0)
    return np.asarray(np.sqrt(np.einsum("hwi,ij,hwj->hw", apart, np.linalg.inv(spread), apart)), dtype=np.float64)


def _thing(contrast: FloatArray) -> BoolArray:
    """Mark the regions that stand out most, leaving specks and small ones away."""
    from scipy import ndimage

    out = contrast > max(np.expm1(_split(np.log1p(contrast))), _LEAST)  # by its logarithm: pale parts belong to it too
    regions, count = ndimage.label(out, structure=np.ones((3, 3)))
    if not count:
        return np.zeros_like(out)
    weights = ndimage.sum_labels(contrast, regions, np.arange(1, count + 1))
    large = np.flatnonzero(weights >= _BESIDE * weights.max()) + 1
    return np.isin(regions, large)


def _split(values: FloatArray) -> float:
    """Find the threshold between low and high values that leaves least variance inside the two (Otsu 1979)."""
    counts, edges = np.histogram(values, bins=64)
    middles = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)[:-1]
    above = values.size - below
    lower = np.cumsum(counts * middles)[:-1]
    upper = float(np.sum(counts * middles)) - lower
    with np.errstate(invalid="ignore"):
        between = np.nan_to_num(below * above * (lower / below - upper / above) ** 2)
    return float(edges[1 + int(np.argmax(between))])
