"""What the command line says of features: the options of `index`, and what became of them."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial, wraps
from typing import Any, cast, get_args

import click

from indexer.catalogue import Catalogues
from indexer.catalogue.formats import PRODUCT_FIELDS
from indexer.catalogue.listens import Aggregate, Listens, read_listens
from indexer.embedders.features import FeatureScaler, Scale
from indexer.embedders.plays import Plays
from indexer.featuring import Columns, FeatureSummary, columns_of, index_features, index_listens, kept_model
from indexer.store import LABELS, ProductStore

from .options import Command, note, progress_bar
from .sources import lines_of


@dataclass(frozen=True, slots=True)
class FeatureOptions:
    """How `index` was asked to make the vector `features`.

    Args:
        numeric: Fields that hold numbers.
        categorical: Fields that hold categories.
        scale: Common scale of the columns; None for as before, else standard.
        aggregate: Columns of a table of listens; None for other catalogues.
        refit: Whether what earlier runs have fitted is fitted again.
    """

    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    scale: Scale | None = None
    aggregate: Aggregate | None = None
    refit: bool = False


def _columns(ctx: click.Context, param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names of columns, each once."""
    names = tuple(dict.fromkeys(name.strip() for name in value.split(",") if name.strip()))
    for name in names:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise click.BadParameter(
                f"a field's name is letters, digits, - and _, got '{name}': call it otherwise with "
                f"--map NAME={name!r} and give NAME here"
            )
        if name in LABELS:
            raise click.BadParameter(
                f"'{name}' is a label that `assort cluster` writes: map the column to another name"
            )
    return names


def _aggregate(ctx: click.Context, param: click.Parameter, value: str | None) -> Aggregate | None:
    """Read ENTITY:COUNT."""
    if value is None:
        return None
    over, _, times = value.rpartition(":")
    if not over or not times or over == times:
        raise click.BadParameter(f"'{value}' is not ENTITY:COUNT, for example artist_id:play_count")
    return Aggregate(over, times)


_OPTIONS = (
    click.option(
        "--numeric",
        default="",
        callback=_columns,
        metavar="COLUMN,...",
        help="Columns of numbers that make the vector `features`; they are kept as fields of their own, too.",
    ),
    click.option(
        "--categorical", default="", callback=_columns, metavar="COLUMN,...", help="Columns of categories, likewise."
    ),
    click.option(
        "--scale",
        type=click.Choice(get_args(Scale)),
        help="standard: mean 0, standard deviation 1; minmax: from 0 to 1.  [default: as before, else standard]",
    ),
    click.option(
        "--aggregate",
        callback=_aggregate,
        metavar="ENTITY:COUNT",
        help="SOURCE has many lines a product: the vector `features` says how often (COUNT) each ENTITY stands with "
        "the product of --id, such as --id user --aggregate artist:plays for one product a user.",
    ),
    click.option("--refit", is_flag=True, help="Fit the features' scaler again; all their vectors change."),
)


def feature_options(command: Command) -> Command:
    """Add --numeric and what belongs to it; the command gets `features`, and `catalogues` keep the columns."""

    @wraps(command)
    def described(
        catalogues: Catalogues,
        numeric: tuple[str, ...],
        categorical: tuple[str, ...],
        scale: Scale | None,
        aggregate: Aggregate | None,
        refit: bool,
        **others: Any,
    ) -> Any:
        features = FeatureOptions(numeric, categorical, scale, aggregate, refit)
        if aggregate and (numeric or categorical):
            raise click.UsageError("--aggregate makes the features of counts: leave --numeric and --categorical away")
        if scale and not (numeric or categorical):
            raise click.UsageError("--scale is for --numeric and --categorical")
        if twice := set(numeric).intersection(categorical):
            raise click.UsageError(f"'{min(twice)}' is both --numeric and --categorical: give it to one of them")
        for option, names in (("--numeric", numeric), ("--categorical", categorical)):
            catalogues = catalogues.keeping(names, asked_by=option) if names else catalogues
        return command(catalogues=catalogues, features=features, **others)

    for option in reversed(_OPTIONS):
        described = option(described)
    return cast(Command, described)


def listens_of(catalogues: Catalogues, features: FeatureOptions, *, quiet: bool) -> Listens | None:
    """Read a table of listens whole, if that is what was asked for."""
    if features.aggregate is None:
        return None
    with progress_bar("reading", lines_of(catalogues) or None, quiet=quiet, unit="lines") as progress:
        listens = read_listens(catalogues, features.aggregate, progress=progress)
    products, values = listens.counts.shape
    note(
        f"{listens.lines:,} lines make {products:,} products, by how often ({features.aggregate.times}) each of "
        f"{values:,} {features.aggregate.over} stands with them",
        quiet=quiet,
    )
    return listens


def feature_run(
    store: ProductStore, features: FeatureOptions, listens: Listens | None, *, quiet: bool
) -> Callable[[], FeatureSummary] | None:
    """Prepare to make the products' features: as asked, or as earlier runs did; None where there are none."""
    kept, say = kept_model(store), partial(note, quiet=quiet)
    if listens is not None and features.aggregate is not None:
        before = (kept.over, kept.times) if isinstance(kept, Plays) else None
        _say_fitted(kept is not None, before == features.aggregate, features.refit, say)
        run = partial(index_listens, store, listens, features.aggregate, seed=0, refit=features.refit)
    elif features.numeric or features.categorical:
        before_columns = columns_of(kept) if isinstance(kept, FeatureScaler) else None
        scale = features.scale or (before_columns.scale if before_columns else "standard")
        asked = Columns(features.numeric, features.categorical, scale)
        same = before_columns is not None and before_columns.alike(asked)
        _say_fitted(kept is not None, same, features.refit, say)
        run = partial(index_features, store, asked, refit=features.refit)
    elif isinstance(kept, FeatureScaler):
        _say_fitted(True, True, features.refit, say)
        run = partial(index_features, store, refit=features.refit)
    else:
        if features.refit:
            raise click.UsageError("--refit is for features: name their columns with --numeric or --aggregate")
        if kept is not None:
            say(f"features are made of {kept.over}:{kept.times}: new products have none before index --aggregate")
        return None

    def featured() -> FeatureSummary:
        with progress_bar("features", store.count(), quiet=quiet) as progress:
            return run(progress=progress)

    return featured


def keeping_columns(catalogues: Catalogues, store: ProductStore, *, quiet: bool) -> Catalogues:
    """Have the columns kept that earlier runs made features of, where all SOURCEs have them."""
    kept = kept_model(store)
    if not isinstance(kept, FeatureScaler):
        return catalogues
    columns = (*columns_of(kept).numeric, *columns_of(kept).categorical)
    catalogues = catalogues.keeping(columns)
    if missing := [name for name in columns if name not in {*catalogues.options["mapping"], *PRODUCT_FIELDS}]:
        note(f"features: not every SOURCE has {', '.join(missing)}, so that this run reads none of it", quiet=quiet)
    return catalogues


def _say_fitted(there: bool, same: bool, refit: bool, say: Callable[[str], None]) -> None:
    """Say what becomes of a model that an earlier run has fitted."""
    if there and refit:
        say("features: fitted again, all vectors are made anew")
    elif there and same:
        say("features: made as the first run fitted them; --refit fits them again")
    elif there:
        say("features: other columns or another scale than before, so they are fitted again")


def print_features(made: FeatureSummary) -> None:
    """Say what became of the features."""
    click.echo(
        f"{made.products:,} products: {made.written:,} feature vectors of {made.columns:,} columns written, "
        f"{made.unchanged:,} unchanged, {made.without:,} products without one"
    )
    for name in dict.fromkeys([*made.imputed, *made.unreadable]):
        wrong = f"; no finite number: {made.unreadable[name]:,}" if name in made.unreadable else ""
        click.echo(f"  {name}, missing and filled in with the median: {made.imputed.get(name, 0):,}{wrong}")
    for name, others in made.others.items():
        click.echo(f"  {name}, categories so rare that they share a column: {others:,}")
    for name, unseen in made.unseen.items():
        click.echo(f"  {name}, categories that the scaler has never seen, counted as none before --refit: {unseen:,}")
    if made.constant:
        click.echo(f"  left out, the same in all products: {', '.join(made.constant)}")
    if made.unknown:
        click.echo(f"  counted, but not known to the model before --refit: {made.unknown:,}")
