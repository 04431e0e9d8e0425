"""How long a catalogue is, roughly and at once, so that a run can say when it will end."""

import bz2
import gzip
import zlib
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO

from .files import PARQUET, first_bytes

_LOOKED_AT = 4 << 20  # bytes on disk: much more than what a decompressor reads ahead


def estimate_lines(path: str | Path) -> int:
    """Estimate the number of lines from the first ones and the file's size; exact for Parquet and for short files.

    Args:
        path: A catalogue file or a folder of pictures; one that cannot be read counts 0, reading it says why.
    """
    path = Path(path)
    if path.is_dir():
        from ..images.folders import files_below  # loads Pillow

        return sum(1 for _ in files_below(path))
    if not path.is_file():
        return 0
    start = first_bytes(path)
    if start == PARQUET:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            return int(pq.read_metadata(path).num_rows)
        except (OSError, pa.ArrowException):
            return 0
    with path.open("rb") as packed, _unpacked(packed, start) as stream:
        try:
            lines = sum(1 for _ in takewhile(lambda _: packed.tell() < _LOOKED_AT, stream))
        except (OSError, EOFError, zlib.error):
            return 0
        size, read = path.stat().st_size, packed.tell()
        return lines if read >= size else round(lines * size / read)


def _unpacked(packed: BinaryIO, start: bytes) -> AbstractContextManager[Iterable[bytes]]:
    if start.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=packed)
    return bz2.BZ2File(packed) if start.startswith(b"BZh") else nullcontext(packed)
