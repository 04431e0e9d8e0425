"""What the command line says of pictures: the options of `index`, and `tune-fusion`."""

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, cast

import click

from indexer.embedders.cache import cache_folder
from indexer.images.crop import checked_crop

from .. import fusion
from .options import Command, json_option, note, opened, print_json, seed_option, store_options
from .printing import print_table


@dataclass(frozen=True, slots=True)
class PictureOptions:
    """How `index` was asked to treat pictures.

    Args:
        where: `none`, `download`, or a folder; None where nothing was said.
        model: Name or folder of the image model; None for the collection's own, else the default.
        crop: How pictures are cropped; None for as before.
        column: Column that names each product's file in the folder; empty for `<id>.jpg` and the like.
        private: Whether addresses inside the own network may be fetched from.
    """

    where: str | None
    model: str | None
    crop: str | None
    column: str
    private: bool


def _checked(ctx: click.Context, param: click.Parameter, how: str | None) -> str | None:
    try:
        return None if how is None else checked_crop(how)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


_OPTIONS = (
    click.option(
        "--images",
        "where",
        metavar="download|FOLDER|none",
        help="Where pictures come from: what the catalogue holds, URLs or bytes, or a folder of <id>.jpg files. "
        "A picture that came from there and is gone is forgotten.  [default: none]",
    ),
    click.option("--image-column", "column", default="", metavar="COLUMN", help="Names each product's file in FOLDER."),
    click.option(
        "--image-model",
        "model",
        help="Hugging Face name, folder, or visual-words, which needs no weights and learns from the catalogue.",
    ),
    click.option(
        "--crop",
        callback=_checked,
        metavar="none|salient|sam|sam:MODEL",
        help="Embed the thing, not the page around it; MODEL is another Segment Anything, by name or folder.  "
        "[default: as the collection's pictures were, else none]",
    ),
    click.option("--allow-private", "private", is_flag=True, help="Download from addresses inside your network, too."),
)


IMAGE_FILE = "image_file"
"""The field that --image-column is kept as."""


def kept_pictures(where: str | None) -> Path | None:
    """Say where pictures that a catalogue holds as bytes are kept while it is read; None when none are wanted."""
    return None if where in (None, "none") else cache_folder() / "pictures"


def picture_options(command: Command) -> Command:
    """Add --images and what belongs to it; the command gets `pictures`."""

    @wraps(command)
    def described(
        where: str | None, model: str | None, crop: str | None, column: str, private: bool, **others: Any
    ) -> Any:
        if where not in (None, "none", "download") and not Path(where).is_dir():
            raise click.BadParameter(f"'{where}' is neither download, none nor a folder", param_hint="--images")
        if column and where in (None, "none", "download"):
            raise click.UsageError("--image-column names files in a folder: give --images FOLDER")
        return command(pictures=PictureOptions(where, model, crop, column, private), **others)

    for option in reversed(_OPTIONS):
        described = option(described)
    return cast(Command, described)


def weights(ctx: click.Context, param: click.Parameter, value: str | None) -> dict[str, float] | None:
    """Read text=0.5,image=0.5."""
    if value is None:
        return None
    found: dict[str, float] = {}
    for pair in value.split(","):
        name, _, number = pair.partition("=")
        name = name.strip()
        if name in found:
            raise click.BadParameter(f"'{value}' gives {name} twice")
        try:
            found[name] = float(number)
        except ValueError:
            raise click.BadParameter(f"'{pair}' is not KIND=NUMBER, for example text=0.5,image=0.5") from None
    return found


weights_option = click.option(
    "--weights",
    callback=weights,
    metavar="text=N,image=N",
    help="How much text and picture count when fused.  [default: what tune-fusion chose, else alike]",
)


HARDLY = 0.02
"""Difference in agreement between the best and the worst weights below which the best may be chance."""


@click.command("tune-fusion")
@click.option("--truth", required=True, metavar="FIELD", help="A field that products alike have in common.")
@seed_option("Of the sample.")
@json_option
@store_options
def tune_fusion(truth: str, seed: int, as_json: bool, location: str, collection: str, quiet: bool) -> None:
    """Choose how much text and picture count, by how often nearest products agree in a FIELD; keep it as the default.

    \b
    Example:
      assort tune-fusion --truth articleType
    """
    with opened(location, collection, quiet=quiet) as store:
        grades, best = fusion.tuned(store, truth, seed=seed)
    if as_json:
        print_json({"grades": [grade._asdict() for grade in grades], "chosen": best._asdict()})
        return
    print_table([{name: round(value, 4) for name, value in each._asdict().items()} for each in grades], best._fields)
    least = min(grade.agreement for grade in grades)
    if best.agreement - least < HARDLY:
        note(f"'{truth}' hardly tells weights apart: {least:.3f} to {best.agreement:.3f}", quiet=quiet)
    note(f"text {best.text:.2f}, image {best.image:.2f} is the default from now on", quiet=quiet)


COMMANDS = (tune_fusion,)
