"""Three containers of records, read as streams: JSON or Python-literal lines, separated tables, Parquet."""

import ast
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ..products import Rejected
from .binary import holds_bytes, without_bytes
from .errors import CatalogueError
from .files import is_decoded, wrong_encoding

_LONGEST_CELL = 2**24  # characters; longer means a quote that is never closed
_LONGEST_EXCERPT = 2_000  # characters of a rejected line
_ROWS_AT_ONCE = 1_000
_PICTURES_AT_ONCE = 32  # rows; with pictures in them a thousand would take gigabytes
_UNREADABLE = object()
_SEPARATORS = (",", ";", "\t", "|")
_DECODER = json.JSONDecoder(strict=False)  # a raw tab inside a text is no reason to lose a product


class Record(NamedTuple):
    """One object or row: where it stood, its values by column, and what was read."""

    line: int
    values: dict[str, Any]
    text: str


Records = Iterator[Record | Rejected]


@dataclass(frozen=True, slots=True)
class Source:
    """A file opened as records.

    Args:
        columns: The names in it: all of them, or for lines of objects those of the first ones.
        complete: Whether `columns` are all there can be.
        records: Start reading; of the columns named, or of more.
    """

    columns: tuple[str, ...]
    complete: bool
    records: Callable[[Sequence[str]], Records]


def object_records(lines: Iterable[str], *, path: Path, encoding: str) -> Records:
    """Read one object a line, in JSON or as a Python literal (Amazon 2014); blank lines are passed over.

    Args:
        lines: As `text_lines` gives them.
        path: The file, for the rejected lines.
        encoding: The file's encoding, for the rejected lines.
    """
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text:
            continue
        if not is_decoded(text):
            readable = text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
            yield rejected(number, f"not {encoding} text", path, readable)
            continue
        value = _parse(text)
        if isinstance(value, dict):
            yield Record(number, value, text)
        else:
            yield rejected(number, "not JSON" if value is _UNREADABLE else "not an object", path, text)


def table_source(
    lines: Iterator[str], sample: list[str], *, path: Path, encoding: str, separator: str | None, header: bool
) -> Source:
    """Open a table of separated cells, quoted as spreadsheets quote; a cell may run over several lines.

    Args:
        lines: As `text_lines` gives them.
        sample: The first of these lines, to find the separator and the width.
        path: The file, for errors and rejected rows.
        encoding: The file's encoding, for errors.
        separator: One character; None finds it among comma, semicolon, tab and bar.
        header: Whether the first row names the columns; else they are called "1", "2", ...

    Raises:
        CatalogueError: If the table is empty, a byte is no text in the encoding, or a quote is never closed.
    """
    csv.field_size_limit(_LONGEST_CELL)  # the csv module's own: once for the whole process
    separator = separator or _likely_separator(sample)
    rows = _rows(lines, path=path, encoding=encoding, separator=separator)
    if header:
        names = tuple(name.strip() for name in next(rows, (1, [], False))[1])
    else:
        first = next(csv.reader(sample, delimiter=separator), [])
        names = tuple(str(number) for number in range(1, len(first) + 1))
    if not names:
        raise CatalogueError(path, "is empty: there is nothing to read")
    return Source(names, True, lambda _: _row_records(rows, names, path=path, separator=separator))


def parquet_source(path: Path, *, pictures: Path | None) -> Source:
    """Open a Parquet file; it is read by batches of rows, only the columns asked for.

    Args:
        path: The file.
        pictures: Folder where pictures that it holds as bytes are kept; None leaves them out.

    Raises:
        CatalogueError: If it is cut off or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    problem = "cannot be read as Parquet ({}): get it again"
    try:
        file = pq.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        raise CatalogueError(path, problem.format(error)) from error
    binary = {column.name for column in file.schema_arrow if holds_bytes(column.type)}

    def batches(columns: Sequence[str]) -> Iterator[Any]:
        rows = 0
        try:
            at_once = _ROWS_AT_ONCE if binary.isdisjoint(columns) else _PICTURES_AT_ONCE
            for batch in file.iter_batches(at_once, columns=list(columns)):
                yield batch
                rows += batch.num_rows
        except (pa.ArrowException, OSError) as error:
            raise CatalogueError(path, problem.format(error), line=rows + 1) from error
        finally:
            file.close()

    def records(columns: Sequence[str]) -> Records:
        rows = (values for batch in batches(columns) for values in batch.to_pylist())
        for row, values in enumerate(rows, 1):
            try:
                for name in binary.intersection(columns):
                    values.update(without_bytes(name, values[name], pictures))
            except OSError as error:
                raise CatalogueError(path, str(error), line=row) from error
            yield Record(row, values, "")

    return Source(tuple(file.schema_arrow.names), True, records)


def rejected(line: int, reason: str, path: Path, text: str) -> Rejected:
    """Set a line aside with its reason, shortened."""
    return Rejected(line, reason, str(path), text[:_LONGEST_EXCERPT])


def _parse(text: str) -> Any:
    """Parse a line as JSON, else as a Python literal; give `_UNREADABLE` when it is neither."""
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        pass
    if "'" in text:
        try:
            return ast.literal_eval(text)
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            pass
    return _UNREADABLE


def _rows(lines: Iterator[str], *, path: Path, encoding: str, separator: str) -> Iterator[tuple[int, list[str], bool]]:
    """Yield each row that is not blank: the line it begins on, its cells, whether it runs over several lines."""
    reader = csv.reader(_decoded(lines, path, encoding), delimiter=separator)
    begin = 1
    try:
        for row in reader:
            if any(row):
                yield begin, row, reader.line_num > begin
            begin = reader.line_num + 1
    except csv.Error as error:
        problem = f"the row that begins here cannot be read ({error}): is a quote never closed?"
        raise CatalogueError(path, problem, line=begin) from error


def _row_records(
    rows: Iterator[tuple[int, list[str], bool]], names: tuple[str, ...], *, path: Path, separator: str
) -> Records:
    width = len(names)
    for line, row, several_lines in rows:
        if len(row) == width or (len(row) > width and not any(row[width:])):
            yield Record(line, dict(zip(names, row[:width], strict=True)), separator.join(row))
        elif len(row) > width:
            yield rejected(line, "too many columns", path, separator.join(row))
        else:
            reason = "too few columns, is a quote never closed?" if several_lines else "too few columns"
            yield rejected(line, reason, path, separator.join(row))


def _decoded(lines: Iterator[str], path: Path, encoding: str) -> Iterator[str]:
    """Stop at bytes of another encoding: in a table they mean that the whole file was written in it."""
    for number, line in enumerate(lines, 1):
        if not is_decoded(line):
            raise CatalogueError(path, wrong_encoding(encoding), line=number)
        yield line


def _likely_separator(sample: list[str]) -> str:
    """Choose the separator that cuts most rows into as many cells as the first, then into more cells."""

    def fit(separator: str) -> tuple[float, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=separator) if row]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return widths.count(widths[0]) / len(widths), widths[0]

    return max(_SEPARATORS, key=fit)
