"""`assort taxonomy` and `assort name`: levels of clusters, and what clusters are called."""

import re
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    USUAL,
    json_option,
    note,
    note_clusters,
    on_option,
    opened,
    print_json,
    progress_bar,
    seed_option,
    store_options,
)
from .pictures import weights_option
from .printing import print_table

if TYPE_CHECKING:
    from ..branches import Twig
    from ..taxonomy import Branch

_FIGURES = ("label", "clusters", "largest", "singletons", "stability")


def _levels(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    """Read 3 or 2..5."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", value.strip())
    if not found or not 1 <= int(found[1]) <= int(found[2] or found[1]):
        raise click.BadParameter(f"'{value}' is neither a number of levels, such as 3, nor a range, such as 2..5")
    return int(found[1]), int(found[2] or found[1])


def _branch(ctx: click.Context, param: click.Parameter, value: str | None) -> "Branch | None":
    """Read taxonomy_1=3."""
    if value is None:
        return None
    from ..taxonomy import Branch

    found = re.fullmatch(r"taxonomy_([1-9]\d*)=(\d+)", value.strip())
    if not found:
        raise click.BadParameter(f"'{value}' is no branch: write for example taxonomy_1=3")
    return Branch(int(found[1]), int(found[2]))


@click.command()
@click.option("--levels", callback=_levels, metavar="N|N..N", help="How many.  [default: 2..5]")
@on_option(f"{USUAL}; below a branch, those of the taxonomy")
@click.option("--within", callback=_branch, metavar="taxonomy_N=CLUSTER", help="Cluster anew only below this one.")
@click.option("--show", is_flag=True, help="Show the taxonomy there is; cluster nothing.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the tree as a page to browse."
)
@seed_option()
@weights_option
@json_option
@store_options
def taxonomy(
    show: bool, out: Path | None, as_json: bool, location: str, collection: str, quiet: bool, **asked: Any
) -> None:
    """Cluster all products on several levels, each cluster inside one of the level above, and name them.

    The levels become the labels taxonomy_1 (the coarsest) and so on. How many there are, within --levels, and how fine
    each is, is chosen by how well runs with different seeds agree.

    \b
    Example:
      assort taxonomy --levels 3 --out taxonomy
      assort taxonomy --within taxonomy_1=3
    """
    from ..branches import twigs

    _check(show=show, **asked)
    with opened(location, collection, quiet=quiet) as store:
        results = {} if show else _made(store, quiet=quiet, **asked)
        found = twigs(store)
        written = _write(store, found, out) if out else []
    if as_json:
        print_json({"levels": results, "tree": [asdict(twig) for twig in found], "files": [str(f) for f in written]})
    else:
        _print(results, found)
        click.echo("".join(f"{file}\n" for file in written), nl=False)


def _check(*, show: bool, **asked: Any) -> None:
    """Refuse options that would be ignored."""
    ways = [f"--{name}" for name in ("levels", "within", "on", "weights") if asked[name] is not None]
    if show and ways:
        raise click.UsageError(f"--show shows the whole taxonomy as it is: leave {' and '.join(ways)} away")
    if asked["levels"] and asked["within"]:
        raise click.UsageError("below a branch there are as many levels as before: leave --levels away")


def _made(
    store: Any, *, levels: tuple[int, int] | None, on: str | None, within: "Branch | None", quiet: bool, **asked: Any
) -> dict[str, Any]:
    """Make the taxonomy."""
    from ..taxonomy import TaxonomyOptions, make_taxonomy

    fewest, most = levels or (2, 5)
    options = TaxonomyOptions(fewest=fewest, most=most, on=on or "", within=within, **asked)
    say, bar = partial(note, quiet=quiet), partial(progress_bar, quiet=quiet)
    return make_taxonomy(store, options, say=say, bar=bar)


def _write(store: Any, found: "list[Twig]", folder: Path) -> list[Path]:
    """Write the page with the tree, and the dendrogram as a picture."""
    from ..branches import dendrogram, nodes
    from ..report.charts import dendrogram_chart
    from ..report.page import Chart, Text, write_page
    from ..report.tree import Tree

    linkage, leaves = dendrogram(store)
    about = f"{sum(twig.size for twig in found):,} products; each branch shows its size and some of its products."
    blocks: list[Any] = [Text(about), Tree(nodes(found))]
    if len(leaves) > 1:
        chart = dendrogram_chart(linkage, leaves=leaves, title="What lies near what")
        blocks.append(Chart(chart, "Dendrogram of the clusters of one level", "dendrogram.png"))
    return write_page(folder / "taxonomy.html", f"Taxonomy of {store.name}", blocks)


def _print(results: dict[str, Any], found: "list[Twig]") -> None:
    from ..branches import lines

    if results:
        print_table([{"label": label, **figures} for label, figures in results.items()], _FIGURES)
    for line in lines(found, depth=2, width=12):
        click.echo(line)


@click.command()
@click.argument("label", metavar="NAME")
@click.argument("cluster", type=click.IntRange(min=0), required=False)
@click.argument("text", required=False)
@click.option("--limit", type=click.IntRange(min=1), help="Most clusters shown; 20 as text, all with --json.")
@json_option
@store_options
def name(
    label: str,
    cluster: int | None,
    text: str | None,
    limit: int | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Name all clusters of the label NAME by what their products have in common; or give CLUSTER the name TEXT.

    A name given by hand stays when clusters are named or found anew; an empty TEXT takes it back.

    \b
    Example:
      assort name similarity
      assort name similarity 12 "Cases for iPhone XR"
    """
    from ..names import name_clusters, named_clusters, rename

    if cluster is not None and text is None:
        raise click.UsageError('give the cluster a name: assort name similarity 12 "Cases for iPhone XR"')
    with opened(location, collection, quiet=quiet) as store:
        if cluster is not None and text is not None:
            rename(store, label, cluster, text)
        else:
            name_clusters(store, label)
        rows = named_clusters(store, label, limit=limit or (None if as_json else 20))
        total = 0 if as_json else len(store.cluster_sizes(label))
    note_clusters(len(rows), total, quiet=quiet)
    print_json(rows) if as_json else print_table(rows, ("cluster", "size", "name", "edited"))


COMMANDS = (taxonomy, name)
