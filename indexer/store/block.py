"""All vectors of a collection as one block: float32 in memory, or float16 in a file that is mapped into it."""

import os
import shutil
import tempfile
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Block = NDArray[np.float32] | NDArray[np.float16]

_FLOAT32_BYTES = 4


class BlockWriter:
    """Fills a block with rows, in order.

    The file of a mapped block has no name and vanishes with the block, however the process ends; the folder for
    temporary files (TMPDIR) has to have room for 2 bytes a number.

    Args:
        rows: How many there will be.
        dim: Numbers in a row.
        memory_limit: Bytes; a float32 block above it is kept as float16 on disk, good for three decimal digits, which
            moves cosines by less than .001. None keeps any block in memory.
        exact: Whether a block on disk stays float32, with room for 4 bytes a number.

    Raises:
        OSError: If the folder for temporary files has no room for the block.
    """

    def __init__(self, rows: int, dim: int, *, memory_limit: int | None = None, exact: bool = False) -> None:
        self._block: Block
        if memory_limit is None or rows * dim * _FLOAT32_BYTES <= memory_limit:
            self._block = np.empty((rows, dim), dtype=np.float32)
        else:
            dtype = np.dtype(np.float32 if exact else np.float16)
            with tempfile.TemporaryFile() as file:  # mapped, it lives on without its handle
                _reserve(file.fileno(), rows * dim * dtype.itemsize)
                self._block = np.memmap(file, dtype=dtype, mode="w+", shape=(rows, dim))
        self._filled = 0

    def add(self, vectors: Sequence[NDArray[np.float32] | None]) -> None:
        """Append rows, each float32 (dim,); None becomes a row of NaN.

        Raises:
            ValueError: If there are more of them than was said.
        """
        end = self._filled + len(vectors)
        if end > len(self._block):
            raise ValueError(f"the collection grew past {len(self._block):,} products while it was read: read it again")
        for row, vector in enumerate(vectors, self._filled):
            self._block[row] = np.nan if vector is None else vector
        self._filled = end

    def block(self) -> Block:
        """Give the rows filled."""
        return self._block[: self._filled]


def _reserve(file: int, size: int) -> None:
    """Take room for a file before it is mapped: writing to a mapped one on a full disk would kill the process."""
    if not hasattr(os, "posix_fallocate"):  # macOS, Windows
        return
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        folder = tempfile.gettempdir()
        raise OSError(
            f"the vectors need {size / 1e9:.2f} GB in '{folder}', which has {shutil.disk_usage(folder).free / 1e9:.2f} "
            f"GB free ({error.strerror}): set TMPDIR to a folder on a larger disk, or give a larger --max-memory"
        ) from error
