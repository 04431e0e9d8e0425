"""Qdrant Edge: the real engine in this process, one folder a collection, nothing to start.

Measured facts this module is built on: a second `load` of a live path fails on the engine's own lock and damages its
owner's later flushes, so a lock of our own is taken first; the write-ahead log stays on, with it no acknowledged point
was lost in kill -9 runs; writing a payload moves a point out of its indexed segment, so the index is built on request.
"""

import json
import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import portalocker
import qdrant_edge as edge
from numpy.typing import NDArray

from .engine import RRF_K, SCROLL_PAGE, FieldKind, Found, Nearest, Payload, Point, Query, Shape, Terms
from .errors import StoreLocked
from .where import Condition

_SCHEMA: dict[FieldKind, Any] = {
    "keyword": edge.PayloadSchemaType.Keyword,
    # Integers are labels, asked for by value: keeping their order too would make writing them a fifth slower. Products
    # of one label lie near each other and are linked as it is; further links for labels and prices would double the
    # time the vector index takes to build, for filtered lookups no faster.
    "integer": edge.IntegerIndexParams(lookup=True, range=False, enable_hnsw=False),
    "float": edge.FloatIndexParams(enable_hnsw=False),
}
# Fewer candidates while building than Qdrant's 100 and more while searching: a quarter less time to build, and the same
# recall at 1 ms a lookup.
_HNSW = edge.HnswIndexConfig(m=16, ef_construct=64, full_scan_threshold=10_000)
_SEARCH = edge.SearchParams(hnsw_ef=128)


class PathLock:
    """The right to open a store's folder, held by one process at a time.

    Args:
        folder: The store; made when absent.

    Raises:
        ValueError: If the folder cannot be made or written to.
        StoreLocked: If another process, or another open store of this one, holds it.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / "lock").open("a+")
        except OSError as error:
            raise ValueError(
                f"store '{folder}' cannot be opened ({error.strerror}): give --store a folder that you may write to"
            ) from error
        try:
            portalocker.lock(self._file, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING)
        except portalocker.LockException:
            self._file.seek(0)
            holder = self._file.read().strip() or "unknown"
            self._file.close()
            raise StoreLocked(
                f"store '{folder}' is in use by process {holder}: wait until it ends, "
                "or run a Qdrant server and give --store its URL to share one store"
            ) from None
        self._file.truncate(0)
        self._file.write(str(os.getpid()))
        self._file.flush()

    def release(self) -> None:
        """Give the folder back."""
        self._file.truncate(0)
        self._file.close()


class EmbeddedEngine:
    """One collection in a folder. The caller holds the `PathLock` of the folder above it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard: edge.EdgeShard | None = None
        self._dims: dict[str, int] = {}
        if (folder / "edge_config.json").exists():
            self._adopt(edge.EdgeShard.load(str(folder)))

    def _adopt(self, shard: edge.EdgeShard) -> None:
        """Remember the open shard and its vectors' dimensions."""
        self._shard = shard
        self._dims = _dims_on_disk(self._folder)

    @property
    def _open(self) -> edge.EdgeShard:
        if self._shard is None:
            raise LookupError(f"there is no collection at '{self._folder}': run `assort index CATALOGUE` first")
        return self._shard

    def exists(self) -> bool:
        """Say whether the collection exists."""
        return self._shard is not None

    def shape(self) -> Shape | None:
        """Say what the collection holds; None when it does not exist."""
        if self._shard is None:
            return None
        info = self._shard.info()
        return Shape(info.points_count, self._dims, info.indexed_vectors_count)

    def create(self, dims: Mapping[str, int], sparse: Sequence[str]) -> None:
        """Create the collection with these dense and sparse vectors."""
        config = edge.EdgeConfig(
            vectors={
                name: edge.EdgeVectorParams(size=dim, distance=edge.Distance.Cosine) for name, dim in dims.items()
            },
            sparse_vectors={name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for name in sparse},
            hnsw_config=_HNSW,
        )
        self._folder.mkdir(parents=True, exist_ok=True)
        self._adopt(edge.EdgeShard.create(str(self._folder), config))

    def create_indexes(self, kinds: Mapping[str, FieldKind]) -> None:
        """Create the payload indexes that are not there yet."""
        existing = self._open.info().payload_schema
        for key, kind in kinds.items():
            if key not in existing:
                self._open.update(edge.UpdateOperation.create_field_index(key, _SCHEMA[kind]))

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; an id that exists is replaced whole."""
        if points:
            self._open.update(edge.UpdateOperation.upsert_points([_edge_point(point) for point in points]))

    def add_vector(self, name: str, dim: int) -> None:
        """Add a dense vector to the collection, if it is not there; points have none of it yet."""
        if name not in self._dims:
            self._open.update(edge.UpdateOperation.create_dense_vector(name, dim, edge.Distance.Cosine))
            self._open.flush()
            self._dims = _dims_on_disk(self._folder)

    def drop_vector(self, name: str) -> None:
        """Take a dense vector from the collection and all its points, if it is there."""
        if name in self._dims:
            self._open.update(edge.UpdateOperation.delete_vector_name(name))
            self._open.flush()
            self._dims = _dims_on_disk(self._folder)

    def set_vectors(self, name: str, vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Set one named vector on points, which must exist; all else stays."""
        if vectors:
            changed = [edge.PointVectors(i, {name: vector.tolist()}) for i, vector in vectors]
            self._open.update(edge.UpdateOperation.update_vectors(changed))

    def remove_vectors(self, name: str, ids: Sequence[str]) -> None:
        """Take one named vector from points; a point without it is no error."""
        if ids:
            self._open.update(edge.UpdateOperation.delete_vectors(list(ids), [name]))

    def set_payloads(self, groups: Sequence[tuple[Sequence[str], Payload]]) -> None:
        """Set the keys of each payload on its points, which must exist."""
        for ids, payload in groups:
            self._open.update(edge.UpdateOperation.set_payload(list(ids), payload))

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; an unknown id is no error."""
        self._open.update(edge.UpdateOperation.delete_points(list(ids)))

    def retrieve(self, ids: Sequence[str], *, keys: Sequence[str] | None, vectors: Sequence[str] = ()) -> list[Found]:
        """Read points by id, unknown ids left out."""
        return [_found(record) for record in self._open.retrieve(list(ids), _selector(keys), list(vectors))]

    def scroll(
        self,
        *,
        keys: Sequence[str] | None,
        vectors: Sequence[str] = (),
        where: Sequence[Condition] = (),
        only: Sequence[str] = (),
        page: int = SCROLL_PAGE,
    ) -> Iterator[list[Found]]:
        """Read points in order of id, a page at a time."""
        chosen = _filter(where, only=only)
        offset = None
        while True:
            request = edge.ScrollRequest(
                offset=offset,
                limit=page,
                filter=chosen,
                with_payload=_selector(keys),
                with_vector=list(vectors),
            )
            records, offset = self._open.scroll(request)
            if records:
                yield [_found(record) for record in records]
            if offset is None:
                return

    def query(self, queries: Sequence[Query]) -> list[list[Found]]:
        """Answer several questions at once, best hit first."""
        batch = edge.QueryBatchRequest([_edge_query(query) for query in queries])
        return [[_found(hit, hit.score) for hit in hits] for hits in self._open.query_batch(batch)]

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Count points exactly."""
        return int(self._open.count(edge.CountRequest(exact=True, filter=_filter(where))))

    def facet(self, key: str, limit: int) -> list[tuple[str | int, int]]:
        """Count the points of each value of an indexed field, largest first."""
        hits = self._open.facet(edge.FacetRequest(key, limit=limit, exact=True)).hits
        return [(hit.value, hit.count) for hit in hits]

    def build_index(self) -> None:
        """Build or repair the vector index over everything written so far."""
        self._open.optimize()
        self._open.flush()

    def close(self) -> None:
        """Flush and let go of the folder."""
        shard, self._shard = self._shard, None
        if shard is not None:
            shard.flush()
            shard.close()


def _dims_on_disk(folder: Path) -> dict[str, int]:
    """Read the dense vectors' sizes from the engine's own configuration file."""
    config = json.loads((folder / "edge_config.json").read_text())
    return {name: int(params["size"]) for name, params in (config.get("vectors") or {}).items()}


def _edge_point(point: Point) -> edge.Point:
    vectors: dict[str, Any] = {name: vector.tolist() for name, vector in point.vectors.items()}
    for name, terms in point.terms.items():
        vectors[name] = edge.SparseVector(terms.indices, terms.values)  # type: ignore[arg-type]  # any sequence will do
    return edge.Point(point.id, vectors, point.payload)


def _found(record: Any, score: float = 0.0) -> Found:
    """Translate one record.

    The engine hands a vector out as a list of numbers. Packed at once its objects are used again for the next record,
    while a page of lists kept together takes three times as long.
    """
    dense: dict[str, NDArray[np.float32]] = {}
    sparse: dict[str, Terms] = {}
    for name, vector in (record.vector or {}).items():
        if isinstance(vector, edge.SparseVector):
            sparse[name] = Terms(tuple(vector.indices), tuple(vector.values))
        else:
            dense[name] = np.frombuffer(_floats(len(vector)).pack(*vector), dtype=np.float32)
    return Found(str(record.id), record.payload or {}, score, dense, sparse)


@lru_cache
def _floats(count: int) -> struct.Struct:
    return struct.Struct(f"{count}f")


def _selector(keys: Sequence[str] | None) -> Any:
    return True if keys is None else edge.PayloadSelector.Include(list(keys)) if keys else False


def _edge_query(query: Query) -> edge.QueryRequest:
    where = _filter(query.where, exclude=query.exclude)
    if len(query.nearest) == 1:
        return edge.QueryRequest(
            limit=query.limit,
            query=_edge_nearest(query.nearest[0]),
            filter=where,
            params=_SEARCH,
            with_payload=_selector(query.keys),
        )
    return edge.QueryRequest(
        limit=query.limit,
        query=edge.Fusion.Rrf(k=RRF_K),  # type: ignore[arg-type]  # the stub calls it a nested class
        prefetches=[
            edge.Prefetch(limit=query.candidates, query=_edge_nearest(nearest), filter=where, params=_SEARCH)
            for nearest in query.nearest
        ],
        with_payload=_selector(query.keys),
    )


def _edge_nearest(nearest: Nearest) -> edge.Query:
    if isinstance(nearest.vector, Terms):
        sparse = edge.SparseVector(list(nearest.vector.indices), list(nearest.vector.values))
        return edge.Query.Nearest(sparse, using=nearest.using)
    return edge.Query.Nearest(nearest.vector.tolist(), using=nearest.using)


def _filter(where: Sequence[Condition], *, exclude: Sequence[str] = (), only: Sequence[str] = ()) -> edge.Filter | None:
    must = [_edge_condition(condition) for condition in where if condition.operator != "!="]
    must_not = [_edge_condition(condition) for condition in where if condition.operator == "!="]
    if only:
        must.append(edge.HasIdCondition(set(only)))
    if exclude:
        must_not.append(edge.HasIdCondition(set(exclude)))
    return edge.Filter(must=must, must_not=must_not) if must or must_not else None


def _edge_condition(condition: Condition) -> Any:
    key, values = condition.field, condition.values
    if condition.operator in ("=", "!="):
        # The engine matches text and integers by value, floats only by range.
        exact: list[list[Any]] = [[v for v in values if isinstance(v, kind)] for kind in (str, int)]
        equal: list[Any] = [edge.FieldCondition(key, match=edge.MatchAny(some)) for some in exact if some]
        floats = [value for value in values if isinstance(value, float)]
        equal += [edge.FieldCondition(key, range=edge.RangeFloat(gte=value, lte=value)) for value in floats]
        return edge.Filter(should=equal)
    bound: dict[str, Any] = {{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[condition.operator]: values[0]}
    return edge.FieldCondition(key, range=edge.RangeFloat(**bound))
