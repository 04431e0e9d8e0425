"""Several catalogue files as one: a description that can be read again, and in another process."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..products import Product, Rejected
from .errors import CatalogueError
from .reading import read_catalogue


@dataclass(frozen=True, slots=True)
class Catalogues:
    """Catalogue files that are read one after another.

    Args:
        paths: The files, at least one.
        options: What `read_catalogue` takes besides the path.

    Raises:
        CatalogueError: If a file is absent or a directory.
        ValueError: If an option cannot be.
    """

    paths: tuple[Path, ...]
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for path in self.paths:
            read_catalogue(path, **self.options)  # checks path and options at once, reads when it is iterated over

    def __iter__(self) -> Iterator[Product | Rejected]:
        """Read all files; a `CatalogueError` names those after the one that broke off."""
        for position, path in enumerate(self.paths, 1):
            try:
                yield from read_catalogue(path, **self.options)
            except CatalogueError as error:
                error.unread = self.paths[position:]
                raise

    def bytes(self) -> int:
        """Say how large the files are on disk."""
        return sum(path.stat().st_size for path in self.paths)
