"""`assort index`: a catalogue into the store."""

import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from difflib import get_close_matches
from functools import partial, wraps
from pathlib import Path
from typing import Any, cast

import click

from indexer.catalogue import FORMATS, CatalogueError, Catalogues, estimate_lines
from indexer.embedders.text import DEFAULT_MODEL, TextEmbedder
from indexer.embedders.tiers import Speed, settled_name
from indexer.images import FirstOf
from indexer.images.crop import Crop
from indexer.imaging import ImageSummary
from indexer.indexing import DEFAULT_BATCH, DEFAULT_TEXT_FIELDS, IndexSummary, index_products
from indexer.pipeline import Stages
from indexer.products import Product, Rejected
from indexer.store import LABELS, ProductStore

from ..memory import MODEL_BYTES, check_indexing
from .options import (
    Command,
    max_memory_option,
    note,
    opened,
    print_json,
    progress_bar,
    store_options,
    text_model_options,
)
from .pictures import IMAGE_FILE, PictureOptions, kept_pictures, picture_options

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
        if column := others.get("column"):
            mapping = {**mapping, IMAGE_FILE: [column]}
        _check_fields(text_fields, [*mapping, *constants])
        options: dict[str, Any] = {
            "format": format_, "mapping": mapping, "separator": separator, "header": not no_header,
            "list_separator": list_separator, "encoding": encoding, "constants": constants, "limit": limit,
            "pictures": kept_pictures(others.get("where", "none")),
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


def _check_fields(text_fields: Sequence[str], own: Sequence[str]) -> None:
    known = [*_FIELDS, *own]
    for name in text_fields:
        if name not in known:
            raise click.BadParameter(f"there is no field '{name}' for --text-fields: known are {', '.join(known)}")


@click.command()
@source_options
@text_model_options
@picture_options
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=DEFAULT_BATCH,
    show_default=True,
    help="Products written at a time.",
)
@click.option("--rejects", type=click.Path(dir_okay=False, path_type=Path), help="Where unusable lines go.")
@click.option("--delete-missing", is_flag=True, help="Remove stored products that no SOURCE has.")
@max_memory_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@store_options
def index(
    catalogues: Catalogues,
    text_fields: tuple[str, ...],
    text_model: str | None,
    speed: Speed | None,
    pictures: PictureOptions,
    batch_size: int,
    rejects: Path | None,
    delete_missing: bool,
    max_memory: int | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Read catalogues, embed what is new or changed, and write it to the store. Run again to pick up where it stopped.

    \b
    Example:
      assort index meta_Cell_Phones_and_Accessories.json.gz
      assort index offers.csv --map product_id=sku --map title=name --map source=merchant
    """
    if catalogues.options["limit"] is not None and delete_missing:
        raise click.UsageError("--limit reads only part of a catalogue: --delete-missing would remove the rest")
    total = lines_of(catalogues)
    check_indexing(total, MODEL_BYTES, max_memory)
    default = "assort-rejects.jsonl" if "://" in location else f"{location}/{collection}.rejects.jsonl"
    rejects = rejects or Path(default)
    if any(source.resolve() == rejects.resolve() for source in catalogues.paths):
        raise click.BadParameter(f"'{rejects}' is a SOURCE: rejected lines need a file of their own")
    try:
        next(iter(catalogues), None)  # what cannot be read at all is told before a store is made
    except CatalogueError as error:
        raise click.ClickException(f"{error}{_not_read(error.unread)}") from None
    with opened(location, collection, create=True, quiet=quiet) as store, _rejects_file(rejects) as reject:
        model = settled_name(text_model, speed, store.records.settings().text_model, DEFAULT_MODEL)
        embed_pictures = _picture_run(store, catalogues, pictures, quiet=quiet)
        note("making the model ready; the first time that takes half a minute", quiet=quiet)
        stages = Stages()
        with progress_bar("indexing", total or None, quiet=quiet) as progress:
            summary = index_products(
                catalogues,
                store,
                TextEmbedder(model, on_load=lambda origin: note(f"embedding with {origin}", quiet=quiet)),
                text_fields=text_fields,
                batch_size=batch_size,
                delete_missing=delete_missing,
                on_rejected=reject,
                progress=lambda lines: progress(lines, stages.slowest()),
                stages=stages,
                parameters={"sources": [str(path) for path in catalogues.paths]},
            )
        products, images = store.count(), None
        if not as_json:
            _print_summary(summary, rejects, products)
        if embed_pictures and products and not summary.failure:
            images = embed_pictures(on_rejected=reject)
        labelled = bool(store.label_names())
    if as_json:
        counted = {**asdict(summary), "rejected": dict(summary.rejected), "rejects": str(rejects), "products": products}
        print_json({**counted, "images": {**asdict(images), "rejected": dict(images.rejected)}} if images else counted)
    elif images:
        _print_pictures(images, rejects)
    if summary.failure:
        kept = "\nEverything before it is in the store." if summary.read else ""
        raise click.ClickException(f"{summary.failure}{kept}{_not_read(summary.unread)}")
    if summary.read and summary.rejected.total() == summary.read:
        raise click.ClickException("every line was rejected: check the columns, for example with --map title=COLUMN")
    if not labelled:
        note("next: assort cluster all", quiet=quiet)


def _picture_run(
    store: ProductStore, catalogues: Catalogues, asked: PictureOptions, *, quiet: bool
) -> Callable[..., ImageSummary] | None:
    """Prepare to embed the products' pictures, where any were asked for; what cannot be is told before texts are."""
    of_folder = catalogues.options["format"] == "images"
    if asked.where == "none" and not of_folder:
        if asked.model or asked.crop or asked.private:
            raise click.UsageError("--image-model, --crop and --allow-private are for --images download or a folder")
        return None
    from ..images import add_pictures, picture_source, settled_model

    crop_by = asked.crop or cast(Crop, store.records.settings().crop or "none")
    model = settled_model(store, asked.model, crop_by)
    places = [str(path) for path in catalogues.paths] if of_folder and asked.where == "none" else [asked.where]
    column = IMAGE_FILE if asked.column else ""
    source = FirstOf([picture_source(place, column=column, private=asked.private) for place in places])
    return partial(
        add_pictures,
        store,
        source,
        model,
        crop_by=crop_by,
        say=partial(note, quiet=quiet),
        bar=partial(progress_bar, quiet=quiet),
    )


def _not_read(unread: Sequence[Path | str]) -> str:
    """Name the sources after the one that broke off."""
    return f"\nNot read: {', '.join(map(str, unread))}." if unread else ""


@contextmanager
def _rejects_file(path: Path) -> Iterator[Callable[[Rejected], None]]:
    """Write rejected lines as JSON lines; the file replaces that of an earlier run when this one ends."""
    part = path.with_name(path.name + ".part")
    whole = False
    try:
        with part.open("w", encoding="utf-8") as file:

            def reject(rejected: Rejected) -> None:
                file.write(json.dumps(asdict(rejected), ensure_ascii=False) + "\n")

            yield reject
        whole = True
    finally:
        if part.stat().st_size:
            part.replace(path)
        else:
            part.unlink()
            if whole:  # a run that broke off before it read anything leaves the file of the one before
                path.unlink(missing_ok=True)


def _print_summary(summary: IndexSummary, rejects: Path, products: int) -> None:
    click.echo(
        f"{summary.read:,} lines read: {summary.new:,} new products, {summary.embedded:,} embedded, "
        f"{summary.updated:,} updated without embedding, {summary.unchanged:,} unchanged, "
        f"{summary.duplicates:,} duplicates, {summary.rejected.total():,} rejected"
    )
    if summary.deleted:
        click.echo(f"{summary.deleted:,} products removed that the catalogue no longer has")
    _print_rejected(summary.rejected, "lines", rejects)
    click.echo(f"the store holds {products:,} products")


def _print_pictures(images: ImageSummary, rejects: Path) -> None:
    click.echo(
        f"{images.products:,} products: {images.embedded:,} pictures embedded, {images.unchanged:,} unchanged, "
        f"{images.rejected.total():,} rejected, {images.without:,} products without one"
    )
    _print_rejected(images.rejected, "pictures", rejects)


def _print_rejected(rejected: Counter[str], what: str, rejects: Path) -> None:
    for reason, count in rejected.most_common():
        click.echo(f"  rejected, {reason}: {count:,}")
    if rejected:
        click.echo(f"  the rejected {what} are in {rejects}")


COMMANDS = (index,)
