"""A Qdrant server, Qdrant Cloud or a Qdrant cluster, reached with `qdrant_client`.

The client's local mode stands in for a server in tests; nobody else should use it (57 ms a lookup at 50,000 products).
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import wraps
from typing import Any, ParamSpec, TypeVar
from urllib.parse import urlsplit

import grpc
import numpy as np
from numpy.typing import NDArray
from qdrant_client import QdrantClient, models
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse
from tenacity import retry, retry_if_exception, stop_after_attempt, wait_random_exponential

from .engine import RRF_K, SCROLL_PAGE, FieldKind, Found, Nearest, Payload, Point, Query, Shape, Terms
from .errors import ServerFailed
from .where import Condition

_SCHEMA = {
    "keyword": models.PayloadSchemaType.KEYWORD,
    "integer": models.PayloadSchemaType.INTEGER,
    "float": models.PayloadSchemaType.FLOAT,
}
_NEVER_INDEX_KB = 0  # Qdrant's own way to say: build no vector index
_INDEX_ABOVE_KB = 10_000
_TIMEOUT_S = 60
_PAYLOADS = 500  # payloads set in one request
_UPSERT_POINTS = 500  # 384-dimensional points stay well under the server's 32 MB request limit

_FAILURES = (ResponseHandlingException, UnexpectedResponse, ResourceExhaustedResponse, grpc.RpcError)

P = ParamSpec("P")
T = TypeVar("T")


def connect(url: str) -> QdrantClient:
    """Open a client; gRPC where the server offers it, the API key from ASSORT_API_KEY.

    Raises:
        ServerFailed: If nothing answers at the URL.
    """
    api_key = os.environ.get("ASSORT_API_KEY") or None
    grpc_port = (urlsplit(url).port or 6333) + 1  # Qdrant's own habit: 6333 and 6334
    for prefer_grpc in (True, False):  # a proxy in front of Qdrant often carries HTTP alone
        client = QdrantClient(
            url=url,
            api_key=api_key,
            grpc_port=grpc_port,
            prefer_grpc=prefer_grpc,
            timeout=_TIMEOUT_S,
            check_compatibility=False,
        )
        try:
            client.get_collections()
        except (*_FAILURES, ConnectionError) as error:
            client.close()
            reason = error
        else:
            return client
    raise ServerFailed(
        f"no Qdrant answers at '{url}' ({_first_line(reason)}): start one with `docker compose up -d`, "
        "check the URL and ASSORT_API_KEY, or give --store a folder"
    )


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def _passing(error: BaseException) -> bool:
    """Say whether the same request may succeed later."""
    if isinstance(error, UnexpectedResponse):
        return error.status_code in (429, 502, 503, 504)
    if isinstance(error, grpc.RpcError):
        code = error.code() if hasattr(error, "code") else None
        return code in (
            grpc.StatusCode.UNAVAILABLE,
            grpc.StatusCode.DEADLINE_EXCEEDED,
            grpc.StatusCode.RESOURCE_EXHAUSTED,
        )
    return isinstance(error, ResponseHandlingException | ResourceExhaustedResponse)


def _retried(call: Callable[P, T]) -> Callable[P, T]:
    """Retry a request that failed for a passing reason, five times in all; every write is idempotent."""
    patient = retry(
        retry=retry_if_exception(_passing),
        stop=stop_after_attempt(5),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )(call)

    @wraps(call)
    def answered(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return patient(*args, **kwargs)
        except _FAILURES as error:
            raise ServerFailed(
                f"the Qdrant server failed at {call.__name__.strip('_')} ({_first_line(error)}): "
                "look at its log, then run the same command again; what was written stays"
            ) from error

    return answered


class ServerEngine:
    """One collection of a server.

    Args:
        client: Open client; several engines may share it.
        collection: Its name.
    """

    def __init__(self, client: QdrantClient, collection: str) -> None:
        self._client = client
        self._collection = collection
        self._known = False

    @_retried
    def exists(self) -> bool:
        """Say whether the collection exists; once it was there it is not asked again."""
        self._known = self._known or self._client.collection_exists(self._collection)
        return self._known

    @_retried
    def shape(self) -> Shape | None:
        """Say what the collection holds; None when it does not exist."""
        if not self.exists():
            return None
        info = self._client.get_collection(self._collection)
        vectors = info.config.params.vectors or {}
        dims = {name: params.size for name, params in vectors.items()} if isinstance(vectors, dict) else {}
        return Shape(self.count(), dims, info.indexed_vectors_count or 0)

    @_retried
    def create(self, dims: Mapping[str, int], sparse: Sequence[str]) -> None:
        """Create the collection with these dense and sparse vectors, its vector index not yet built."""
        if self.exists():  # a first try may have made it before its answer was lost
            return
        self._client.create_collection(
            self._collection,
            vectors_config={
                name: models.VectorParams(size=dim, distance=models.Distance.COSINE) for name, dim in dims.items()
            },
            sparse_vectors_config={name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in sparse},
            optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_NEVER_INDEX_KB),
        )

    @_retried
    def create_indexes(self, kinds: Mapping[str, FieldKind]) -> None:
        """Create the payload indexes that are not there yet."""
        existing = self._client.get_collection(self._collection).payload_schema
        for key, kind in kinds.items():
            if key not in existing:
                self._client.create_payload_index(self._collection, key, field_schema=_SCHEMA[kind], wait=True)

    def upsert(self, points: Sequence[Point]) -> None:
        """Write points; an id that exists is replaced whole."""
        for start in range(0, len(points), _UPSERT_POINTS):
            self._upsert([_client_point(point) for point in points[start : start + _UPSERT_POINTS]])

    @_retried
    def _upsert(self, points: list[models.PointStruct]) -> None:
        self._client.upsert(self._collection, points, wait=True)

    @_retried
    def add_vector(self, name: str, dim: int) -> None:
        """Add a dense vector to the collection, if it is not there; points have none of it yet."""
        shape = self.shape()
        if shape is not None and name not in shape.dims:
            config = models.DenseVectorConfig(size=dim, distance=models.Distance.COSINE)
            self._client.create_vector_name(self._collection, name, models.DenseVectorNameConfig(dense=config))

    @_retried
    def drop_vector(self, name: str) -> None:
        """Take a dense vector from the collection and all its points, if it is there."""
        shape = self.shape()
        if shape is not None and name in shape.dims:
            self._client.delete_vector_name(self._collection, name)

    def set_vectors(self, name: str, vectors: Sequence[tuple[str, NDArray[np.float32]]]) -> None:
        """Set one named vector on points, which must exist; all else stays."""
        for start in range(0, len(vectors), _UPSERT_POINTS):
            some = vectors[start : start + _UPSERT_POINTS]
            self._set_vectors([models.PointVectors(id=i, vector={name: vector.tolist()}) for i, vector in some])

    @_retried
    def _set_vectors(self, points: list[models.PointVectors]) -> None:
        self._client.update_vectors(self._collection, points, wait=True)

    @_retried
    def remove_vectors(self, name: str, ids: Sequence[str]) -> None:
        """Take one named vector from points; a point without it is no error."""
        if ids:
            self._client.delete_vectors(self._collection, [name], list(ids), wait=True)

    def set_payloads(self, groups: Sequence[tuple[Sequence[str], Payload]]) -> None:
        """Set the keys of each payload on its points, which must exist; many payloads a request."""
        for start in range(0, len(groups), _PAYLOADS):
            self._set_payloads(groups[start : start + _PAYLOADS])

    @_retried
    def _set_payloads(self, groups: Sequence[tuple[Sequence[str], Payload]]) -> None:
        operations = [
            models.SetPayloadOperation(set_payload=models.SetPayload(payload=payload, points=list(ids)))
            for ids, payload in groups
        ]
        self._client.batch_update_points(self._collection, operations, wait=True)

    @_retried
    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; an unknown id is no error."""
        self._client.delete(self._collection, points_selector=models.PointIdsList(points=list(ids)), wait=True)

    @_retried
    def retrieve(self, ids: Sequence[str], *, keys: Sequence[str] | None, vectors: Sequence[str] = ()) -> list[Found]:
        """Read points by id, unknown ids left out."""
        records = self._client.retrieve(
            self._collection, list(ids), with_payload=_selector(keys), with_vectors=list(vectors) or False
        )
        return [_found(record) for record in records]

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
        offset = None
        while True:
            records, offset = self._page(keys, vectors, _filter(where, only=only), offset, page)
            if records:
                yield [_found(record) for record in records]
            if offset is None:
                return

    @_retried
    def _page(
        self, keys: Sequence[str] | None, vectors: Sequence[str], where: models.Filter | None, offset: Any, page: int
    ) -> Any:
        return self._client.scroll(
            self._collection,
            scroll_filter=where,
            limit=page,
            offset=offset,
            with_payload=_selector(keys),
            with_vectors=list(vectors) or False,
        )

    @_retried
    def query(self, queries: Sequence[Query]) -> list[list[Found]]:
        """Answer several questions at once, best hit first."""
        responses = self._client.query_batch_points(self._collection, [_client_query(query) for query in queries])
        return [[_found(hit, hit.score) for hit in response.points] for response in responses]

    @_retried
    def count(self, where: Sequence[Condition] = ()) -> int:
        """Count points exactly."""
        return self._client.count(self._collection, count_filter=_filter(where), exact=True).count

    @_retried
    def facet(self, key: str, limit: int) -> list[tuple[str | int, int]]:
        """Count the points of each value of an indexed field, largest first."""
        hits = self._client.facet(self._collection, key, limit=limit, exact=True).hits
        return [(hit.value, hit.count) for hit in hits]

    @_retried
    def build_index(self) -> None:
        """Let the server build its vector index, in its own time; lookups scan until it is there."""
        self._client.update_collection(
            self._collection, optimizers_config=models.OptimizersConfigDiff(indexing_threshold=_INDEX_ABOVE_KB)
        )

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def _client_point(point: Point) -> models.PointStruct:
    vectors: dict[str, Any] = {name: vector.tolist() for name, vector in point.vectors.items()}
    for name, terms in point.terms.items():
        vectors[name] = models.SparseVector(indices=list(terms.indices), values=list(terms.values))
    return models.PointStruct(id=point.id, vector=vectors, payload=point.payload)


def _found(record: Any, score: float = 0.0) -> Found:
    vectors = record.vector if isinstance(record.vector, dict) else {}
    dense = {
        name: np.array(vector, dtype=np.float32)
        for name, vector in vectors.items()
        if not isinstance(vector, models.SparseVector)
    }
    sparse = {
        name: Terms(tuple(vector.indices), tuple(vector.values))
        for name, vector in vectors.items()
        if isinstance(vector, models.SparseVector)
    }
    return Found(str(record.id), record.payload or {}, score, dense, sparse)


def _selector(keys: Sequence[str] | None) -> bool | list[str]:
    return True if keys is None else list(keys) or False


def _client_query(query: Query) -> models.QueryRequest:
    where = _filter(query.where, exclude=query.exclude)
    payload = _selector(query.keys)
    if len(query.nearest) == 1:
        (nearest,) = query.nearest
        return models.QueryRequest(
            query=_client_vector(nearest), using=nearest.using, filter=where, limit=query.limit, with_payload=payload
        )
    return models.QueryRequest(
        prefetch=[
            models.Prefetch(query=_client_vector(nearest), using=nearest.using, filter=where, limit=query.candidates)
            for nearest in query.nearest
        ],
        query=models.RrfQuery(rrf=models.Rrf(k=RRF_K)),
        limit=query.limit,
        with_payload=payload,
    )


def _client_vector(nearest: Nearest) -> Any:
    if isinstance(nearest.vector, Terms):
        return models.SparseVector(indices=list(nearest.vector.indices), values=list(nearest.vector.values))
    return nearest.vector.tolist()


def _filter(
    where: Sequence[Condition], *, exclude: Sequence[str] = (), only: Sequence[str] = ()
) -> models.Filter | None:
    must: list[Any] = [_client_condition(condition) for condition in where if condition.operator != "!="]
    must_not: list[Any] = [_client_condition(condition) for condition in where if condition.operator == "!="]
    if only:
        must.append(models.HasIdCondition(has_id=list(only)))
    if exclude:
        must_not.append(models.HasIdCondition(has_id=list(exclude)))
    return models.Filter(must=must, must_not=must_not) if must or must_not else None


def _client_condition(condition: Condition) -> Any:
    key, values = condition.field, condition.values
    if condition.operator in ("=", "!="):
        # Qdrant matches text and integers by value, floats only by range.
        exact: list[list[Any]] = [[v for v in values if isinstance(v, kind)] for kind in (str, int)]
        equal: list[Any] = [models.FieldCondition(key=key, match=models.MatchAny(any=some)) for some in exact if some]
        floats = [value for value in values if isinstance(value, float)]
        equal += [models.FieldCondition(key=key, range=models.Range(gte=value, lte=value)) for value in floats]
        return models.Filter(should=equal)
    bound: dict[str, Any] = {{"<": "lt", "<=": "lte", ">": "gt", ">=": "gte"}[condition.operator]: values[0]}
    return models.FieldCondition(key=key, range=models.Range(**bound))
