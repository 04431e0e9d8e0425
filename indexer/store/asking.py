"""Questions by vector: the nearest products, ranked the same every time."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from .engine import Engine, Nearest, Query
from .payload import point_id
from .results import batches
from .rows import HIT_KEYS, Hit, ranked
from .where import Condition

_QUERIES_AT_ONCE = 64
_POINTS_AT_ONCE = 1000
_TIES = 10  # further hits asked for, so that the cut between equals is always the same


def nearest_of_each(
    engine: Engine,
    vectors: Mapping[str, NDArray[np.float32]],
    by: str,
    where: tuple[Condition, ...],
    labels: Sequence[str],
    limit: int,
) -> dict[str, list[Hit]]:
    """Find the nearest products of each product, itself left out.

    Args:
        engine: Where they lie.
        vectors: Product id -> its vector, float32 (dim,).
        by: Name of that vector.
        where: Conditions that all hold.
        labels: Those a reader may see.
        limit: Most hits a product.

    Raises:
        ValueError: If the limit is below 1.
    """
    _check_limit(limit)
    keys = (*HIT_KEYS, *labels)
    answers: dict[str, list[Hit]] = {}
    for some in batches(vectors.items(), _QUERIES_AT_ONCE):
        queries = [
            Query((Nearest(vector, by),), limit + _TIES, where, (point_id(product_id),), keys)
            for product_id, vector in some
        ]
        for (product_id, _), found in zip(some, engine.query(queries), strict=True):
            answers[product_id] = ranked(found, labels, limit)
    return answers


def nearest_of_all(
    engine: Engine, nearest: Sequence[Nearest], where: tuple[Condition, ...], labels: Sequence[str], limit: int
) -> list[Hit]:
    """Find the products nearest to one vector, or to several by reciprocal rank; arguments as above."""
    _check_limit(limit)
    query = Query(tuple(nearest), limit + _TIES, where, (), (*HIT_KEYS, *labels))
    return ranked(engine.query([query])[0], labels, limit)


def vectors_of(engine: Engine, product_ids: Sequence[str], name: str) -> dict[str, NDArray[np.float32] | None]:
    """Read one vector of products; None where a product has none, unknown ids left out."""
    found = [
        point
        for some in batches(map(point_id, product_ids), _POINTS_AT_ONCE)
        for point in engine.retrieve(some, keys=("product_id",), vectors=(name,))
    ]
    return {point.payload["product_id"]: point.vectors.get(name) for point in found}


def _check_limit(limit: int) -> None:
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
