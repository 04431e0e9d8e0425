"""`assort grids`."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .options import json_option, note, opened, print_json, progress_bar, store_options

if TYPE_CHECKING:
    from ..report import GridSummary


def _numbers(ctx: click.Context, param: click.Parameter, value: str | None) -> list[int]:
    """Read 3,17,40."""
    numbers = value.split(",") if value else []
    for number in numbers:
        if not number.strip().isdecimal():
            raise click.BadParameter(f"'{number}' is no cluster's number: write for example 3,17,40")
    return [int(number) for number in numbers]


@click.command()
@click.argument("label", metavar="NAME")
@click.option(
    "--per-cluster",
    type=click.IntRange(5, 25),
    default=15,
    show_default=True,
    help="Products on a cluster's page, beside a row of those without a picture.",
)
@click.option("--clusters", callback=_numbers, metavar="N,N,...", help="Only these.  [default: the largest]")
@click.option("--limit", type=click.IntRange(min=1), default=200, show_default=True, help="How many of the largest.")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("grids"),
    show_default=True,
    help="The folder they are written into.",
)
@click.option(
    "--font",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A .ttf or .otf file for titles that are not in English letters.",
)
@json_option
@store_options
def grids(
    label: str,
    per_cluster: int,
    clusters: list[int],
    limit: int,
    out: Path,
    font: Path | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Draw a page of pictures for each cluster of the label NAME, and contact sheets of all.

    A page shows the most central products of a cluster, the most diverse and the farthest from its centre, or for
    complementary those of each role: what is used together, the most frequent kind first.

    \b
    Example:
      assort grids similarity --per-cluster 15 --out grids
    """
    from ..pictures import gather
    from ..report import Typeface, write_grids

    with (
        opened(location, collection, quiet=quiet) as store,
        progress_bar("reading", store.count(), quiet=quiet) as progress,
    ):
        shown = gather(store, label, clusters=clusters, limit=limit, progress=progress)
    with progress_bar("drawing", len(shown.names), quiet=quiet, unit="clusters") as progress:
        drawn = write_grids(
            shown.clusters,
            out,
            label=label,
            names=shown.names,
            per_cluster=per_cluster,
            chosen=bool(clusters),
            face=Typeface(font),
            progress=progress,
        )
    if len(shown.names) < shown.of_all and not clusters:
        note(f"the {len(shown.names):,} largest of {shown.of_all:,} clusters; --limit shows more", quiet=quiet)
    if as_json:
        print_json({**asdict(drawn), "folder": str(out), "sheets": [str(sheet) for sheet in drawn.sheets]})
    else:
        click.echo(_told(drawn))


def _told(drawn: "GridSummary") -> str:
    """Say what was drawn, in a line."""
    lacking = ", ".join(f"{reason} {count:,}" for reason, count in sorted(drawn.missing.items()))
    without = f"; drawn without one: {lacking}" if lacking else ""
    sheets = ", ".join(str(sheet) for sheet in drawn.sheets)
    pages = f"{drawn.grids:,} page{'' if drawn.grids == 1 else 's'} in {drawn.folder}"
    return f"{pages}, together on {sheets}: {drawn.pictures:,} pictures{without}"


COMMANDS = (grids,)
