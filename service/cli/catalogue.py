"""The catalogue itself: sample, index, info, export, delete, push."""

from pathlib import Path

import click

from .. import export as exports
from .. import lookup
from ..describe import info as describe
from ..push import push as copy_store
from .options import json_option, note, opened, print_json, progress_bar, read_ids, store_options
from .printing import print_fields


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option("--products", type=int, default=2000, show_default=True, help="How many products.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed makes the same files.")
@click.option("--pictures", is_flag=True, help="Draw a picture of each product, too; some are shared, some broken.")
def sample(directory: Path, products: int, seed: int, pictures: bool) -> None:
    """Write a made-up catalogue of phones and accessories, and the truth about it, into DIRECTORY.

    \b
    Example:
      assort sample shop --products 5000 --seed 7
    """
    from indexer.sample import write_sample

    with progress_bar("drawing" if pictures else "writing", products, quiet=False) as progress:
        made = write_sample(directory, products=products, seed=seed, pictures=pictures, progress=progress)
    dirty = sum(made.unusable.values()) + sum(made.readable.values()) + made.duplicates
    click.echo(f"{made.catalogue}: {made.lines:,} lines, {dirty:,} of them dirty on purpose")
    click.echo(f"{made.truth}: the truth about {made.products:,} products, {made.identities:,} of them distinct")
    if made.pictures:
        click.echo(
            f"{made.pictures.folder}: {made.pictures.files:,} pictures, {made.pictures.broken:,} of them broken on "
            f"purpose; {made.pictures.stock_photos:,} stock photos serve several products"
        )


@click.command()
@json_option
@store_options
def info(as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """Say what is in the store: products, vectors, models, labels, and the runs that made them.

    \b
    Example:
      assort info --store shop-store
    """
    with opened(location, collection, quiet=quiet) as store:
        described = describe(store)
    for run in described["cut_short"]:
        note(f"{run['kind']} run {run['run']} was cut short: the same command finishes it", quiet=quiet)
    if as_json:
        print_json(described)
    else:
        made = {
            name: f"{run['started']}, run {run['run']}" if run else "-" for name, run in described["labels"].items()
        }
        print_fields({**described, "labels": made})


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@store_options
def export(file: Path, location: str, collection: str, quiet: bool) -> None:
    """Write every product and its clusters to FILE (.csv, .parquet or .jsonl), one row a product.

    \b
    Example:
      assort export clusters.csv
    """
    with opened(location, collection, quiet=quiet) as store:
        click.echo(f"{exports.export(store, file):,} products written to {file}")


@click.command()
@click.argument("ids", nargs=-1, required=True)
@store_options
def delete(ids: tuple[str, ...], location: str, collection: str, quiet: bool) -> None:
    """Remove products from the store; - for ids on stdin, one a line.

    \b
    Example:
      assort delete B07H8NVPJB B07HKRWFN1
    """
    with opened(location, collection, quiet=quiet) as store:
        known, unknown = lookup.known_ids(store, read_ids(ids))
        deleted = store.delete(known)
    click.echo(f"{deleted:,} products removed")
    if unknown:
        raise click.ClickException(f"not in the store: {', '.join(unknown)}")


@click.command()
@click.argument("url")
@store_options
def push(url: str, location: str, collection: str, quiet: bool) -> None:
    """Copy the store to the Qdrant server at URL, vectors and labels and all, without embedding again.

    \b
    Example:
      docker compose up -d && assort push http://localhost:6333
    """
    if not url.startswith(("http://", "https://")):
        raise click.BadParameter(f"a server's URL begins with http:// or https://, got '{url}'")
    with (
        opened(location, collection, quiet=quiet) as source,
        opened(url, collection, create=True, quiet=quiet) as target,
        progress_bar("copying", source.count(), quiet=quiet) as progress,
    ):
        written = copy_store(source, target, progress=progress)
    click.echo(f"{written:,} products copied to {url}")


COMMANDS = (sample, info, export, delete, push)
