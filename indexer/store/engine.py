"""The seam to Qdrant: what a store needs of an engine, in plain types, implemented by `embedded` and `server`."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from .where import Condition

FieldKind = Literal["keyword", "integer", "float"]
Payload = dict[str, Any]

RRF_K = 60  # of reciprocal rank fusion: Cormack, Clarke & Buettcher 2009
SCROLL_PAGE = 1000  # measured: 44,000 vectors a second; larger pages are slower


class Terms(NamedTuple):
    """A sparse vector of weighted words; a named tuple, for it crosses between processes by the hundred thousand.

    Args:
        indices: One unsigned 32-bit number a word, ascending, none twice.
        values: Its weight within the text; the engine multiplies by the word's rarity (IDF).
    """

    indices: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One point as it is written.

    Args:
        id: UUID.
        vectors: Dense vectors by name, float32 (dim,), of length 1.
        terms: Sparse vectors by name.
        payload: JSON-like.
    """

    id: str
    vectors: Mapping[str, NDArray[np.float32]]
    terms: Mapping[str, Terms]
    payload: Payload


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """One point as it is read.

    Args:
        id: UUID.
        payload: The keys asked for.
        score: 0 where nothing was ranked.
        vectors: Dense vectors by name, float32 (dim,); empty unless asked for, as `terms`.
        terms: Sparse vectors by name.
    """

    id: str
    payload: Payload
    score: float = 0.0
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    terms: Mapping[str, Terms] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """A question: which points lie nearest to this vector.

    Args:
        vector: Dense float32 (dim,), or sparse.
        using: Name of the vector.
    """

    vector: NDArray[np.float32] | Terms
    using: str


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """Nearest points to one vector, or to several fused by reciprocal rank (Cormack et al. 2009), under a filter.

    Args:
        nearest: At least one.
        limit: Most hits wanted, at least 1.
        where: Conditions that all hold.
        exclude: Point ids never answered.
        keys: Payload keys wanted.
    """

    nearest: tuple[Nearest, ...]
    limit: int
    where: tuple[Condition, ...] = ()
    exclude: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def candidates(self) -> int:
        """How many hits of each vector are fused."""
        return max(100, self.limit * 2)


@dataclass(frozen=True, slots=True)
class Shape:
    """What a collection holds.

    Args:
        points: How many.
        dims: Dimensions of each dense vector.
        indexed: How many points stand in a vector index; the rest is scanned.
    """

    points: int
    dims: Mapping[str, int]
    indexed: int


class Engine(Protocol):
    """One collection of a Qdrant engine."""

    def exists(self) -> bool:
        """Say whether the collection exists, at once."""

    def shape(self) -> Shape | None:
        """Say what the collection holds; None when it does not exist."""

    def create(self, dims: Mapping[str, int], sparse: Sequence[str]) -> None:
        """Create the collection with these dense (cosine) and sparse (IDF) vectors, its vector index not yet built."""

    def create_indexes(self, kinds: Mapping[str, FieldKind]) -> None:
        """Create the payload indexes that are not there yet."""

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; an id that exists is replaced whole."""

    def add_vector(self, name: str, dim: int) -> None:
        """Add a dense vector (cosine) to the collection, if it is not there; points have none of it yet."""

    def drop_vector(self, name: str) -> None:
        """Take a dense vector from the collection and all its points, if it is there."""

    def set_vectors(self, name: str, vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Set one named vector on points, which must exist: (point id, float32 (dim,)) pairs; all else stays."""

    def remove_vectors(self, name: str, ids: Sequence[str]) -> None:
        """Take one named vector from points; a point without it is no error."""

    def set_payloads(self, groups: Sequence[tuple[Sequence[str], Payload]]) -> None:
        """Set the keys of each payload on its points, which must exist; other keys stay."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; an unknown id is no error."""

    def retrieve(self, ids: Sequence[str], *, keys: Sequence[str] | None, vectors: Sequence[str] = ()) -> list[Found]:
        """Read points by id, in no stated order, unknown ids left out; `keys=None` reads the whole payload."""

    def scroll(
        self,
        *,
        keys: Sequence[str] | None,
        vectors: Sequence[str] = (),
        where: Sequence[Condition] = (),
        only: Sequence[str] = (),
        page: int = SCROLL_PAGE,
    ) -> Iterator[list[Found]]:
        """Read points in order of id, a page at a time: all, those under a filter, or `only` those with these ids."""

    def query(self, queries: Sequence[Query]) -> list[list[Found]]:
        """Answer several questions at once, best hit first."""

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Count points exactly."""

    def facet(self, key: str, limit: int) -> list[tuple[str | int, int]]:
        """Count the points of each value of an indexed keyword or integer field, largest first."""

    def build_index(self) -> None:
        """Build or repair the vector index over everything written so far."""

    def close(self) -> None:
        """Let go of files and connections."""
