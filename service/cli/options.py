"""Options that commands share, each declared once: option > ASSORT_* variable > default."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import click
from tqdm import tqdm

from indexer.store import Condition, ProductStore, open_store, parse_condition

Command = TypeVar("Command", bound=Callable[..., Any])


def store_options(command: Command) -> Command:
    """Add --store, --collection and --quiet."""
    for option in (
        click.option("--quiet", is_flag=True, help="No progress bars and no notes."),
        click.option(
            "--collection", envvar="ASSORT_COLLECTION", default="products", show_default=True, show_envvar=True
        ),
        click.option(
            "--store",
            "location",
            metavar="PATH|URL",
            envvar="ASSORT_STORE",
            default="./assort-store",
            show_default=True,
            show_envvar=True,
            help="A folder, or the URL of a Qdrant server.",
        ),
    ):
        command = option(command)
    return command


def _conditions(ctx: click.Context, param: click.Parameter, expressions: Sequence[str]) -> tuple[Condition, ...]:
    try:
        return tuple(parse_condition(expression) for expression in expressions)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def answer_options(command: Command) -> Command:
    """Add --where, --limit and --json."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print JSON."),
        click.option("--limit", type=click.IntRange(min=1), default=10, show_default=True, help="Most products."),
        click.option(
            "--where",
            multiple=True,
            callback=_conditions,
            metavar="FIELD=VALUE",
            help="Only products for which this holds: =, !=, <, <=, >, >=; commas are OR, repeated options AND.",
        ),
    ):
        command = option(command)
    return command


@contextmanager
def opened(location: str, collection: str, *, create: bool = False, quiet: bool = False) -> Iterator[ProductStore]:
    """Open the store for one command."""
    with open_store(location, collection, create=create) as store:
        if unfinished := store.unfinished_labels():
            note(
                f"half written by a run cut short, and not shown: {', '.join(unfinished)}; run `assort cluster` again",
                quiet=quiet,
            )
        yield store


def read_ids(ids: Sequence[str]) -> list[str]:
    """Give the ids of a command line; a lone - stands for those on stdin, one a line."""
    return [line.strip() for line in sys.stdin if line.strip()] if tuple(ids) == ("-",) else list(ids)


def note(text: str, *, quiet: bool = False) -> None:
    """Say something to the person at the terminal, apart from the results."""
    if not quiet:
        click.echo(text, err=True)


def print_json(value: Any) -> None:
    """Print a result as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


@contextmanager
def progress_bar(
    what: str, total: int | None, *, quiet: bool, unit: str = "products"
) -> Iterator[Callable[[int], None]]:
    """Draw a bar with rate and ETA on stderr for what takes over two seconds; none where stderr is no terminal."""
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(total=total, desc=what, unit=f" {unit}", delay=2, disable=hidden, smoothing=0.1) as bar:
        yield lambda done: bar.update(done) and None
