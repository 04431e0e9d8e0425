"""One self-contained page: text, tables, trees and charts in a single HTML file that needs nothing beside it."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from .tree import Tree, safe, tree_html

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Cell: TypeAlias = str | int | float | None
_FILTERED = 20  # rows from which a table gets a field to search it


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the second level, or of a lower one."""

    text: str
    level: int = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph; `soft` for what is said aside."""

    text: str
    soft: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """The few numbers that matter, large: name -> value."""

    values: Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under column names; numbers stand at the right.

    Args:
        columns: b names.
        rows: Of b cells each.
        caption: What the table shows.

    Raises:
        ValueError: If a row has another number of cells.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"a row needs a cell for each of {len(self.columns)} columns, got {len(row)}")


@dataclass(frozen=True, slots=True, eq=False)
class Chart:
    """A chart as a picture.

    Args:
        figure: Drawn by a function of `charts`.
        alt: What it shows, for those who do not see it.
        file: Name of a PNG written beside the page as well; empty for none.
    """

    figure: "Figure"
    alt: str
    file: str = ""


@dataclass(frozen=True, slots=True)
class Side:
    """Blocks side by side, as many as there is room for."""

    blocks: Sequence["Block"] = field(default_factory=tuple)


Block: TypeAlias = Heading | Text | Figures | Table | Chart | Tree | Side


def write_page(path: Path, title: str, blocks: Iterable[Block]) -> list[Path]:
    """Write a page, and beside it the charts that have a file name.

    Args:
        path: Of the HTML file; its folder is made if absent.
        title: The page's heading.
        blocks: From top to bottom.

    Returns:
        The files written, the page first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    ids, written = count(1), [path]
    body = "\n".join(_html(block, path.parent, ids, written) for block in blocks)
    path.write_text(
        "<!doctype html>\n"
        f'<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{safe(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_asset('page.css')}</style>\n</head>\n<body>\n<main>\n<h1>{safe(title)}</h1>\n{body}\n</main>\n"
        f"<script>\n{_asset('page.js')}</script>\n</body>\n</html>\n",
        encoding="utf-8",
    )
    return written


def _html(block: Block, folder: Path, ids: "count[int]", written: list[Path]) -> str:
    """Write one block; the figures that go beside the page are added to those written."""
    match block:
        case Heading(text, level):
            return f"<h{level}>{safe(text)}</h{level}>"
        case Text(text, soft):
            return f"<p{' class=soft' if soft else ''}>{safe(text)}</p>"
        case Figures(values):
            parts = (f"<div><dt>{safe(name)}</dt><dd>{_cell(value)}</dd></div>" for name, value in values.items())
            return f"<dl class=figures>{''.join(parts)}</dl>"
        case Table():
            return _table(block, f"table-{next(ids)}")
        case Tree():
            return tree_html(block, f"tree-{next(ids)}")
        case Side(blocks):
            return f"<div class=side>{''.join(_html(part, folder, ids, written) for part in blocks)}</div>"
        case Chart():
            return _chart(block, folder, written)


def _chart(chart: Chart, folder: Path, written: list[Path]) -> str:
    from .charts_style import png

    content = png(chart.figure)
    if chart.file:
        (folder / chart.file).write_bytes(content)
        written.append(folder / chart.file)
    width, height = (round(96 * inches) for inches in chart.figure.get_size_inches())
    data = base64.b64encode(content).decode()
    return (
        f'<figure><img alt="{safe(chart.alt)}" width="{width}" height="{height}" '
        f'src="data:image/png;base64,{data}"></figure>'
    )


def _table(table: Table, name: str) -> str:
    right = [all(not isinstance(row[i], str) for row in table.rows) for i in range(len(table.columns))]
    side = [" class=n" if numeric else "" for numeric in right]
    head = "".join(f"<th scope=col{at}>{safe(text)}</th>" for text, at in zip(table.columns, side, strict=True))
    rows = (
        "<tr>" + "".join(f"<td{at}>{_cell(value)}</td>" for value, at in zip(row, side, strict=True)) + "</tr>"
        for row in table.rows
    )
    caption = f"<caption>{safe(table.caption)}</caption>" if table.caption else ""
    search = filter_field(name, "row") if len(table.rows) > _FILTERED else ""
    body = "\n".join(rows)
    return (
        f'{search}<div class=wide tabindex=0 role=region aria-label="{safe(table.caption or "table")}">'
        f"<table id={name}>{caption}<thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>"
    )


def filter_field(name: str, what: str) -> str:
    """Write a field that hides what does not hold the text typed into it; shown only where scripts run."""
    return f"<p class=filter hidden><label>Only {what}s with <input type=search data-filter={name}></label></p>"


def _cell(value: Cell) -> str:
    """Write a value: 12,000, 0.253, – where there is none."""
    if value is None or value != value:  # NaN
        return "–"
    if isinstance(value, str):
        return safe(value)
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.2f}" if abs(value) >= 10 else f"{value:.3f}"


@cache
def _asset(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
