"""A picture as a model is to see it: the same for the catalogue's pictures and for one that is asked about."""

from pathlib import Path

from PIL import Image

from .crop import Crop, crop
from .phash import perceptual_hash
from .pixels import read_picture

LONGEST = 512
"""Pixels along the longer side: no model looks at more, and pictures that wait for one must not fill the memory."""


def view(content: bytes | Path, crop_by: Crop) -> tuple[Image.Image, int]:
    """Read a picture, crop it and make it small.

    Args:
        content: The file, or its bytes.
        crop_by: What is cut out.

    Returns:
        The picture, RGB, no side longer than `LONGEST`, and the perceptual hash of the whole one.

    Raises:
        BadPicture: If it is no picture that can be used.
        OSError: If the file cannot be read.
    """
    whole = read_picture(content)
    seen = crop(whole, crop_by)
    if max(seen.size) > LONGEST:
        seen = seen.copy() if seen is whole else seen
        seen.thumbnail((LONGEST, LONGEST))
    return seen, perceptual_hash(whole)
