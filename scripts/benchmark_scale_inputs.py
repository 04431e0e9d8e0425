"""What the stages of the scale benchmark share: the folder one of them fills for the next."""

import os
import pickle
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
from make_big_catalogue import KEYS, VECTORS, text_key
from numpy.typing import NDArray
from scipy import sparse

from graph.shoppers import Links
from service.memory import private_bytes

ROOT = Path(__file__).resolve().parents[1]
MODEL = "sentence-transformers/all-MiniLM-L6-v2"
NEIGHBOURS = 15
Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """One size's folder.

    Args:
        folder: Where everything of this size lies.
        products: How many.
    """

    folder: Path
    products: int

    @property
    def catalogue(self) -> Path:
        """The invented catalogue."""
        return self.folder / "catalogue.jsonl.gz"

    @property
    def store(self) -> Path:
        """The store as `index` leaves it: no labels, no vector index."""
        return self.folder / "store"

    def make(self, seed: int, vectors: str) -> None:
        """Invent the catalogue, unless it is there.

        Raises:
            ValueError: If another one is there.
        """
        made, wanted = self.folder / "made.txt", f"seed {seed}, vectors {vectors}"
        if made.exists():
            if made.read_text() != wanted:
                raise ValueError(f"'{self.folder}' holds a catalogue of {made.read_text()}: give another --work")
            return
        script = [sys.executable, str(ROOT / "scripts" / "make_big_catalogue.py"), str(self.folder)]
        subprocess.run(
            [*script, "--products", str(self.products), "--seed", str(seed), "--vectors", vectors], check=True
        )
        made.write_text(wanted)

    def copy_of_store(self, name: str) -> Path:
        """Copy the store, for a stage that changes it."""
        copy = self.folder / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.store, copy)
        return copy

    def keep(self, **arrays: NDArray[Any]) -> None:
        """Keep arrays for later stages."""
        for name, array in arrays.items():
            np.save(self.folder / f"{name}.npy", array)

    def kept(self, name: str) -> Any:
        """Load an array of an earlier stage; `text` is float32 (n, dim) in the store's order."""
        return np.load(self.folder / f"{name}.npy")

    def keep_rows(
        self, ids: Sequence[str], titles: Sequence[str], brands: Sequence[str], links: Mapping[str, Links]
    ) -> None:
        """Keep what the catalogue says of its rows."""
        plain = {name: (link.source, link.target) for name, link in links.items()}
        with (self.folder / "rows.pickle").open("wb") as file:
            pickle.dump((list(ids), list(titles), list(brands), plain), file)

    def rows(self) -> tuple[list[str], list[str], list[str], dict[str, Links]]:
        """Load ids, titles, brands and links."""
        with (self.folder / "rows.pickle").open("rb") as file:
            ids, titles, brands, plain = pickle.load(file)
        return ids, titles, brands, {name: Links(*pair) for name, pair in plain.items()}


class GivenVectors:
    """An embedder that looks vectors up by their text: what a run costs without the model."""

    def __init__(self, folder: Path) -> None:
        self.name = MODEL
        keys, rows = np.load(folder / KEYS).T
        order = np.argsort(keys)
        self._keys, self._rows = keys[order], rows[order].astype(np.int64)
        mapped = np.load(folder / VECTORS, mmap_mode="r")
        self.dim, self._offset = int(mapped.shape[1]), mapped.offset
        self._file = folder / VECTORS

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Look up float32 (b, dim)."""
        wanted = np.array([text_key(text) for text in texts], dtype=np.uint64)
        found = np.minimum(np.searchsorted(self._keys, wanted), len(self._keys) - 1)
        if (self._keys[found] != wanted).any():
            raise LookupError(f"a text has no vector: make the catalogue again, {VECTORS} is not of this one")
        size = self.dim * 4
        with self._file.open("rb") as file:  # read and not mapped: mapped pages would count as memory of the run
            rows = [os.pread(file.fileno(), size, self._offset + int(row) * size) for row in self._rows[found]]
        return np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), self.dim)


def inertia(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Sum the squared distances to the means of the cells, whatever centres a contender worked with."""
    n = len(vectors)
    members = sparse.csr_array((np.ones(n, np.float32), (labels, np.arange(n))))
    sums = (members @ vectors).astype(np.float64)
    return float(n - ((sums**2).sum(axis=1) / np.maximum(np.bincount(labels), 1)).sum())


def peak_gb() -> float:
    """Most memory this process held, or one of its children, in GB."""
    most = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return most * (1 if sys.platform == "darwin" else 1024) / 1e9


@contextmanager
def private_peak() -> Iterator[list[float]]:
    """Watch the memory of this process that the system cannot take back; yields a list of one: the most, in GB."""
    most, done = [0.0], Event()

    def watch() -> None:
        while not done.wait(0.1):
            most[0] = max(most[0], private_bytes() / 1e9)

    watcher = Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield most
    finally:
        done.set()
        watcher.join()


def folder_gb(folder: Path) -> float:
    """Disk a folder takes, in GB."""
    return sum(file.stat().st_blocks * 512 for file in folder.rglob("*") if file.is_file()) / 1e9


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
