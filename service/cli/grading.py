"""`assort evaluate` and `assort validate`: which result to trust, and what is wrong in a store."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, note, opened, print_json, progress_bar, seed_option, store_options
from .printing import print_table

if TYPE_CHECKING:
    from ..grading import Grading

_ROWS = (
    "label", "method", "on", "products", "clusters", "largest", "median", "singletons", "noise",
    "silhouette", "95 %", "davies_bouldin", "calinski_harabasz",
)  # fmt: skip
_GRAPH = ("label", "edges", "modularity", "coverage", "conductance", "conductance_worst")
_TRUTH = (
    "label", "products", "classes", "ari", "ami", "nmi", "fowlkes_mallows", "homogeneity", "completeness",
    "v_measure", "purity",
)  # fmt: skip
_PAIRS = (
    "label", "pairwise_precision", "pairwise_recall", "pairwise_f1",
    "b_cubed_precision", "b_cubed_recall", "b_cubed_f1",
)  # fmt: skip
_STABILITY = ("label", "seeds_mean", "seeds_low", "seeds_high", "samples_mean", "samples_low", "samples_high")
_CHECKS = ("verdict", "check", "found", "of", "share", "examples")


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
@click.option(
    "--truth", metavar="FIELD|FILE", help="A field, another label, or a CSV, TSV or JSONL of product_id,label."
)
@click.option(
    "--sample", type=click.IntRange(min=2), default=2000, show_default=True, help="Rows scored by silhouette."
)
@click.option(
    "--stability", "rounds", type=click.IntRange(min=1), metavar="N", help="Make each label again N + N times."
)
@seed_option("Of the samples.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for confusion matrices as PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with the confusion matrices.")
@store_options
def evaluate(
    names: tuple[str, ...],
    rounds: int | None,
    out: Path | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
    **asked: Any,
) -> None:
    """Grade the labels NAME..., or all: by vectors and graphs, against a truth, and by whether they come back.

    Silhouette, Davies-Bouldin and Calinski-Harabasz leave noise out; against a truth, noise is clusters of one product.
    The truth `categories:1` is the first level of the categories; FILE:COLUMN takes another column than the second.

    \b
    Example:
      assort evaluate identity similarity --truth brand --stability 3
    """
    from .. import grading

    if out is not None and asked["truth"] is None:
        raise click.UsageError("--out draws clusters against a truth: give --truth, too")
    with opened(location, collection, quiet=quiet) as store:
        bar = partial(progress_bar, quiet=quiet)
        graded = grading.evaluate(store, names, rounds=rounds or 0, bar=bar, **asked)
    if as_json:
        print_json([each.as_dict() for each in graded])
    else:
        _print_gradings(graded, quiet=quiet)
    for file in [] if out is None else grading.write_confusions(graded, out):
        note(f"{file} written", quiet=quiet)


def _print_gradings(graded: Sequence["Grading"], *, quiet: bool) -> None:
    """Print a table a group of grades, a line a label, and beside them what was left out."""
    own = [{**each.as_dict(), **each.as_dict()["sizes"], **each.intrinsic, "95 %": _interval(each)} for each in graded]
    _print_group("by their own vectors", own, _ROWS)
    _print_group("by their graphs", [{"label": each.label, **each.graph} for each in graded if each.graph], _GRAPH)
    against = [{"label": each.label, **each.truth} for each in graded if "ari" in each.truth]
    if against:
        truth = against[0]
        left_out = f"{truth['without_truth']:,} products without it left out"
        strangers = f", {truth['strangers']:,} in the file that are not here" if truth["strangers"] else ""
        _print_group(f"against {truth['name']}, {left_out}{strangers}", against, _TRUTH)
        _print_group("the same by pairs, and by products (B-cubed)", against, _PAIRS)
    again = [
        {"label": each.label}
        | {f"{kind}_{name}": value for kind, found in each.stability.items() for name, value in found.items()}
        for each in graded
        if each.stability
    ]
    _print_group("made again: adjusted Rand index with the label", again, _STABILITY)
    for each in graded:
        for text in each.notes:
            note(f"{each.label}: {text}", quiet=quiet)


def _interval(grading: "Grading") -> str | None:
    low, high = (grading.intrinsic.get(f"silhouette_{end}") for end in ("low", "high"))
    return None if low is None or high is None else f"{low:.4f} to {high:.4f}"


def _print_group(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> None:
    """Print one table under its title, figures to four digits."""
    if rows:
        click.echo(f"\n{title}")
        digits = [{name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()} for row in rows]
        print_table(digits, columns)


@click.command()
@click.option("--all", "everything", is_flag=True, help="Also list the checks that found nothing.")
@json_option
@store_options
def validate(everything: bool, as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """Check what a careful analyst would: vectors, labels, pictures and the record of the runs. Exit 1 when broken.

    `look` is for a person to judge: a supermarket has no cluster of 200 equal products, a bookshop may.

    \b
    Example:
      assort validate && assort export clusters.csv
    """
    from .. import validation

    with (
        opened(location, collection, quiet=quiet) as store,
        progress_bar("checking", validation.passes(store) * store.count(), quiet=quiet) as progress,
    ):
        checks = validation.validate(store, progress=progress)
    broken = [check.name for check in checks if check.verdict == "broken"]
    if as_json:
        print_json([check.as_dict() for check in checks])
    else:
        shown = [check for check in checks if everything or check.verdict != "ok"]
        if shown:
            print_table([check.as_dict() for check in shown], _CHECKS)
        well = sum(check.verdict == "ok" for check in checks)
        click.echo(f"{well} of {len(checks)} checks found nothing wrong{'' if everything else ': --all lists them'}")
    for check in checks:
        if check.verdict != "ok":
            note(f"{check.name}: {check.verdict}, for the rule is: {check.rule}", quiet=quiet or as_json)
    if broken:
        raise click.ClickException(f"broken: {'; '.join(broken)}")


COMMANDS = (evaluate, validate)
