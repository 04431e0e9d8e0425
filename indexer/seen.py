"""Which ids a run has read, and how rich each record was: on disk, so that memory stays constant."""

import sqlite3
from collections.abc import Sequence
from typing import Self


class Seen:
    """The ids of one run, in a temporary SQLite database that vanishes with it."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("")  # a temporary database: in memory at first, spilled to disk as it grows
        self._database.execute("CREATE TABLE seen (product_id TEXT PRIMARY KEY, richness INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def add(self, records: Sequence[tuple[str, int]]) -> None:
        """Remember (product id, richness) pairs; an id seen before takes the new richness."""
        self._database.executemany("INSERT OR REPLACE INTO seen VALUES (?, ?)", records)

    def richness(self, product_ids: Sequence[str]) -> dict[str, int]:
        """Look up the richness of those ids that were seen."""
        found: dict[str, int] = {}
        for start in range(0, len(product_ids), 500):  # SQLite allows a limited number of parameters
            some = product_ids[start : start + 500]
            marks = ",".join("?" * len(some))
            found.update(
                self._database.execute(f"SELECT product_id, richness FROM seen WHERE product_id IN ({marks})", some)
            )
        return found
