"""`assort explore` and `assort report`."""

from functools import partial
from pathlib import Path

import click

from .options import json_option, note, opened, print_json, progress_bar, seed_option, store_options

_ON = ("text", "image", "features", "fused")  # as `vectors.ON`, which loads what no help needs


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("explore"),
    show_default=True,
    help="The folder that the page and its pictures are written into.",
)
@click.option(
    "--sample",
    type=click.IntRange(min=1),
    default=100_000,
    show_default=True,
    help="Products that distributions and correlations are of; all else counts all.",
)
@seed_option("Of the sample.")
@json_option
@store_options
def explore(out: Path, sample: int, seed: int, as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """Show what the catalogue holds: gaps, distributions, correlations, common values, links and duplicates.

    \b
    Example:
      assort explore --out explore
    """
    from ..exploring import explore as look
    from ..report.exploration import exploration_blocks, exploration_lines
    from ..report.page import write_page

    with (
        opened(location, collection, quiet=quiet) as store,
        progress_bar("reading", 2 * store.count(), quiet=quiet) as progress,
    ):
        found = look(store, seed=seed, sample=sample, progress=progress)
    title = f"What the collection '{found.collection}' holds"
    files = [str(file) for file in write_page(out / "explore.html", title, exploration_blocks(found))]
    if as_json:
        print_json({**found.as_dict(), "files": files})
    else:
        click.echo("\n".join(exploration_lines(found)))
        note(f"written: {files[0]} and {len(files) - 1} pictures beside it", quiet=quiet)


@click.command()
@click.argument("name")
@click.option("--truth", metavar="FIELD", help="A field, or a file of product_id and label, to hold it against.")
@click.option("--on", type=click.Choice(_ON), help="What the map is drawn by.  [default: what the label was made from]")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("report"),
    show_default=True,
    help="The folder that the page and its pictures are written into.",
)
@click.option("--sample", type=click.IntRange(min=1), help="Most products on the map.  [default: all]")
@seed_option("Of the map and the samples.")
@json_option
@store_options
def report(
    name: str,
    truth: str | None,
    on: str | None,
    out: Path,
    sample: int | None,
    seed: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Write the page of the label NAME: how it came about, its grades, a map, its clusters with examples.

    \b
    Example:
      assort report similarity --out report
    """
    from ..report.label_page import label_blocks, label_line
    from ..report.page import write_page
    from ..reporting import report as gather

    with opened(location, collection, quiet=quiet) as store:
        found = gather(
            store, name, seed=seed, truth=truth, on=on, sample=sample, bar=partial(progress_bar, quiet=quiet)
        )
    title = f"Label '{name}' of the collection '{collection}'"
    files = [str(file) for file in write_page(out / f"{name}.html", title, label_blocks(found))]
    if as_json:
        print_json({**found.as_dict(), "files": files})
    else:
        click.echo(label_line(found))
        note(f"written: {files[0]} and {len(files) - 1} pictures beside it", quiet=quiet)


COMMANDS = (explore, report)
