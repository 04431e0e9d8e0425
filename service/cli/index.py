"""`assort index`: a catalogue into the store."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from itertools import chain
from pathlib import Path

import click

from indexer.catalogue import CatalogueError, Catalogues
from indexer.catalogue.listens import Listens
from indexer.embedders.text import DEFAULT_MODEL, TextEmbedder
from indexer.embedders.tiers import Speed, settled_name
from indexer.featuring import FeatureSummary
from indexer.images import FirstOf
from indexer.images.pixels import NOT_PUBLIC
from indexer.imaging import ImageSummary
from indexer.indexing import DEFAULT_BATCH, IndexSummary, index_products
from indexer.pipeline import Stages
from indexer.products import Product, Rejected
from indexer.store import LABELS, ProductStore, membership_key

from ..memory import MODEL_BYTES, check_indexing
from .features import FeatureOptions, feature_options, feature_run, keeping_columns, listens_of, print_features
from .options import (
    json_option,
    max_memory_option,
    note,
    opened,
    print_json,
    progress_bar,
    store_options,
    text_model_options,
)
from .pictures import IMAGE_FILE, PictureOptions, picture_options
from .sources import lines_of, source_options


@click.command()
@source_options
@text_model_options
@picture_options
@feature_options
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
@json_option
@store_options
def index(
    catalogues: Catalogues,
    text_fields: tuple[str, ...],
    text_model: str | None,
    speed: Speed | None,
    pictures: PictureOptions,
    features: FeatureOptions,
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
      assort index offers.csv --id sku --map title=name --map source=merchant
      assort index tracks.csv --numeric tempo,energy --categorical genre
      assort index listens.csv --id user_id --aggregate track_id:play_count
    """
    if catalogues.options["limit"] is not None and delete_missing:
        raise click.UsageError("--limit reads only part of a catalogue: --delete-missing would remove the rest")
    total = lines_of(catalogues)
    check_indexing(total, MODEL_BYTES, max_memory)
    rejects = _rejects_path(rejects, location, collection, catalogues)
    listens = listens_of(catalogues, features, quiet=quiet)
    if listens is None:
        _check_readable(catalogues)
    with opened(location, collection, create=True, quiet=quiet) as store, _rejects_file(rejects) as reject:
        _check_fields(store, catalogues)
        model = settled_name(text_model, speed, store.records.settings().text_model, DEFAULT_MODEL)
        embed_pictures = _picture_run(store, catalogues, pictures, quiet=quiet)
        make_features = feature_run(store, features, listens, quiet=quiet)
        embedder = TextEmbedder(model, on_load=lambda origin: note(f"embedding with {origin}", quiet=quiet))
        run = partial(
            index_products, _records(store, catalogues, listens, quiet=quiet), store, embedder,
            text_fields=text_fields, batch_size=batch_size, delete_missing=delete_missing,
            name_by_id=make_features is not None, on_rejected=reject,
            parameters={"sources": [str(path) for path in catalogues.paths]},
        )  # fmt: skip
        summary = _index_texts(run, total, quiet=quiet)
        products, images, made = store.count(), None, None
        if not as_json:
            _print_summary(summary, rejects, products, what="lines" if listens is None else "products and bad lines")
        if products and not summary.failure:
            images = embed_pictures(on_rejected=reject) if embed_pictures else None
            made = make_features() if make_features else None
        step = _next_step(store, summary, of_listens=listens is not None)
    if as_json:
        _print_as_json(summary, images, made, rejects, products)
    else:
        _print_further(images, made, rejects)
    _check_ended(summary, images, pictures)
    if step:
        note(f"next: {step}", quiet=quiet)


def _rejects_path(asked: Path | None, location: str, collection: str, catalogues: Catalogues) -> Path:
    """Say where unusable lines go: as asked, beside the store, or with a server into the working folder."""
    default = "assort-rejects.jsonl" if "://" in location else f"{location}/{collection}.rejects.jsonl"
    rejects = asked or Path(default)
    if any(source.resolve() == rejects.resolve() for source in catalogues.paths):
        raise click.BadParameter(f"'{rejects}' is a SOURCE: rejected lines need a file of their own")
    return rejects


def _index_texts(run: Callable[..., IndexSummary], total: int, *, quiet: bool) -> IndexSummary:
    """Embed and write all records, under a bar that names the slowest stage."""
    note("making the model ready; the first time that takes half a minute", quiet=quiet)
    stages = Stages()
    with progress_bar("indexing", total or None, quiet=quiet) as progress:
        return run(progress=lambda lines: progress(lines, stages.slowest()), stages=stages)


def _next_step(store: ProductStore, summary: IndexSummary, *, of_listens: bool) -> str:
    """Say what puts the products into clusters; empty where all are in some."""
    labels = [label for label in store.label_names() if label not in LABELS]
    if not store.label_names():
        return "assort cluster taste --method leiden" if of_listens else "assort cluster all"
    if not summary.new:
        return ""
    return f"assort predict {labels[0]}" if labels else "assort cluster all"


def _check_ended(summary: IndexSummary, images: ImageSummary | None, pictures: PictureOptions) -> None:
    """End with 1 where a file broke off, or nothing at all could be used."""
    if summary.failure:
        kept = "\nEverything before it is in the store." if summary.read else ""
        raise click.ClickException(f"{summary.failure}{kept}{_not_read(summary.unread)}")
    if summary.read and summary.rejected.total() == summary.read:
        raise click.ClickException("every line was rejected: check the columns, for example with --map title=COLUMN")
    if images and not images.embedded + images.unchanged:
        raise click.ClickException(_no_picture(pictures, images))


def _check_fields(store: ProductStore, catalogues: Catalogues) -> None:
    """Refuse a field that is called like a label or its memberships, before anything is embedded."""
    asked = {*catalogues.options["mapping"], *catalogues.options["constants"]}
    for label in (*store.label_names(), *store.unfinished_labels()):
        for name in asked.intersection((label, membership_key(label))):
            raise click.UsageError(
                f"'{name}' belongs to the label '{label}' of this collection: call the field otherwise"
            )


def _check_readable(catalogues: Catalogues) -> None:
    """Tell what cannot be read at all, before a store is made."""
    try:
        next(iter(catalogues), None)
    except CatalogueError as error:
        raise click.ClickException(f"{error}{_not_read(error.unread)}") from None


def _records(
    store: ProductStore, catalogues: Catalogues, listens: Listens | None, *, quiet: bool
) -> Iterable[Product | Rejected]:
    """Say what is indexed: catalogues, with the columns that make features, or what listens were put together to."""
    if listens is not None:
        return chain(listens.rejected, listens.products)
    return keeping_columns(catalogues, store, quiet=quiet)


def _picture_run(
    store: ProductStore, catalogues: Catalogues, asked: PictureOptions, *, quiet: bool
) -> Callable[..., ImageSummary] | None:
    """Prepare to embed the products' pictures, where any were asked for; what cannot be is told before texts are."""
    of_folder = catalogues.options["format"] == "images"
    if of_folder and asked.where == "none":
        raise click.UsageError("--format images is for pictures: leave --images none away, or the format")
    if asked.where in (None, "none") and not of_folder:
        if asked.model or asked.crop or asked.private:
            raise click.UsageError("--image-model, --crop and --allow-private are for --images download or a folder")
        return None
    from ..images import add_pictures, picture_source, settled_model

    crop_by = asked.crop or store.records.settings().crop or "none"
    model = settled_model(store, asked.model, crop_by)
    places = [asked.where] if asked.where else [str(path) for path in catalogues.paths]
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


def _no_picture(asked: PictureOptions, images: ImageSummary) -> str:
    """Say what may help where no picture at all could be used."""
    said = f"the products are in the store, but none of their pictures: {images.rejected.total():,} were rejected"
    said += f", {images.without:,} products name none"
    if NOT_PUBLIC in images.rejected:
        return f"{said}. --allow-private downloads from your own network, too"
    if asked.where == "download":
        return f"{said}. The column with addresses, or bytes, is named by --map image_urls=COLUMN"
    by = f"as column '{asked.column}' says" if asked.column else "as <product id>.jpg, or as --image-column says"
    return f"{said}. In '{asked.where}' they are looked for {by}" if asked.where else said


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


def _print_summary(summary: IndexSummary, rejects: Path, products: int, *, what: str) -> None:
    click.echo(
        f"{summary.read:,} {what} read: {summary.new:,} new products, {summary.embedded:,} embedded, "
        f"{summary.updated:,} updated without embedding, {summary.unchanged:,} unchanged, "
        f"{summary.duplicates:,} duplicates, {summary.rejected.total():,} rejected"
    )
    if summary.deleted:
        click.echo(f"{summary.deleted:,} products removed that the catalogue no longer has")
    _print_rejected(summary.rejected, "lines", rejects)
    click.echo(f"the store holds {products:,} products")


def _print_as_json(
    summary: IndexSummary, images: ImageSummary | None, made: FeatureSummary | None, rejects: Path, products: int
) -> None:
    said = {**asdict(summary), "rejected": dict(summary.rejected), "products": products}
    said["rejects"] = str(rejects) if summary.rejected or (images and images.rejected) else None
    if images:
        said["images"] = {**asdict(images), "rejected": dict(images.rejected)}
    if made:
        said["features"] = asdict(made)
    print_json(said)


def _print_further(images: ImageSummary | None, made: FeatureSummary | None, rejects: Path) -> None:
    if images:
        _print_pictures(images, rejects)
    if made:
        print_features(made)


def _print_pictures(images: ImageSummary, rejects: Path) -> None:
    click.echo(
        f"{images.products:,} products: {images.embedded:,} pictures embedded, {images.unchanged:,} unchanged, "
        f"{images.rejected.total():,} rejected, {images.without:,} products without one"
    )
    if images.withdrawn:
        click.echo(f"{images.withdrawn:,} pictures removed that are no longer there")
    _print_rejected(images.rejected, "pictures", rejects)


def _print_rejected(rejected: Counter[str], what: str, rejects: Path) -> None:
    for reason, count in rejected.most_common():
        click.echo(f"  rejected, {reason}: {count:,}")
    if rejected:
        click.echo(f"  the rejected {what} are in {rejects}")


COMMANDS = (index,)
