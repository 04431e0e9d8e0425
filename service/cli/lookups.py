"""Questions: similar, complements, search, products, show."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, get_args

import click

from indexer.store import Condition

from .. import lookup
from ..complements import complements as ranked_complements
from ..images import picture_vector, words_vector
from ..vectors import usual
from .options import USUAL, answer_options, json_option, note, opened, print_json, read_ids, store_options
from .pictures import weights_option
from .printing import print_answers, print_fields

Ask = Callable[[list[str]], Mapping[str, Sequence[lookup.Answer]]]


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option(
    "--by",
    type=click.Choice(get_args(lookup.By)),
    help="The meaning of the text, the picture, the features of index --numeric or --aggregate, or text and picture.  "
    f"[default: {USUAL}]",
)
@weights_option
@answer_options
@store_options
def similar(
    ids: tuple[str, ...],
    by: lookup.By | None,
    weights: dict[str, float] | None,
    where: tuple[Condition, ...],
    limit: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Find the products nearest to a product. Several IDS, or - for ids on stdin, one a line, are answered in bulk.

    \b
    Example:
      assort similar B07H8NVPJB --limit 5 --where 'price<50'
      assort similar B07H8NVPJB --by fused --weights text=0.3,image=0.7
      assort similar TRACK-17 --by features --json
    """
    if weights and by != "fused":
        raise click.UsageError("--weights are for --by fused")

    def ask(some: list[str]) -> Mapping[str, Sequence[lookup.Answer]]:
        return lookup.similar(store, some, by=by or usual(store), weights=weights, where=where, limit=limit)

    with opened(location, collection, quiet=quiet) as store:
        _answer(ids, ask, store, as_json)


@click.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--new-only", is_flag=True, help="Leave out what the catalogue already links to the product.")
@click.option("--no-substitutes", is_flag=True, help="Leave out the product's own similarity cluster.")
@answer_options
@store_options
def complements(
    ids: tuple[str, ...],
    new_only: bool,
    no_substitutes: bool,
    where: tuple[Condition, ...],
    limit: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Find what goes with a product, and why. Several IDS, or - for ids on stdin, one a line, are answered in bulk.

    The last complementary run ranked 50 for each product; filters choose among these.

    \b
    Example:
      assort complements B07H8NVPJB --new-only --no-substitutes
    """

    def ask(some: list[str]) -> Mapping[str, Sequence[lookup.Answer]]:
        return ranked_complements(
            store, some, where=where, limit=limit, new_only=new_only, no_substitutes=no_substitutes
        )

    with opened(location, collection, quiet=quiet) as store:
        _answer(ids, ask, store, as_json)


@click.command()
@click.argument("text", required=False)
@click.option("--by", type=click.Choice(["text", "image"]), default="text", show_default=True, help="What is searched.")
@click.option(
    "--image",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Search by this picture instead of by words.",
)
@answer_options
@store_options
def search(
    text: str | None,
    by: str,
    image: Path | None,
    where: tuple[Condition, ...],
    limit: int,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Find products by free TEXT: by its meaning and by its words; or by a picture.

    The score of a text fuses the ranks of both; only its order means much. With --by image the words are compared with
    the pictures themselves, for which the image model has to know words, as CLIP does.

    \b
    Example:
      assort search "clear case for nova x2" --where 'price<20'
      assort search --image photo.jpg
    """
    if (text is None) == (image is None):
        raise click.UsageError("give a TEXT or --image FILE, one of them")
    say = partial(note, quiet=quiet)
    with opened(location, collection, quiet=quiet) as store:
        if image is not None:
            answers = lookup.like_vector(store, picture_vector(store, image, say=say), where=where, limit=limit)
        elif text is not None and by == "image":
            answers = lookup.like_vector(store, words_vector(store, text, say=say), where=where, limit=limit)
        else:
            answers = lookup.search(store, text or "", where=where, limit=limit)
        (answers,) = lookup.named(store, {"": answers}).values()
    print_json([answer.as_dict() for answer in answers]) if as_json else print_answers(answers)


@click.command()
@answer_options
@store_options
def products(
    where: tuple[Condition, ...], limit: int, as_json: bool, location: str, collection: str, quiet: bool
) -> None:
    """List the products that fulfil all conditions: everything in a cluster, of a brand, below a price.

    \b
    Example:
      assort products --where similarity=3 --where brand=Apple,Samsung --where 'price<=20'
    """
    with opened(location, collection, quiet=quiet) as store:
        (answers,) = lookup.named(store, {"": lookup.products(store, where=where, limit=limit)}).values()
        found = store.count(where)
    if found > len(answers):
        note(f"{len(answers):,} of {found:,} shown: --limit {found} shows all", quiet=quiet)
    print_json([answer.as_dict() for answer in answers]) if as_json else print_answers(answers)


@click.command()
@click.argument("product_id", metavar="ID")
@json_option
@store_options
def show(product_id: str, as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """Show everything the store knows of one product.

    \b
    Example:
      assort show B07H8NVPJB
    """
    with opened(location, collection, quiet=quiet) as store:
        product = lookup.show(store, product_id)
    print_json(product) if as_json else print_fields(product)


def _answer(ids: Sequence[str], ask: Ask, store: Any, as_json: bool) -> None:
    """Answer one id as a list, several as id -> list; an unknown one among several is named and answered with null."""
    wanted = read_ids(ids)
    if len(ids) == 1 and ids[0] != "-":
        (answers,) = lookup.named(store, ask(wanted)).values()
        print_json([answer.as_dict() for answer in answers]) if as_json else print_answers(answers)
        return
    known, unknown = lookup.known_ids(store, wanted)
    found = lookup.named(store, ask(known)) if known else {}
    if unknown:
        note(f"{len(unknown)} of {len(known) + len(unknown)} ids are not in the store: {', '.join(unknown[:10])}")
    if as_json:
        lists: dict[str, Any] = {i: [answer.as_dict() for answer in answers] for i, answers in found.items()}
        print_json({**lists, **dict.fromkeys(unknown)})
    else:
        for product_id, answers in found.items():
            click.echo(f"{product_id}:")
            print_answers(answers)
    if not known:
        raise click.ClickException("none of the ids is in the store: `assort search` finds ids by words")


COMMANDS = (similar, complements, search, products, show)
