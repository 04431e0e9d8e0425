"""Options that commands share, each declared once: option > ASSORT_* variable > default."""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

import click
from tqdm import tqdm

from indexer.embedders.models import DEFAULT_MODEL
from indexer.embedders.tiers import SPEEDS
from indexer.store import Condition, ProductStore, open_store, parse_condition

Command = TypeVar("Command", bound=Callable[..., Any])


USUAL = "text, or features where these are made of listens"
"""What `vectors.usual` says, in words."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def seed_option(help: str = "Makes it repeatable.") -> Callable[[Command], Command]:
    """Make --seed, whose help says of what."""
    return click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help=help)


def on_option(default: str) -> Callable[[Command], Command]:
    """Make --on, whose help says what is taken where nobody says so."""
    return click.option(
        "--on", type=click.Choice(["text", "image", "features", "fused"]), help=f"Which vectors.  [default: {default}]"
    )


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


def text_model_options(command: Command) -> Command:
    """Add --text-model and --speed."""
    for option in (
        click.option(
            "--speed",
            type=click.Choice(SPEEDS),
            envvar="ASSORT_SPEED",
            show_envvar=True,
            help="accurate: several times as fast as PyTorch, nearly the same vectors; balanced: the first words only; "
            "fast: hundreds of times as fast, without a word's context. What it costs is measured and said.  "
            "[default: as the collection was made, else accurate]",
        ),
        click.option(
            "--text-model",
            help=f"Hugging Face name or folder.  [default: as the collection was made, else {DEFAULT_MODEL}]",
        ),
    ):
        command = option(command)
    return command


def _bytes(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Read a size: 500MB, 4GB (thousands), 4GiB (1,024s)."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?) ?([kmgt])(i?)b", value.strip(), flags=re.IGNORECASE)
    if not found or not float(found[1]):
        raise click.BadParameter(f"'{value}' is no size such as 500MB, 4GB or 4GiB")
    return int(float(found[1]) * (1024 if found[3] else 1000) ** (1 + "kmgt".index(found[2].lower())))


def max_memory_option(command: Command) -> Command:
    """Add --max-memory."""
    return click.option(
        "--max-memory",
        callback=_bytes,
        metavar="SIZE",
        envvar="ASSORT_MAX_MEMORY",
        show_envvar=True,
        help="Stay below, such as 4GB, if need be with vectors in a temporary file (in TMPDIR, which must be on a "
        "disk); mapped files, whose memory the system takes back when it is short, do not count.",
    )(command)


def answer_options(command: Command) -> Command:
    """Add --where, --limit and --json."""
    for option in (
        json_option,
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


def note_clusters(shown: int, total: int, *, quiet: bool) -> None:
    """Say how many clusters there are, where not all of them are shown."""
    if shown < total:
        note(f"{shown:,} of {total:,} clusters; --limit shows more", quiet=quiet)


def print_json(value: Any) -> None:
    """Print a result as JSON."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


class Advance(Protocol):
    """Moves a bar on by so many, with a word on how it goes."""

    def __call__(self, done: int, remark: str = "") -> None:
        """Move the bar on."""


@contextmanager
def progress_bar(what: str, total: int | None, *, quiet: bool, unit: str = "products") -> Iterator[Advance]:
    """Draw a bar with rate and ETA on stderr for what takes over two seconds; none where stderr is no terminal."""
    hidden = quiet or not sys.stderr.isatty()
    with tqdm(total=total, desc=what, unit=f" {unit}", delay=2, disable=hidden, smoothing=0.1) as bar:

        def advance(done: int, remark: str = "") -> None:
            if remark:
                bar.set_postfix_str(remark, refresh=False)
            bar.update(done)

        yield advance
