"""A picture as a model is to see it: the same for the catalogue's pictures and for one that is asked about."""

from pathlib import Path
from typing import NamedTuple

from PIL import Image

from .crop import crop_box
from .foreground import Box
from .phash import perceptual_hash
from .pixels import read_picture

LONGEST = 512
"""Pixels along the longer side: no model looks at more, and pictures that wait for one must not fill the memory."""


class View(NamedTuple):
    """What a model sees of a picture.

    Args:
        picture: RGB, no side longer than `LONGEST`.
        perceptual: The perceptual hash of the whole picture.
        box: The part of the picture, as `read_picture` decodes it, that was cut out; None for all of it.
    """

    picture: Image.Image
    perceptual: int
    box: Box | None


def view(content: bytes | Path, crop_by: str) -> View:
    """Read a picture, crop it and make it small.

    Args:
        content: The file, or its bytes.
        crop_by: What is cut out, as `crop_box` takes it.

    Raises:
        BadPicture: If it is no picture that can be used.
        OSError: If the file cannot be read.
    """
    whole = read_picture(content)
    box = crop_box(whole, crop_by)
    all_of_it = box == (0, 0, *whole.size)
    seen = whole if all_of_it else whole.crop(box)
    if max(seen.size) > LONGEST:
        seen = seen.copy() if seen is whole else seen
        seen.thumbnail((LONGEST, LONGEST))
    return View(seen, perceptual_hash(whole), None if all_of_it else box)
