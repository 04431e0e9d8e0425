"""What clusters are graded against: a field of the products, another label, or a file that tells the truth."""

import csv
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.store import FIELDS, ProductStore

LEAST = 2
"""Products a truth tells of: any clusters of a single one are perfect."""

_READ_AS = (
    "column '{}' was read as the product's id and '{}' as its class, call the id's column product_id, or name the "
    "class as FILE:COLUMN"
)
_FIELDS = ("brand", "categories", "source")
_SEPARATORS: Mapping[str, str] = {".csv": ",", ".tsv": "\t"}
_JSON = ".jsonl"
_PACKED = ".gz"  # not read, but whoever names one means a file


@dataclass(frozen=True, slots=True)
class Truth:
    """What is known of products.

    Args:
        name: Where it is from.
        values: One a product, None where nothing is known.
        strangers: Products a file tells of that are none of these.
    """

    name: str
    values: list[str | None]
    strangers: int = 0


def truth_of(store: ProductStore, ids: Sequence[str], asked: str, *, graded: Sequence[str] = ()) -> Truth:
    """Read what products are graded against.

    Args:
        store: Where they are.
        ids: n product ids.
        asked: A field as `values_of` knows it; or the path of a CSV, TSV or JSONL file with a header, whose columns are
            product_id and label, or else the first and the second; PATH:COLUMN names another column than the second.
        graded: Labels that are graded, which are not offered where there is no such field.

    Raises:
        LookupError: If there is no such field or file, no such column, or it tells of fewer than 2 of these products.
        ValueError: If a file is of another form, or tells two things of one product.
    """
    path, column = _file(asked)
    if path is None:
        read = values_of(store, asked, graded=graded)
        known: Mapping[str, str | None] = dict(zip(store.take().ids, read, strict=True))
        step = "name another --truth"
    else:
        known, names = _read(path, column)
        step = _READ_AS.format(*names)
    values = [known.get(product_id) or None for product_id in ids]
    if (told := len(values) - values.count(None)) < LEAST:
        raise LookupError(
            f"'{asked}' tells of {told or 'none'} of the {len(ids):,} products here, grades need {LEAST}: {step}"
        )
    strangers = 0 if path is None else len(known.keys() - set(ids))
    return Truth(asked if path is None else path.name + (f":{column}" if column else ""), values, strangers)


def values_of(store: ProductStore, field: str, *, graded: Sequence[str] = ()) -> list[str | None]:
    """Read a field of all products as text, in the order of `take`; None where a product has none.

    Args:
        store: Where.
        field: A column of the user's own, `brand`, `categories`, `categories:1` for the first level alone (`:2` for two
            of them), `source`, or a label's name; there noise is None.
        graded: Labels that are not offered where there is no such field.

    Raises:
        LookupError: If there is no such field; or no such file, where it looks like one.
    """
    own, labels = store.records.settings().field_names, store.readable_labels()
    name, _, levels = field.partition(":")
    if field in own:
        return [_text((fields or {}).get(field)) for fields in store.take((FIELDS,)).columns[FIELDS]]
    if field in labels:
        return [None if value is None or value < 0 else str(value) for value in store.take((field,)).columns[field]]
    if name == "categories" and levels.isdecimal() and int(levels):
        return [_text((value or [])[: int(levels)]) for value in store.take((name,)).columns[name]]
    if field in _FIELDS:
        return [_text(value) for value in store.take((field,)).columns[field]]
    offered = ", ".join((*own, *_FIELDS, *(label for label in labels if label not in graded)))
    if _like_file(field):
        raise LookupError(f"there is no file '{field}': check its path, or name a field: {offered}")
    raise LookupError(
        f"there is no field '{field}' to grade by, only {offered}: `assort index SOURCE --map {field}=COLUMN` keeps a "
        "column of the catalogue"
    )


def classes(texts: Sequence[str]) -> tuple[list[str], NDArray[np.int64]]:
    """Number texts, equal ones alike: the different ones, sorted, and which of them each is, int64 (n,).

    By a mapping, because in an array of texts each would take the room of the longest.
    """
    names = sorted(set(texts))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[text] for text in texts], dtype=np.int64)


def _text(value: Any) -> str | None:
    if isinstance(value, list):
        return " > ".join(map(str, value)) or None
    return None if value is None else str(value)


def _file(asked: str) -> tuple[Path | None, str]:
    """Part PATH:COLUMN, where there is such a file."""
    before, _, column = asked.rpartition(":")
    if Path(asked).is_file():
        return Path(asked), ""
    return (Path(before), column) if before and Path(before).is_file() else (None, "")


def _like_file(asked: str) -> bool:
    """Say whether PATH or PATH:COLUMN is meant, going by a separator in it or its ending."""
    endings = {Path(path).suffix.lower() for path in (asked, asked.rpartition(":")[0])}
    return "/" in asked or os.sep in asked or not endings.isdisjoint((*_SEPARATORS, _JSON, _PACKED))


def _read(path: Path, column: str) -> tuple[dict[str, str], tuple[str, str]]:
    """Read a truth file: product id -> its label, and which columns these are."""
    found: dict[str, str] = {}
    names: tuple[str, str] | None = None
    for line, row in _rows(path):
        names = names or _columns(path, list(row), column)
        product_id, label = (_text(row.get(name)) or "" for name in names)
        if not product_id:
            raise ValueError(
                f"{path}, line {line}: there is no product id in column '{names[0]}': give one, or cut the line"
            )
        if found.setdefault(product_id, label) != label:
            raise ValueError(
                f"{path}, line {line}: product '{product_id}' is '{label}' here and '{found[product_id]}' before: "
                "a truth tells one thing of a product"
            )
    if names is None:
        raise ValueError(f"{path}: there is no product in it: it needs a header and a line a product")
    return found, names


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Read lines as mappings, with their numbers."""
    ending = path.suffix.lower()
    if ending not in (*_SEPARATORS, _JSON):
        raise ValueError(f"{path}: a truth file ends in {', '.join(_SEPARATORS)} or {_JSON}, got '{ending}'")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if ending == _JSON:
                yield from (
                    (number, _object(path, number, line)) for number, line in enumerate(file, 1) if line.strip()
                )
            else:
                reader = csv.DictReader(file, delimiter=_SEPARATORS[ending])
                yield from ((reader.line_num, row) for row in reader)
    except csv.Error as error:
        raise ValueError(f"{path}, line {reader.line_num}: is no table ({error}): save it anew") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: is not utf-8 text: save it as such") from error


def _object(path: Path, number: int, line: str) -> Mapping[str, Any]:
    try:
        read = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}, line {number}: is not JSON: {error.msg}") from error
    if not isinstance(read, dict):
        raise ValueError(f'{path}, line {number}: is no JSON object: write {{"product_id": ..., "label": ...}}')
    return read


def _columns(path: Path, there: list[str], column: str) -> tuple[str, str]:
    """Choose the columns of the product's id and of its label."""
    if len(there) < 2:
        raise ValueError(f"{path}: a truth file has two columns, product_id and label, got {', '.join(there)}")
    product_id = "product_id" if "product_id" in there else there[0]
    others = [name for name in there if name != product_id]
    if column and column not in others:
        raise LookupError(f"{path}: there is no column '{column}', only {', '.join(others)}")
    return product_id, column or ("label" if "label" in others else others[0])
