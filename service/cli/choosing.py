"""`assort choose-k` and `assort compare`: how many clusters, and by which method."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from .methods import read_pairs
from .options import USUAL, json_option, note, on_option, opened, print_json, progress_bar, seed_option, store_options
from .printing import print_table

_METHODS = ("kmeans", "minibatch-kmeans", "gmm", "agglomerative", "leiden")
_OUT = click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Also write a page with charts here."
)
_RANGE = "From A to B, or just these, but not for leiden.  [default: 2:200; of leiden, any]"


def _range(ctx: click.Context, param: click.Parameter, value: str | None) -> Any:
    from ..choosing import Range

    try:
        return None if value is None else Range.parsed(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


@click.command("choose-k")
@click.option(
    "--method",
    type=click.Choice(_METHODS),
    default="kmeans",
    show_default=True,
    help="Whose number; of agglomerative with Ward's linkage.",
)
@on_option(USUAL)
@click.option("--range", "ks", callback=_range, metavar="A:B|A,B", help=_RANGE)
@click.option("--sample", type=click.IntRange(min=4), help="Most products looked at.  [default: as suits the method]")
@seed_option()
@_OUT
@json_option
@store_options
def choose_k(
    method: str,
    on: str | None,
    ks: Any,
    sample: int | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Say how many clusters there are, by every criterion, or that no number is clear; for Leiden, which resolution.

    \b
    Example:
      assort choose-k --on text --range 2:200
      assort choose-k --on image --range 5,35
      assort choose-k --method leiden --out reports
    """
    from ..vectors import usual

    if method == "leiden" and ks is not None and ks.closed:
        ends = f"{ks.ks[0]}:{ks.ks[-1]}"
        raise click.UsageError(f"Leiden takes a resolution, no number of clusters: ask for --range {ends}")
    say, bar = partial(note, quiet=quiet), partial(progress_bar, quiet=quiet)
    with opened(location, collection, quiet=quiet) as store:
        asked = {"on": on or usual(store), "ks": ks, "sample": sample, "seed": seed, "say": say, "bar": bar}
        (_profiled if method == "leiden" else _chosen)(store, method, asked, out, as_json)


def _chosen(store: Any, method: str, asked: dict[str, Any], out: Path | None, as_json: bool) -> None:
    from .. import choosing

    choice = choosing.choose_number(store, method, **asked)
    found = choosing.choice_as_dict(choice, method=method, on=asked["on"], seed=asked["seed"])
    if as_json:
        print_json(found)
    else:
        rows = found["scores"]
        print_table(rows, [name for name in rows[0] if name != "silhouette_error" and _known(rows, name)])
        k = found["recommended"]
        click.echo(found["reason"] if k is None else f"k = {k}: {found['reason']}")
    if out is not None:
        _tell(choosing.write_choice(choice, out, title=f"How many clusters by {method}"), asked["say"])


def _profiled(store: Any, method: str, asked: dict[str, Any], out: Path | None, as_json: bool) -> None:
    from .. import choosing

    profile = choosing.choose_resolution(store, **asked)
    found = choosing.profile_as_dict(profile, on=asked["on"], seed=asked["seed"])
    if as_json:
        print_json(found)
    else:
        print_table(found["points"], list(found["points"][0]))
        click.echo(f"resolution {profile.resolution:.3g}: {profile.reason}")
    if out is not None:
        _tell(choosing.write_profile(profile, out, title="Which resolution for Leiden"), asked["say"])


def _known(rows: Sequence[Mapping[str, Any]], name: str) -> bool:
    """Say whether any row has a value in a column."""
    return any(row.get(name) is not None for row in rows)


def _tell(written: list[Path], say: Any) -> None:
    say(f"written: {', '.join(map(str, written))}")


_SHOWN = ("name", "method", "seconds", "memory_mb", "clusters", "largest", "noise", "silhouette", "davies_bouldin",
          "calinski_harabasz", "ari", "ami", "v_measure", "b_cubed_f1", "purity", "failed")  # fmt: skip


@click.command()
@click.argument("pairs", metavar="NAME=METHOD...", nargs=-1, required=True)
@on_option(USUAL)
@click.option("--k", metavar="N", help="Clusters, for all methods that take a number.")
@click.option(
    "--set",
    "sets",
    multiple=True,
    callback=read_pairs,
    metavar="[NAME.]PARAM=VALUE",
    help="Of one method, or of all that have it.",
)
@click.option("--truth", metavar="FIELD|FILE", help="Also grade against a field of the products, or a CSV file.")
@seed_option()
@_OUT
@json_option
@store_options
def compare(
    pairs: tuple[str, ...],
    on: str | None,
    k: str | None,
    sets: dict[str, str],
    truth: str | None,
    seed: int,
    out: Path | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Run several methods on the same vectors and grade them side by side; the store stays as it is.

    \b
    Example:
      assort compare kmeans hdbscan --k 30 --truth brand
      assort compare few=kmeans many=kmeans --set few.k=5 --set many.k=35 --on image --out reports
    """
    from .. import comparison
    from ..vectors import usual

    who = comparison.contenders(pairs, sets, k)
    say, bar = partial(note, quiet=quiet), partial(progress_bar, quiet=quiet, unit="methods")
    with opened(location, collection, quiet=quiet) as store:
        found = comparison.compare(store, who, on=on or usual(store), seed=seed, truth=truth, say=say, bar=bar)
    table = found.as_dicts()
    if as_json:
        print_json(table)
    else:
        print_table(table, [name for name in _SHOWN if _known(table, name)])
        say(comparison.MEASURED_HOW)
    if not any(row.worked for row in found.rows):
        raise click.ClickException(f"no method could do it: {found.rows[0].measured.reason}")
    if out is not None:
        _tell(comparison.write_comparison(found, out, seed=seed, title="Methods compared"), say)


COMMANDS = (choose_k, compare)
