"""Perceptual hashes: pictures that look alike differ in few of 64 bits, whatever their size or compression."""

import numpy as np
from PIL import Image

_SIDE = 32  # pixels that are transformed
_LOW = 8  # of its frequencies along a side are kept


def perceptual_hash(picture: Image.Image) -> int:
    """Hash what a picture looks like: which of its 64 lowest frequencies are above their median (Zauner 2010).

    All plain pictures have one hash, 2**63 (black ones 0), whatever their colour: it says nothing of a product.

    Args:
        picture: Of mode RGB, any size.

    Returns:
        64 bits, the lowest frequency first.
    """
    from scipy.fft import dctn

    small = picture.convert("L").resize((_SIDE, _SIDE), Image.Resampling.LANCZOS, reducing_gap=3.0)
    lowest = dctn(np.asarray(small, np.float64))[:_LOW, :_LOW].ravel()
    bits = lowest > np.median(lowest)
    return int.from_bytes(np.packbits(bits).tobytes(), "big")
