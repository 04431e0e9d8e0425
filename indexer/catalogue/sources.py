"""Several catalogue files as one: a description that can be read again, and in another process."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..products import Product, Rejected
from .errors import CatalogueError
from .files import text_lines
from .formats import PRODUCT_FIELDS, listed, recognised_fields
from .reading import known_columns, read_catalogue


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

    def keeping(self, names: Sequence[str], *, asked_by: str = "") -> "Catalogues":
        """Keep further columns as products' own fields, each under its own name, where no field is called so already.

        Args:
            names: Of columns, or of fields.
            asked_by: The option that names them, for the error; empty leaves out those that not all files have.

        Raises:
            CatalogueError: If a file has no such column.
        """
        mapping = dict(self.options.get("mapping") or {})
        named = {*mapping, *(self.options.get("constants") or ())}
        kept = {name: (name,) for name in names if name not in named and name not in PRODUCT_FIELDS}
        for path in self.paths:
            columns, complete = known_columns(path, **self.options)
            fields = recognised_fields(columns, self.options.get("format", "auto"), self.options.get("header", True))
            there = {*named, *fields}
            for name in names:
                lacking = name not in columns and (complete or not self._anywhere(path, name))
                if name not in there and (name in PRODUCT_FIELDS or lacking):
                    kept.pop(name, None)
                    if asked_by:
                        raise CatalogueError(path, no_column(name, asked_by, columns, sorted(there)), line=1)
        return replace(self, options={**self.options, "mapping": {**mapping, **kept}})

    def _anywhere(self, path: Path, name: str) -> bool:
        """Say whether lines of JSON, of which the first ones do not have a key, may have it further down."""
        key = json.dumps(name.partition(".")[0])
        return any(key in line for line in text_lines(path, encoding=self.options.get("encoding", "utf-8")))

    def bytes(self) -> int:
        """Say how large the files are on disk."""
        return sum(path.stat().st_size for path in self.paths)


def no_column(name: str, asked_by: str, columns: Sequence[str], fields: Sequence[str] = ()) -> str:
    """Word the problem of a column that is not there, with the column or field that may be meant."""
    spelled = {known.lower(): known for known in (*fields, *columns)}
    near = get_close_matches(name.lower(), list(spelled), n=1)
    step = f"did you mean '{spelled[near[0]]}'?" if near else f"correct {asked_by}"
    return f"there is no column '{name}' for {asked_by}, there are {listed(columns)}: {step}"
