"""`assort cluster` and `assort labels`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

import click

from .. import lookup
from .methods import LabelGroup
from .options import (
    json_option,
    max_memory_option,
    note,
    note_clusters,
    opened,
    print_json,
    progress_bar,
    seed_option,
    store_options,
)
from .pictures import weights_option
from .printing import print_table


class _Resolution(click.FloatRange):
    """A number above 0, or auto."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Leave auto as it is."""
        return value if value == "auto" else super().convert(value, param, ctx)


_resolution = click.option(
    "--resolution",
    type=_Resolution(min=0, min_open=True),
    metavar="NUMBER|auto",
    help="Of Leiden; more makes more and smaller clusters. auto runs it 51 times and takes the middle of the range of "
    "resolutions over which the clusters stay the same.",
)


def _neighbours(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --neighbours and --recall."""
    recall = click.option(
        "--recall",
        type=click.FloatRange(min=0, max=1, min_open=True),
        default=0.97,
        show_default=True,
        help="Share of the true neighbours to find; 1 compares every pair.",
    )
    number = click.option(
        "--neighbours", type=click.IntRange(min=1), default=15, show_default=True, help="Nearest neighbours a product."
    )
    return number(recall(command))


def _cells(ctx: click.Context, param: click.Parameter, value: str) -> int | None:
    if value == "auto":
        return None
    if not value.isdigit() or int(value) < 1:
        raise click.BadParameter(f"'{value}' is neither auto nor a whole number from 1")
    return int(value)


_k = click.option(
    "--k",
    default="auto",
    show_default=True,
    callback=_cells,
    help="Cells of k-means: a number, or auto for a fifth of the products.",
)


_on = click.option(
    "--on",
    type=click.Choice(["text", "fused"]),
    default="text",
    show_default=True,
    help="What k-means compares: texts, or texts and pictures.",
)


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --seed, --leiden, --names, --json, --max-memory and the store options."""
    command = click.option(
        "--leiden",
        type=click.Choice(["igraph", "leidenalg", "networkit"]),
        default="igraph",
        show_default=True,
        help="Implementation; networkit is the fastest, cuts similarity only, and is not repeatable.",
    )(command)
    command = json_option(command)
    command = click.option(
        "--names/--no-names", default=True, show_default=True, help="Name clusters; `assort name LABEL` does it later."
    )(command)
    seed = seed_option()
    return seed(max_memory_option(store_options(command)))


@click.group(cls=LabelGroup)
def cluster() -> None:
    """Find clusters of all products and write them into the store as labels.

    Any other NAME is a label of your own, made by a method of your choice: `assort cluster NAME --help` lists them.

    \b
    Example:
      assort cluster all --seed 7
      assort cluster shelf --method hdbscan --on fused
    """


@cluster.command()
@_k
@_on
@weights_option
@_run_options
def identity(k: int | None, **common: Any) -> None:
    """Find offers of the same product: k-means cells, refined by what tells products apart.

    \b
    Example:
      assort cluster identity --k 5000
    """
    _run(["identity"], k=k, **common)


@cluster.command()
@_neighbours
@_resolution
@weights_option
@_run_options
def similarity(neighbours: int, resolution: float | Literal["auto"] | None, **common: Any) -> None:
    """Find alternatives for one another: nearest neighbours by text and picture, and also_view, cut by Leiden.

    \b
    Example:
      assort cluster similarity --neighbours 15 --resolution 2
    """
    _run(["similarity"], neighbours=neighbours, similarity_resolution=resolution, **common)


@cluster.command()
@_neighbours
@_resolution
@_run_options
def complementary(neighbours: int, recall: float, resolution: float | Literal["auto"] | None, **common: Any) -> None:
    """Find what is used together: also_buy and bought_together, cut by Leiden; and rank each product's complements.

    \b
    Example:
      assort cluster complementary --resolution 4
    """
    _run(["complementary"], neighbours=neighbours, recall=recall, complementary_resolution=resolution, **common)


@cluster.command(name="all")
@_k
@_on
@_neighbours
@click.option("--resolution", type=click.Choice(["auto"]), help="Look for one that suits, for both; see `similarity`.")
@weights_option
@_run_options
def all_(k: int | None, neighbours: int, resolution: Literal["auto"] | None, **common: Any) -> None:
    """Find identity, similarity and complementary clusters in one run.

    \b
    Example:
      assort cluster all --seed 7
    """
    both: dict[str, Any] = {"similarity_resolution": resolution, "complementary_resolution": resolution}
    _run(["identity", "similarity", "complementary"], k=k, neighbours=neighbours, **both, **common)


def _run(
    kinds: Sequence[str],
    *,
    seed: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
    **options: Any,
) -> None:
    from ..runs import ClusterOptions
    from ..runs import cluster as run

    asked = {name: value for name, value in options.items() if value is not None}
    with opened(location, collection, quiet=quiet) as store:
        results = run(
            store,
            kinds,
            ClusterOptions(seed=seed, **asked),
            say=lambda text: note(text, quiet=quiet),
            bar=partial(progress_bar, quiet=quiet),
        )
    if as_json:
        print_json(results)
    else:
        print_table([{"label": kind, **figures} for kind, figures in results.items()], _SHOWN)


_SHOWN = ("label", "clusters", "largest", "singletons", "modularity", "recall")


@click.command()
@click.argument("name", required=False)
@click.option("--limit", type=click.IntRange(min=1), help="Most clusters of NAME; 20 as text, all with --json.")
@json_option
@store_options
def labels(name: str | None, limit: int | None, as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """List the labels, or the largest clusters of the label NAME with an example of each.

    \b
    Example:
      assort labels similarity --limit 5
    """
    most = None if as_json else 20
    with opened(location, collection, quiet=quiet) as store:
        rows = lookup.label_summary(store) if name is None else lookup.clusters(store, name, limit=limit or most)
        total = 0 if name is None or as_json else len(store.cluster_sizes(name))
    note_clusters(len(rows), total, quiet=quiet)
    if as_json:
        print_json(rows)
    elif rows:
        print_table(rows, [column for column in rows[0] if column != "noise" or any(row["noise"] for row in rows)])
    else:
        click.echo("no labels yet: run `assort cluster all` first")


COMMANDS = (cluster, labels)
