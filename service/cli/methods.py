"""`assort cluster NAME --method`, `assort predict` and `assort model`: labels by any method, and their models."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click

from .options import USUAL, json_option, note, on_option, opened, print_json, progress_bar, seed_option, store_options
from .pictures import weights_option
from .printing import print_table

_SHOWN = ("label", "clusters", "largest", "singletons", "noise")


def read_pairs(ctx: click.Context, param: click.Parameter, pairs: Sequence[str]) -> dict[str, str]:
    """Read eps=0.3."""
    found = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name.strip() and equals and value.strip()):
            raise click.BadParameter(f"'{pair}' is not PARAM=VALUE, for example min_cluster_size=10")
        found[name.strip()] = value.strip()
    return found


class LabelGroup(click.Group):
    """Knows the kinds of cluster as commands, and any other name as a label that --method makes."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Find the command of a kind, or make one for a label."""
        return super().get_command(ctx, cmd_name) or _labelled(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take a kind's name for a label's, too, where a method is named."""
        if args and any(arg.partition("=")[0] == "--method" for arg in args[1:]):
            return args[0], _labelled(args[0]), args[1:]
        return super().resolve_command(ctx, args)


def _labelled(label: str) -> click.Command:
    """Make the command of one label."""
    from ..methods import METHODS, NOISES

    methods = "\n".join(f"  {name.ljust(18)}{method.summary}" for name, method in METHODS.items())
    command: Any = partial(_run, label)
    for option in (
        json_option,
        seed_option(),
        weights_option,
        click.option(
            "--noise", type=click.Choice(NOISES), default="keep", show_default=True,
            help="What belongs nowhere stays so, as cluster -1, or joins the nearest cluster.",
        ),
        click.option("--set", "pairs", multiple=True, callback=read_pairs, metavar="PARAM=VALUE", help="Of METHOD."),
        click.option("--k", metavar="N", help="How many clusters: short for --set k=N."),
        click.option("--resolution", metavar="N|auto", help="Of leiden: short for --set resolution=N; auto finds it."),
        on_option(f"those of before, else {USUAL}"),
        click.option("--method", type=click.Choice(list(METHODS)), required=True, help="How; see above."),
    ):  # fmt: skip
        command = option(command)
    text = (
        f"Cluster all products by any method, and write the result as the label {label}.\n\n"
        f"\b\nMethods:\n{methods}\n\n"
        "`assort choose-k` says how many clusters to ask for, and of leiden which resolution.\n\n"
        f"\b\nExample:\n  assort cluster {label} --method hdbscan --set min_cluster_size=10"
    )
    return click.command(name=label, help=text)(store_options(command))


def _run(
    label: str,
    *,
    method: str,
    on: str | None,
    k: str | None,
    resolution: str | None,
    pairs: dict[str, str],
    noise: Any,
    weights: dict[str, float] | None,
    seed: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    from clustering.methods import settings_of

    from ..methods import METHODS, MethodOptions, cluster_by, usual_vectors
    from ..resolution import AUTO

    short = {"k": k, "resolution": resolution}
    given = {**{name: value for name, value in short.items() if value is not None}, **pairs}
    if given.get("resolution") == AUTO:
        given["resolution"] = "none"  # nobody's choice: found by the method
    settings = settings_of(METHODS[method], given)
    bar = partial(progress_bar, quiet=quiet)
    with opened(location, collection, quiet=quiet) as store:
        options = MethodOptions(method, seed, on or usual_vectors(store, label), settings, noise, weights)
        found = cluster_by(store, label, options, say=lambda text: note(text, quiet=quiet), bar=bar)
    if as_json:
        print_json({label: found})
    else:
        print_table([{"label": label, **found}], _SHOWN)


@click.command()
@click.argument("label", metavar="NAME")
@click.option("--all", "everything", is_flag=True, help="Products that have the label get it anew, too.")
@click.option("--text", "texts", multiple=True, help="Say where a product with this text would go; writes nothing.")
@json_option
@store_options
def predict(
    label: str, everything: bool, texts: tuple[str, ...], as_json: bool, location: str, collection: str, quiet: bool
) -> None:
    """Put new products into the clusters of the label NAME, by the model kept when it was made.

    Where NAME is a level of the taxonomy, such as taxonomy_1, they are put into all levels, for these are nested.

    \b
    Example:
      assort index new-products.csv && assort predict shelf
    """
    from .. import predicting
    from ..names import names_of

    with opened(location, collection, quiet=quiet) as store:
        if texts:
            found = predicting.predict_texts(store, label, texts)
            names = names_of(store, label, {number for number, _ in found})
            rows = [
                {"text": text, "cluster": number, "name": names.get(number, ""), "membership": sure}
                for text, (number, sure) in zip(texts, found, strict=True)
            ]
            print_json(rows) if as_json else print_table(rows, list(rows[0]))
            return
        say, bar = partial(note, quiet=quiet), partial(progress_bar, quiet=quiet)
        summary = predicting.predict(store, label, everything=everything, say=say, bar=bar)
    if as_json:
        print_json(summary)
        return
    without = f"; {summary['without_vector']:,} products have no vector" if summary["without_vector"] else ""
    click.echo(f"{summary['predicted']:,} products put into clusters of '{label}', {summary['noise']:,} noise{without}")


@click.group()
def model() -> None:
    """Take out or bring in the model of a label: safetensors with its settings as JSON, never a pickle."""


@model.command(name="export")
@click.argument("label", metavar="NAME")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@store_options
def export_(label: str, file: Path, location: str, collection: str, quiet: bool) -> None:
    """Write the model of the label NAME to FILE.

    \b
    Example:
      assort model export shelf shelf.safetensors
    """
    from ..predicting import export_model

    with opened(location, collection, quiet=quiet) as store:
        content = export_model(store, label)
    file.write_bytes(content)
    note(f"{file}: {len(content) / 1e6:.1f} MB", quiet=quiet)


@model.command(name="import")
@click.argument("label", metavar="NAME")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@store_options
def import_(label: str, file: Path, location: str, collection: str, quiet: bool) -> None:
    """Keep the model in FILE for the label NAME, which `assort predict NAME` then writes.

    \b
    Example:
      assort model import shelf shelf.safetensors && assort predict shelf
    """
    from ..predicting import import_model

    with opened(location, collection, quiet=quiet) as store:
        about = import_model(store, label, file.read_bytes())
    if about["brought"]:
        kinds = " and ".join(about["brought"])
        note(f"what makes the vectors '{kinds}' came along: assort index SOURCE makes them, then", quiet=quiet)
    note(f"next: assort predict {label}, which puts products into its {len(about['numbers']):,} clusters", quiet=quiet)


COMMANDS = (predict, model)
