"""Clusters as pages of pictures: a PNG a cluster, and contact sheets of all."""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray
from PIL import Image

from indexer.images import BadPicture, read_picture

from .choosing import ROLES_SHOWN, Part, parts, roles
from .layout import THUMBNAIL, Entry, Section, Tile, Typeface, draw_contact_sheet, draw_grid, missing, mosaic, thumbnail

FEWEST, MOST = 5, 25
"""Products shown of a cluster."""

NO_PICTURE = "no picture"
PLAIN = Typeface()
ON_A_SHEET = 200
_COLUMNS = 5
_COMPRESSION = 3  # of PNG: a tenth larger than the usual 6, in half the time


@dataclass(frozen=True, slots=True, eq=False)
class Cluster:
    """One cluster to be shown.

    Args:
        number: As the store has it.
        tiles: m of its products.
        vectors: float32 (m, dim), rows of length 1, NaN where a product has none.
        roles: m roles where it is shown by roles, else empty.
    """

    number: int
    tiles: Sequence[Tile]
    vectors: NDArray[np.float32]
    roles: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not len(self.tiles) == len(self.vectors) == len(self.roles or self.tiles) > 0:
            raise ValueError(
                f"cluster {self.number} needs as many tiles as vectors and roles, and one at least, got "
                f"{len(self.tiles)}, {len(self.vectors)} and {len(self.roles)}"
            )


@dataclass(frozen=True, slots=True)
class GridSummary:
    """What was drawn.

    Args:
        folder: Where everything lies.
        grids: How many clusters have a page there.
        sheets: The contact sheets, `ON_A_SHEET` clusters each.
        pictures: Pictures drawn, without the contact sheets.
        missing: Reason -> products drawn without a picture.
    """

    folder: Path
    grids: int
    sheets: tuple[Path, ...]
    pictures: int
    missing: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Page:
    """What a cluster's page will show; small, so that many can wait for a thread."""

    cluster: int
    size: int
    sections: Sequence[Section]
    columns: int
    faces: Sequence[Tile]  # those that stand for it on the contact sheet come first


@dataclass(frozen=True, slots=True)
class _Drawn:
    entry: Entry
    pictures: int
    missing: Counter[str]


def write_grids(
    clusters: Iterable[Cluster],
    folder: Path,
    *,
    label: str,
    names: Mapping[int, str],
    per_cluster: int = 15,
    chosen: bool = False,
    face: Typeface = PLAIN,
    progress: Callable[[int], object] = lambda done: None,
) -> GridSummary:
    """Draw each cluster as a page, `LABEL-0007.png`, and all of them on contact sheets, `LABEL-sheet.png`.

    A page shows the most central, the most diverse and the farthest products, then some without a vector; or products
    of each role. Pages and sheets of an earlier run go first; beside those of chosen clusters they stay, and the
    sheet of these is `LABEL-chosen.png`. Pictures are read in threads, as many as there are cores.

    Args:
        clusters: Drawn in this order; taken one by one.
        folder: Made if absent.
        label: What the clusters are.
        names: Of the clusters, by their number; one may be absent.
        per_cluster: Products on a page, beside those without a vector.
        chosen: Whether a person chose the clusters, so that others may have pages of their own.
        face: The letters.
        progress: Called with the number of clusters drawn since it was last called.

    Raises:
        ValueError: If `per_cluster` is not between 5 and 25.
    """
    if not FEWEST <= per_cluster <= MOST:
        raise ValueError(f"pictures a cluster must be between {FEWEST} and {MOST}, got {per_cluster}")
    folder.mkdir(parents=True, exist_ok=True)
    if not chosen:
        _remove_earlier(folder, label)
    sheet = f"{label}-chosen" if chosen else f"{label}-sheet"
    draw = partial(_draw, folder=folder, label=label, names=names, face=face)
    pages = (_plan(cluster, per_cluster) for cluster in clusters)
    sheets: list[Path] = []
    missed: Counter[str] = Counter()
    grids = pictures = 0
    with ThreadPoolExecutor(cpu_count(), "grids") as threads:
        while some := list(islice(pages, ON_A_SHEET)):
            entries = []
            for drawn in threads.map(draw, some):
                entries.append(drawn.entry)
                pictures += drawn.pictures
                missed += drawn.missing
                progress(1)
            sheets.append(folder / (f"{sheet}-{len(sheets) + 1}.png" if sheets else f"{sheet}.png"))
            note = f"{len(entries):,} cluster{'' if len(entries) == 1 else 's'}"
            note = f"sheet {len(sheets)}, {note}" if len(sheets) > 1 else note
            _save(draw_contact_sheet(label, note, entries, face=face), sheets[-1])
            grids += len(entries)
    return GridSummary(folder, grids, tuple(sheets), pictures, dict(missed))


def _remove_earlier(folder: Path, label: str) -> None:
    """Remove pages and sheets that an earlier run drew: some of its clusters may be gone."""
    ours = re.compile(rf"{re.escape(label)}-(\d{{4,}}|(sheet|chosen)(-\d+)?)\.png")
    for file in folder.iterdir():
        if ours.fullmatch(file.name):
            file.unlink()


def _plan(cluster: Cluster, per_cluster: int) -> _Page:
    """Choose what a page shows, and who stands for the cluster on the contact sheet."""
    there = np.flatnonzero(~np.isnan(cluster.vectors[:, 0]))
    lacking = np.flatnonzero(np.isnan(cluster.vectors[:, 0]))
    if cluster.roles:
        chosen = roles(cluster.vectors, cluster.roles, per_cluster)
        columns = max(_COLUMNS, 2 * (per_cluster // ROLES_SHOWN))
    else:
        columns = max(_COLUMNS, math.ceil(per_cluster / 3))
        chosen = [Part(part.heading, there[part.rows]) for part in parts(cluster.vectors[there], per_cluster)]
        if len(lacking):
            most = columns if len(there) else per_cluster
            chosen.append(Part(f"without a usable picture · {len(lacking):,}", lacking[:most]))
    sections = [Section(part.heading, [cluster.tiles[row] for row in part.rows.tolist()]) for part in chosen]
    faces = [tile for section in sections for tile in section.tiles]
    if cluster.roles:
        leaders = [section.tiles[0] for section in sections]
        faces = [*leaders, *(tile for tile in faces if tile not in leaders)]
    return _Page(cluster.number, len(cluster.tiles), sections, columns, faces)


def _draw(
    page: _Page,
    *,
    folder: Path,
    label: str,
    names: Mapping[int, str],
    face: Typeface,
) -> _Drawn:
    """Draw one page, and its entry on the contact sheet."""
    pictures: dict[Tile, Image.Image] = {}
    reasons: dict[Tile, str] = {}
    for tile in page.faces:
        try:
            pictures[tile] = thumbnail(_read(tile), THUMBNAIL)
        except BadPicture as error:
            reasons[tile] = str(error)
            pictures[tile] = missing(tile, str(error), THUMBNAIL, face)
    name, size = names.get(page.cluster, ""), f"{page.size:,} product{'' if page.size == 1 else 's'}"
    cluster = f"cluster {page.cluster}"  # as the sheet and the file's name say it
    title, note = (name, f"{label} {cluster} · {size}") if name else (f"{label} {cluster}", size)
    grid = draw_grid(title, note, page.sections, pictures, columns=page.columns, face=face)
    _save(grid, folder / f"{label}-{page.cluster:04d}.png")
    faces = sorted(page.faces, key=lambda tile: tile in reasons)
    entry = Entry(mosaic([pictures[tile] for tile in faces]), name, f"{cluster} · {size}")
    return _Drawn(entry, len(pictures) - len(reasons), Counter(reasons.values()))


def _read(tile: Tile) -> Image.Image:
    if tile.picture is None:
        raise BadPicture(NO_PICTURE)
    picture = read_picture(tile.picture)
    if tile.box is None:
        return picture
    left, top, right, bottom = tile.box
    inside = min(right, picture.width), min(bottom, picture.height)  # the file may be another by now
    return picture.crop((left, top, *inside)) if left < inside[0] and top < inside[1] else picture


def _save(page: Image.Image, file: Path) -> None:
    page.save(file, "PNG", compress_level=_COMPRESSION)
