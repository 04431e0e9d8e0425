"""Options that say which catalogues are read, and how: shared by `index` and `plan`."""

import re
import sys
from collections.abc import Sequence
from dataclasses import fields
from difflib import get_close_matches
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from indexer.catalogue import FORMATS, Catalogues, estimate_lines
from indexer.indexing import DEFAULT_TEXT_FIELDS
from indexer.products import Product
from indexer.store import LABELS

from .options import Command, note
from .pictures import IMAGE_FILE, kept_pictures

_FIELDS = [field.name for field in fields(Product) if field.name not in ("fields", "file", "line")]
_EXAMPLES = {"mapping": "title=product_name", "constants": "source=abt"}


def _mapping(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, list[str]]:
    mapping: dict[str, list[str]] = {}
    for pair in pairs:
        name, equals, column = pair.partition("=")
        if not (name and equals and column):
            raise click.BadParameter(f"'{pair}' is not {param.metavar}, for example {_EXAMPLES[str(param.name)]}")
        if near := [] if name in _FIELDS else get_close_matches(name, _FIELDS, cutoff=0.75):
            note(f"'{name}' is kept as a field of your own: did you mean {near[0]}?")
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise click.BadParameter(f"a field's name is letters, digits, - and _, got '{name}'")
        if name in LABELS:
            raise click.BadParameter(
                f"'{name}' is a label that `assort cluster` writes: map the column to another name"
            )
        mapping.setdefault(name, []).append(column)
    return mapping


def _constants(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    return {name: values[-1] for name, values in _mapping(ctx, param, pairs).items()}


def _names(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in value.split(",") if name.strip())


_SOURCE_OPTIONS = (
    click.argument("sources", metavar="SOURCE...", nargs=-1, required=True, type=click.Path(path_type=Path)),
    click.option("--format", "format_", type=click.Choice(FORMATS), default="auto", show_default=True),
    click.option(
        "--map",
        "mapping",
        multiple=True,
        callback=_mapping,
        metavar="FIELD=COLUMN",
        help="Which column holds a field; dots lead into nested JSON; with --no-header columns are 1, 2, ...",
    ),
    click.option("--id", "id_column", metavar="COLUMN", help="Short for --map product_id=COLUMN."),
    click.option(
        "--set",
        "constants",
        multiple=True,
        callback=_constants,
        metavar="FIELD=VALUE",
        help="A field that is the same for every product of these files, such as source=abt.",
    ),
    click.option("--separator", metavar="C", help="Between the cells of a table; found out when not given."),
    click.option("--list-separator", metavar="C", help="Between the items of a list column, such as '|'."),
    click.option("--no-header", is_flag=True, help="The table's first row is a product already."),
    click.option("--encoding", default="utf-8", show_default=True),
    click.option(
        "--text-fields",
        default=",".join(DEFAULT_TEXT_FIELDS),
        callback=_names,
        show_default=True,
        help="What is embedded.",
    ),
    click.option("--limit", type=click.IntRange(min=1), help="Read so many products of each source, no more."),
)


def source_options(command: Command) -> Command:
    """Add SOURCE..., how to read it and --text-fields; the command gets `catalogues`, which can be read."""

    @wraps(command)
    def described(
        format_: str,
        mapping: dict[str, list[str]],
        id_column: str | None,
        constants: dict[str, str],
        separator: str | None,
        list_separator: str | None,
        no_header: bool,
        encoding: str,
        limit: int | None,
        sources: tuple[Path, ...],
        text_fields: tuple[str, ...],
        **others: Any,
    ) -> Any:
        if id_column and "product_id" in mapping:
            raise click.UsageError("--id and --map product_id say the same: give one of them")
        if id_column:
            mapping = {**mapping, "product_id": [id_column]}
        if column := others.get("column"):
            mapping = {**mapping, IMAGE_FILE: [column]}
        _check_text_fields(
            text_fields, [*mapping, *constants, *others.get("numeric", ()), *others.get("categorical", ())]
        )
        options: dict[str, Any] = {
            "format": format_, "mapping": mapping, "separator": separator, "header": not no_header,
            "list_separator": list_separator, "encoding": encoding, "constants": constants, "limit": limit,
            "pictures": kept_pictures(others.get("where")),
        }  # fmt: skip
        catalogues = Catalogues(sources, options)  # a wrong path or option is told at once
        return command(catalogues=catalogues, text_fields=text_fields, **others)

    for option in reversed(_SOURCE_OPTIONS):
        described = option(described)
    return cast(Command, described)


def lines_of(catalogues: Catalogues) -> int:
    """Estimate how many lines will be read."""
    most = catalogues.options["limit"] or sys.maxsize
    return sum(min(estimate_lines(path), most) for path in catalogues.paths)


def _check_text_fields(text_fields: Sequence[str], own: Sequence[str]) -> None:
    known = [*_FIELDS, *own]
    for name in text_fields:
        if name not in known:
            raise click.BadParameter(f"there is no field '{name}' for --text-fields: known are {', '.join(known)}")
