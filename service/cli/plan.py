"""`assort plan`: what a catalogue will take, before it takes it."""

import shutil
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from indexer.catalogue import Catalogues
from indexer.embedders.text import DEFAULT_MODEL, TextEmbedder
from indexer.embedders.tiers import Speed, settled_name, split_speed

from .options import (
    json_option,
    max_memory_option,
    note,
    opened,
    print_json,
    progress_bar,
    store_options,
    text_model_options,
)
from .printing import print_table
from .sources import lines_of, source_options

if TYPE_CHECKING:
    from ..plan import Plan


@click.command()
@source_options
@text_model_options
@click.option("--neighbours", type=click.IntRange(min=1), default=15, show_default=True, help="As for `cluster`.")
@max_memory_option
@json_option
@store_options
def plan(
    catalogues: Catalogues,
    text_fields: tuple[str, ...],
    text_model: str | None,
    speed: Speed | None,
    neighbours: int,
    max_memory: int | None,
    as_json: bool,
    location: str,
    collection: str,
    quiet: bool,
) -> None:
    """Predict time, memory and disk of `index` and `cluster all` on this machine, as if the store were empty.

    The first lines go through a whole run in a temporary store; that takes about a minute.

    \b
    Example:
      assort plan meta_Cell_Phones_and_Accessories.json.gz --speed fast
    """
    from ..plan import hints, machine_cores, machine_memory, predict
    from ..rehearsal import rehearse
    from ..runs import ClusterOptions

    total, made_with = lines_of(catalogues), ""
    with suppress(LookupError), opened(location, collection, quiet=True) as store:
        made_with = store.records.settings().text_model
    model = settled_name(text_model, speed, made_with, DEFAULT_MODEL)
    rehearsal = rehearse(
        catalogues,
        TextEmbedder(model, on_load=lambda origin: note(f"embedding with {origin}", quiet=quiet)),
        ClusterOptions(seed=0, neighbours=neighbours),
        total=total,
        text_fields=text_fields,
        bar=partial(progress_bar, quiet=quiet),
    )
    found = predict(rehearsal, total, neighbours=neighbours, cores=machine_cores(), limit=max_memory)
    room = shutil.disk_usage(_there(location)).free
    said = hints(found, memory=machine_memory(), disk=room, fast=split_speed(model)[1] == "fast")
    if as_json:
        print_json({**asdict(found), "seconds": found.seconds, "hints": said})
        return
    print_table(_rows(found), ("stage", "time", "memory GB", "disk GB"))
    for hint in said:
        click.echo(hint)


def _rows(plan: "Plan") -> list[dict[str, Any]]:
    """Lay a plan out: a line for each stage, each command and all."""
    rows = []
    for command, seconds in (("index", plan.index_seconds), ("cluster", plan.cluster_seconds)):
        stages = [each for each in plan.stages if each.command == command]
        rows += [_row(f"  {each.stage}", each.seconds, each.memory, each.disk) for each in stages]
        name = "index, side by side" if command == "index" else "cluster all"
        rows.append(_row(name, seconds, max(each.memory for each in stages), max(each.disk for each in stages)))
    return [*rows, _row(f"{plan.products:,} products in all", plan.seconds, plan.memory, plan.disk)]


def _row(stage: str, seconds: float, memory: float, disk: float) -> dict[str, Any]:
    from ..plan import in_time

    return {"stage": stage, "time": in_time(seconds), "memory GB": memory / 1e9, "disk GB": disk / 1e9}


def _there(location: str) -> Path:
    """Give the folder nearest to a store's place that is there already; this one for a server."""
    place = Path("." if "://" in location else location).resolve()
    return next(folder for folder in (place, *place.parents) if folder.exists())


COMMANDS = (plan,)
