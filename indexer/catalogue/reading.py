"""The door of the room: a catalogue file of any known kind becomes a stream of products and rejected lines."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..products import Product, Rejected
from .building import build_product, look_up
from .errors import CatalogueError
from .files import PARQUET, ahead, check_file, check_folder, first_bytes, text_lines
from .folder import folder_source
from .formats import Columns, Layout, choose_layout
from .records import Record, Source, object_records, parquet_source, rejected, table_source

FORMATS = ("auto", "amazon", "table", "images")
_SAMPLE = 300  # lines looked at to recognise a file
_PACKED = {".gz", ".bz2"}
_OBJECTS = {".json", ".jsonl", ".ndjson"}
_TABLES = {".csv", ".tsv", ".tab"}


def read_catalogue(
    path: str | Path,
    *,
    format: str = "auto",
    mapping: Mapping[str, str | Sequence[str]] | None = None,
    separator: str | None = None,
    header: bool = True,
    list_separator: str | None = None,
    encoding: str = "utf-8",
    constants: Mapping[str, str] | None = None,
    limit: int | None = None,
    pictures: Path | None = None,
) -> Iterator[Product | Rejected]:
    """Stream a catalogue: Amazon 2014, 2018 and 2023 lines, JSON lines, CSV, TSV or Parquet, plain, .gz or .bz2.

    Memory stays constant however long the file is. Without a mapping, Amazon's files are recognised by their fields
    and other columns by well-known names (`indexer.catalogue.formats`); columns that are neither recognised nor
    mapped are left out. A line that cannot be used comes as `Rejected`, in its place; blank lines are passed over.
    Products are as catalogued: an id may come twice.

    Args:
        path: The catalogue file.
        format: "auto", "amazon" (insist on Amazon's fields), "table" (go by names and mapping only) or "images" (a
            folder of pictures: `folder_source`).
        mapping: Field of `Product` -> column, dotted path (`offer.price`, `offers.0.price`) or several of these: of a
            text the first that says something counts, of a list all. Any other field name keeps its column in
            `Product.fields`: as a number where the value is one, else as text. What is mapped overrides what is
            recognised.
        separator: Of a table's cells, one character or "tab"; None finds out.
        header: Whether a table's first row names its columns; else they are called "1", "2", ...
        list_separator: Where texts in list columns are cut, such as "|"; category paths are cut at " > " besides.
        encoding: Of a text file, such as "latin-1".
        constants: Field -> the value it has in every product of this file, such as the source; stands above columns.
        limit: Stop after so many products.
        pictures: Folder where the pictures that a Parquet file holds as bytes are kept; the product then lists
            `kept:<name>` among its image_urls. None leaves such pictures out.

    Raises:
        CatalogueError: At once if the path is absent, or a directory where a file is read, or the reverse; while
            reading, after everything readable was yielded, if it is empty, cut off, damaged, in another encoding,
            lacks a column or holds no product.
        ValueError: If an option cannot be.
    """
    path = Path(path)
    separator = "\t" if separator in ("tab", "\\t") else separator
    _check_options(format=format, separator=separator, encoding=encoding, limit=limit)
    (check_folder if format == "images" else check_file)(path)
    mapped = {name: (column,) if isinstance(column, str) else tuple(column) for name, column in (mapping or {}).items()}

    def products() -> Iterator[Product | Rejected]:
        source = _source(path, format, separator=separator, header=header, encoding=encoding, pictures=pictures)
        if not source.columns:
            yield from (item for item in source.records(()) if isinstance(item, Rejected))
            step = "check that it is a catalogue, with one JSON object a line"
            raise CatalogueError(path, f"none of its first {_SAMPLE} lines is an object: {step}")
        layout = choose_layout(
            source.columns, path=path, format=format, mapping=mapped, complete=source.complete, named=header
        )
        # A constant stands in a column of its own, whose name no file can have.
        fixed = {f"\0{name}": value for name, value in (constants or {}).items()}
        layout = replace(layout, columns={**layout.columns, **{name[1:]: (name,) for name in fixed}})
        yield from _products(source, layout, mapped, fixed, path=path, list_separator=list_separator)

    return products() if limit is None else _limited(products(), limit)


def known_columns(
    path: Path,
    *,
    format: str = "auto",
    separator: str | None = None,
    header: bool = True,
    encoding: str = "utf-8",
    **others: Any,
) -> tuple[tuple[str, ...], bool]:
    """Name the columns of a catalogue file before it is read.

    Args:
        path: The catalogue file.
        format: As for `read_catalogue`, like all options; the others make no difference here.
        separator: Of a table's cells.
        header: Whether a table's first row names its columns.
        encoding: Of a text file.
        others: Not looked at.

    Returns:
        The names: all of them, or for lines of objects those of the first ones; and whether these are all.

    Raises:
        CatalogueError: If the file cannot be read.
    """
    separator = "\t" if separator in ("tab", "\\t") else separator
    source = _source(path, format, separator=separator, header=header, encoding=encoding, pictures=None)
    return source.columns, source.complete


def _source(
    path: Path, format: str, *, separator: str | None, header: bool, encoding: str, pictures: Path | None
) -> Source:
    """Open a file as records, whatever container it is."""
    if format == "images":
        return folder_source(path)
    if first_bytes(path) == PARQUET:
        return parquet_source(path, pictures=pictures)
    return _open(path, separator=separator, header=header, encoding=encoding)


def _check_options(*, format: str, separator: str | None, encoding: str, limit: int | None) -> None:
    if format not in FORMATS:
        raise ValueError(f"format must be one of {', '.join(FORMATS)}, got {format!r}")
    if separator is not None and len(separator) != 1:
        raise ValueError(f"separator must be one character or 'tab', got {separator!r}")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    try:
        "a".encode(encoding)
    except LookupError as error:
        raise ValueError(f"there is no text encoding {encoding!r}: try 'utf-8', 'latin-1' or 'utf-16'") from error


def _open(path: Path, *, separator: str | None, header: bool, encoding: str) -> Source:
    """Recognise what a text file contains, by its content first and then by its name."""
    sample, lines = ahead(text_lines(path, encoding=encoding), _SAMPLE)
    begin = next((line.strip() for line in sample if line.strip()), "")
    if not begin:
        next(filter(str.strip, lines), None)  # a file that cannot be read says why here
        raise CatalogueError(path, "is empty: there is nothing to read")
    suffix = next((s.lower() for s in reversed(path.suffixes) if s.lower() not in _PACKED), "")
    if begin[0] == "[" and suffix not in _TABLES:
        step = f"write one object a line, such as with `jq -c '.[]' {path.name}`"
        raise CatalogueError(path, f"is one JSON list: {step}", line=1)
    if suffix not in _TABLES and (suffix in _OBJECTS or begin[0] == "{"):
        return _objects(lines, sample, path=path, encoding=encoding)
    return table_source(lines, sample, path=path, encoding=encoding, separator=separator, header=header)


def _objects(lines: Iterator[str], sample: list[str], *, path: Path, encoding: str) -> Source:
    first = object_records(sample, path=path, encoding=encoding)
    columns = dict.fromkeys(name for record in first if isinstance(record, Record) for name in record.values)
    # With no object among the first lines there is nothing to go by: only these are read, to be rejected.
    known = lines if columns else iter(sample)
    return Source(tuple(columns), False, lambda _: object_records(known, path=path, encoding=encoding))


def _products(
    source: Source,
    layout: Layout,
    mapped: Columns,
    fixed: Mapping[str, str],
    *,
    path: Path,
    list_separator: str | None,
) -> Iterator[Product | Rejected]:
    unseen = set() if source.complete else {column for columns in mapped.values() for column in columns}
    reason, any_product = "", False
    for record in source.records(_needed(source.columns, layout)):
        if isinstance(record, Record):
            if unseen:
                unseen = {column for column in unseen if look_up(record.values, column) is None}
            values = {**record.values, **fixed} if fixed else record.values
            product = build_product(values, layout, list_separator=list_separator, file=str(path), line=record.line)
            if product is not None:
                any_product = True
                yield product
                continue
            text = record.text or json.dumps(record.values, default=str, ensure_ascii=False)
            record = rejected(record.line, "no product id", path, text)
        reason = record.reason
        yield record
    if not any_product:
        why = f"every line was rejected, the last one as {reason!r}" if reason else "there is only a header row"
        raise CatalogueError(path, f"holds no product, {why}: check `--format` and `--map`")
    if unseen:
        missing = ", ".join(repr(column) for column in sorted(unseen))
        raise CatalogueError(path, f"no line has {missing}: correct `--map`")


def _needed(columns: Sequence[str], layout: Layout) -> list[str]:
    """List the columns that the layout's paths begin at."""
    paths = [*layout.renditions, *(path for paths in layout.columns.values() for path in paths)]
    begins = {path if path in columns else path.split(".", 1)[0] for path in paths}
    return [column for column in columns if column in begins]


def _limited(items: Iterator[Product | Rejected], limit: int) -> Iterator[Product | Rejected]:
    for item in items:
        yield item
        limit -= isinstance(item, Product)
        if not limit:
            return
