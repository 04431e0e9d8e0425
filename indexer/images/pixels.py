"""Picture files become pixels: upright and in RGB whatever a catalogue holds, or refused with a reason."""

import io
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps

from .content import LOOKED_AT, READABLE, media_type, no_picture

MOST_PIXELS = 100_000_000
LEAST_SIDE = 4
"""Pixels; what is smaller stands where a picture is missing (`grey-pixel.gif`) and would make its products alike."""

_LARGE = 1024  # pixels; a JPEG of twice this side is decoded at half the size, which takes a quarter of the time
# What Pillow's decoders raise for damaged files.
_DAMAGE = (OSError, SyntaxError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
_one_at_a_time = threading.Lock()


NOT_PUBLIC = "address is not public"
"""Why a picture inside the own network is not fetched."""


class BadPicture(ValueError):
    """Say in a few words why there is no usable picture, in the same words for every picture of its kind.

    Args:
        reason: These words.
        named: What the catalogue calls the picture, where that is known.
    """

    def __init__(self, reason: str, *, named: str = "") -> None:
        super().__init__(reason)
        self.named = named


def read_picture(content: bytes | Path, *, most_pixels: int = MOST_PIXELS) -> Image.Image:
    """Decode a picture: JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF or JPEG 2000, by its content and not by its name.

    Of several frames the first counts. EXIF orientation is applied, transparency lies over white, CMYK and 16-bit
    values are converted, and a large JPEG is decoded at a half, a quarter or an eighth of its size, never below
    1,024 pixels a side. Threads may call it at once.

    Args:
        content: The file's bytes, or its path.
        most_pixels: Refuse a larger picture, by its header and before it is decoded; 178,956,970 is the most possible.

    Returns:
        A picture in mode RGB that holds no file open.

    Raises:
        BadPicture: If there is no usable picture.
    """
    with _opened(content) as file:
        start = file.read(LOOKED_AT)
        if not start:
            raise BadPicture("empty file")
        kind = media_type(start)
        if kind not in READABLE:
            raise BadPicture(no_picture(kind))
        file.seek(0)
        try:
            return _decoded(file, READABLE[kind], most_pixels)
        except BadPicture:
            raise
        except Image.DecompressionBombError as error:
            raise BadPicture(f"more than {most_pixels:,} pixels") from error
        except _DAMAGE as error:
            cut = isinstance(error, EOFError) or "truncated" in str(error).lower()
            raise BadPicture("truncated picture" if cut else "damaged picture") from error


def _opened(content: bytes | Path) -> IO[bytes]:
    if isinstance(content, bytes):
        return io.BytesIO(content)
    try:
        return content.open("rb")
    except FileNotFoundError as error:
        raise BadPicture("no such file") from error
    except OSError as error:
        raise BadPicture(f"cannot be read ({error.strerror})") from error


def _decoded(file: IO[bytes], decoder: str, most_pixels: int) -> Image.Image:
    with _quiet():
        image: Image.Image = Image.open(file, formats=(decoder,))
    width, height = image.size
    if width * height > most_pixels:
        raise BadPicture(f"more than {most_pixels:,} pixels")
    if min(width, height) < LEAST_SIDE:
        raise BadPicture(f"fewer than {LEAST_SIDE} pixels a side")
    image.draft(None, (_LARGE, _LARGE))  # only JPEG can
    with _quiet() if decoder == "TIFF" else nullcontext():  # the only one that warns while it decodes
        image.load()
    return _in_rgb(_upright(image))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Pillow's warnings about odd files to itself; they are set for the whole process, so one thread at a time."""
    with _one_at_a_time, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _upright(image: Image.Image) -> Image.Image:
    """Turn a picture as its EXIF says; damaged EXIF says nothing."""
    try:
        with _quiet():
            ImageOps.exif_transpose(image, in_place=True)
    except _DAMAGE:
        pass
    return image


def _in_rgb(image: Image.Image) -> Image.Image:
    """Convert any mode to a new picture in RGB."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        return _stretched(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    over = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", over.size, "white"), over).convert("RGB")


def _stretched(image: Image.Image) -> Image.Image:
    """Bring 32-bit values, whose black and white nothing states, between 0 and 255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    low, high = float(values.min()), float(values.max())
    return Image.fromarray(((values - low) * (255 / ((high - low) or 1))).astype(np.uint8))
