"""Files as lines of text: compression by content, encodings, and errors that name the line."""

import bz2
import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from .errors import CatalogueError

_Stream = gzip.GzipFile | bz2.BZ2File | io.BufferedReader

PARQUET = b"PAR1"
# Files that are something else altogether, by their first bytes.
_FOREIGN = {
    b"PK\x03\x04": "a zip archive or a spreadsheet: unpack it, or save it as CSV",
    b"\xfd7zX": "compressed with xz: run `unxz` on it",
    b"\x28\xb5\x2f\xfd": "compressed with zstd: run `unzstd` on it",
    b"7z\xbc\xaf": "a 7z archive: unpack it",
}
_BYTE_ORDER_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def check_file(path: Path) -> None:
    """Refuse a path that is no file.

    Raises:
        CatalogueError: If it is absent or a directory.
    """
    if path.is_dir():
        from ..images.folders import is_picture  # loads Pillow

        names = sorted(child.name for child in path.iterdir() if child.is_file())
        if names and all(map(is_picture, names)):
            raise CatalogueError(path, "is a folder of pictures: add `--format images`")
        step = f"name a file in it, such as {names[0]!r}" if names else "there is no file in it"
        raise CatalogueError(path, f"is a directory: {step}")
    if not path.exists():
        raise CatalogueError(path, "does not exist: check the path")


def check_folder(path: Path) -> None:
    """Refuse a path that is no folder.

    Raises:
        CatalogueError: If it is absent or a file.
    """
    if path.is_file():
        raise CatalogueError(path, "is a file: `--format images` reads a folder of pictures")
    if not path.exists():
        raise CatalogueError(path, "does not exist: check the path")


def first_bytes(path: Path) -> bytes:
    """Read the first four bytes as they lie on disk.

    Raises:
        CatalogueError: If the file may not be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(4)
    except OSError as error:
        raise CatalogueError(path, f"cannot be read ({error.strerror}): check its permissions") from error


def text_lines(path: Path, *, encoding: str) -> Iterator[str]:
    """Stream a file's lines with their line ends, unpacking .gz and .bz2 whatever the file is called.

    Bytes that are not text in the encoding come as lone surrogates; see `is_decoded`.

    Args:
        path: A text file, plain or compressed.
        encoding: A codec's name; a byte order mark of UTF-8 is swallowed.

    Raises:
        CatalogueError: After the last readable line, if the rest is cut off, damaged or in another encoding.
    """
    number = 0
    try:
        with _unpacked(path) as stream:
            _check_byte_order_mark(path, stream, encoding)
            with io.TextIOWrapper(stream, _codec(encoding), errors="surrogateescape", newline="") as text:
                for line in text:
                    number += 1
                    yield line
    except EOFError as error:
        problem = "the compressed file ends too early: get it again, all lines before this one were read"
        raise CatalogueError(path, problem, line=number + 1) from error
    except UnicodeError as error:
        raise CatalogueError(path, wrong_encoding(encoding), line=number + 1) from error
    except (OSError, zlib.error) as error:
        raise CatalogueError(path, f"is damaged or unreadable ({error}): get it again", line=number + 1) from error


def is_decoded(line: str) -> bool:
    """Tell whether every byte of a line was text in the file's encoding."""
    if line.isascii():
        return True
    try:
        line.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def wrong_encoding(encoding: str) -> str:
    """Word the problem of bytes that are not text in an encoding."""
    other = "latin-1" if _codec(encoding) == "utf-8-sig" else "utf-8"
    return f"is not {encoding} text: name the file's encoding, such as `--encoding {other}`"


def ahead(lines: Iterator[str], count: int) -> tuple[list[str], Iterator[str]]:
    """Look at the first lines without losing them.

    Args:
        lines: A stream of lines; do not use it further.
        count: How many lines to look at.

    Returns:
        The first lines, and the whole stream again. What stops the stream early is raised there, in its place.
    """
    first: list[str] = []
    failure: CatalogueError | None = None
    try:
        while len(first) < count:
            first.append(next(lines))
    except StopIteration:
        pass
    except CatalogueError as error:
        failure = error
    return first, chain(first, _raised(failure), lines)


def _codec(encoding: str) -> str:
    return "utf-8-sig" if codecs.lookup(encoding).name == "utf-8" else encoding


def _raised(failure: CatalogueError | None) -> Iterator[str]:
    if failure is not None:
        raise failure
    yield from ()


def _unpacked(path: Path) -> _Stream:
    start = first_bytes(path)
    if start in _FOREIGN:
        raise CatalogueError(path, f"is {_FOREIGN[start]}")
    if start.startswith(b"\x1f\x8b"):
        return gzip.open(path, "rb")
    if start.startswith(b"BZh"):
        return bz2.open(path, "rb")
    return path.open("rb")


def _check_byte_order_mark(path: Path, stream: _Stream, encoding: str) -> None:
    marked = _BYTE_ORDER_MARKS.get(stream.peek(2)[:2])
    if marked is not None and not codecs.lookup(encoding).name.startswith(marked):
        raise CatalogueError(path, f"is {marked} text: add `--encoding {marked}`", line=1)
