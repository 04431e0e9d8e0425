"""Folders of pictures: which there are, and which one a product's id or a path in its record means."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from .content import ENDINGS
from .pixels import BadPicture


def files_below(folder: Path) -> Iterator[str]:
    """Name all files in a folder and its sub-folders, hidden ones apart, in order: paths relative to it, with "/".

    Links to folders are not followed, for they may lead in circles.
    """
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(place).relative_to(folder)
        yield from ((below / name).as_posix() for name in sorted(files) if not name.startswith("."))


def is_picture(name: str) -> bool:
    """Tell whether a file's name ends as those of pictures do."""
    return PurePosixPath(name).suffix.lower() in ENDINGS


class Pictures:
    """Finds pictures below a folder by name, in memory of one text a picture.

    Args:
        folder: It and all its sub-folders are looked through once.

    Raises:
        NotADirectoryError: If there is no such folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise NotADirectoryError(f"'{folder}' is no folder: name the one that holds the pictures")
        self.folder = Path(os.path.normpath(folder.absolute()))  # not resolved: links stay as the user set them
        self._files: dict[str, str] = {}
        files = sorted(filter(is_picture, files_below(folder)), key=_preference)
        names = [(file, without_ending(file)) for file in files]
        for spelled in (str, str.casefold):  # a name as it is spelled counts before one in other letters
            for file, name in names:
                self._files.setdefault(spelled(name), file)
                self._files.setdefault(spelled(PurePosixPath(name).name), file)

    def __len__(self) -> int:
        return len(self._files)

    def called(self, name: str) -> Path | None:
        """Find the picture with this name: of the file without its ending, or of the path below the folder.

        Where several fit, one in the folder itself counts before one in a sub-folder, and JPEG before other kinds.

        Args:
            name: Such as a product id; capital and small letters are alike where nothing is spelled exactly so.
        """
        if file := self._files.get(name) or self._files.get(name.casefold()):
            return self.folder / file
        return _existing(self._below(name))

    def at(self, path: str) -> Path | BadPicture:
        """Find the picture that a record names, with or without ending or sub-folders.

        Args:
            path: Relative to the folder, or absolute.
        """
        place = self._below(path)
        if place is None:
            return BadPicture("path leads out of the folder", named=path)
        found = _existing(place) or self.called(path)
        if found is None and is_picture(path):  # in a sub-folder, or spelled with other letters
            found = self.called(without_ending(path))
        return found or BadPicture("no such file", named=path)

    def _below(self, path: str) -> Path | None:
        """Say where a path leads; None when it leads out of the folder.

        Links inside the folder are its owner's and may point anywhere; a catalogue, which may come from elsewhere,
        must not name a place outside.
        """
        place = Path(os.path.normpath(self.folder / path))
        return place if place.is_relative_to(self.folder) else None


def without_ending(file: str) -> str:
    """Take the ending off a relative path."""
    return str(PurePosixPath(file).with_suffix(""))


def _existing(place: Path | None) -> Path | None:
    """Give a path if there is a file; `Path.is_file` would raise for a name that is too long for the system."""
    return place if place is not None and os.path.isfile(place) else None  # noqa: PTH113


def _preference(file: str) -> tuple[int, int, str]:
    return file.count("/"), ENDINGS.index(PurePosixPath(file).suffix.lower()), file
