"""Results as text for a person."""

import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click

from ..lookup import MAIN_LABELS, Answer
from ..names import CELLS

_NAME = 24  # characters of a cluster's name beside its number


def print_table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print rows under their column names, numbers to the right; lines are cut to the terminal, where it is one."""
    cells = [[_cell(row.get(column)) for column in columns] for row in rows]
    widths = [max(len(line[i]) for line in [list(columns), *cells]) for i in range(len(columns))]
    numeric = [all(not isinstance(row.get(column), str) for row in rows) for column in columns]
    room = max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else sys.maxsize
    for line in [list(columns), *cells]:
        text = "  ".join(
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(line, widths, numeric, strict=True)
        )
        click.echo(text.rstrip() if len(text.rstrip()) <= room else text[: room - 1] + "…")


def print_answers(answers: Sequence[Answer]) -> None:
    """Print products with their score, clusters and, where there is one, the reason."""
    if not answers:
        click.echo("no product found")
        return
    columns = ["product_id", "score", *_labels(answers), "price", "brand", "title"]
    rows = []
    for answer in answers:
        row = answer.as_dict()
        row["title"] = row["title"] or " > ".join(row["categories"])
        for label, name in answer.names.items():
            if label != "identity":  # whose clusters are called like the product itself
                row[label] = f"{row[label]} {name if len(name) <= _NAME else name[: _NAME - 1] + '…'}"
        rows.append(row)
    if any(answer.why for answer in answers):
        columns.insert(-1, "why")
    if all(answer.hit.score is None for answer in answers):
        columns.remove("score")
    print_table(rows, columns)


def _labels(answers: Sequence[Answer]) -> list[str]:
    """Choose the labels to show: the main ones where there is any of them, and the others that a product has."""
    found = {label for answer in answers for label in answer.hit.labels} - {CELLS}
    main = MAIN_LABELS if found.intersection(MAIN_LABELS) else ()
    return [*main, *sorted(found.difference(main))]


def print_fields(fields: Mapping[str, Any], indent: str = "") -> None:
    """Print a description, a field a line, what has parts of its own indented below its name."""
    width = max((len(key) for key in fields), default=0)
    for key, value in fields.items():
        parts = value if isinstance(value, list | tuple) else [value]
        if any(_nested(part) for part in parts):
            click.echo(f"{indent}{key}")
            for part in parts:
                print_fields(part, f"{indent}  ")
        else:
            click.echo(f"{indent}{key.ljust(width)}  {_cell(value)}")


def _nested(value: Any) -> bool:
    """Say whether a part would not read well on one line."""
    return isinstance(value, dict) and (len(value) > 2 or any(isinstance(item, dict) for item in value.values()))


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, list | tuple):
        return ", ".join(_cell(item) for item in value) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "-"
    return str(value)
