"""A bare folder of pictures as a catalogue: a product a file, named after it."""

import re
from collections import Counter
from pathlib import Path, PurePosixPath

from .errors import CatalogueError
from .records import Record, Records, Source, rejected

_BETWEEN_WORDS = re.compile(r"[\W_]+")


def folder_source(path: Path) -> Source:
    """Open a folder and its sub-folders as records with the columns `product_id`, `title` and `folder`.

    A product's id is the file's name without its ending; where several files are called the same, all of these go by
    their path below the folder, and where even those are the same, with the ending. `FromFolder` finds the pictures by
    these ids. The title is the name's words, `folder` the sub-folder.

    Args:
        path: Files in it that are no pictures are rejected, hidden ones passed over. Unlike other catalogues it is
            held in memory, the names of its files, for whether a name is the only one of its kind the last file tells.

    Raises:
        CatalogueError: If there are no pictures in it.
    """
    from ..images.folders import files_below, is_picture, without_ending  # loads Pillow

    files = list(files_below(path))
    pictures = [file for file in files if is_picture(file)]
    if not pictures:
        raise CatalogueError(path, "holds no pictures: name the folder they are in, or leave `--format images` away")
    names = Counter(PurePosixPath(file).stem for file in pictures)
    paths = Counter(map(without_ending, pictures))

    def records() -> Records:
        for line, file in enumerate(files, 1):
            if not is_picture(file):
                yield rejected(line, "not a picture file", path, file)
                continue
            place = PurePosixPath(file)
            below = without_ending(file)
            product_id = place.stem if names[place.stem] == 1 else below if paths[below] == 1 else file
            folder = "" if place.parent == PurePosixPath() else str(place.parent)
            yield Record(line, {"product_id": product_id, "title": _words(place.stem), "folder": folder}, file)

    return Source(("product_id", "title", "folder"), True, lambda _: records())


def _words(name: str) -> str:
    """Make words of a file's name; a name of signs only stays as it is."""
    return _BETWEEN_WORDS.sub(" ", name).strip() or name
