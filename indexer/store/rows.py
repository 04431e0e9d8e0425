"""Products on their way in and out of a store."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .block import BlockWriter
from .engine import Found, Payload, Point, Terms
from .payload import RECORD_HASH, SUPERSEDED, TEXT_HASH, point_id

HIT_KEYS = ("product_id", "title", "brand", "price", "image_urls", "categories")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Products as rows.

    Args:
        ids: Product ids, n of them, in order of their points: the same order every time.
        vectors: float32 (n, dim), C order, rows of length 1, NaN where a product has none; None when none was asked
            for.
        columns: Payload key -> n values, None where a product lacks the key.
    """

    ids: list[str]
    vectors: NDArray[np.float32] | None
    columns: Mapping[str, list[Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of a stored product before it is written again."""

    record_hash: str
    text_hash: str
    superseded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Hit:
    """One product of an answer.

    Args:
        product_id: The catalogue's id.
        score: Cosine or fused rank, larger is nearer; None where nothing was ranked.
        title: Empty when unknown, as brand and image_url.
        price: None when unknown.
        labels: Label name -> cluster number, for the labels this product has.
    """

    product_id: str
    score: float | None
    title: str
    brand: str
    price: float | None
    image_url: str
    categories: tuple[str, ...]
    labels: Mapping[str, int]

    def scored(self, score: float) -> "Hit":
        """Give the same product another score."""
        return replace(self, score=score)


@dataclass(frozen=True, slots=True, eq=False)
class NewPoint:
    """A product as it is to be written.

    Args:
        product_id: The catalogue's id.
        payload: The record, as `to_payload` makes it.
        vector: Text vector, float32 (dim,), length 1; None keeps the stored one.
        terms: Its words.
        text_hash: Fingerprint of the text and the model.
        record_hash: Fingerprint of the record.
        superseded: Fingerprints of the poorer records of the same id that its catalogue holds beside it.
    """

    product_id: str
    payload: Payload
    vector: NDArray[np.float32] | None
    terms: Terms
    text_hash: str
    record_hash: str
    superseded: tuple[str, ...] = ()


def written(points: Sequence[NewPoint], before: Mapping[str, Found]) -> list[Point]:
    """Put points together from the new records and what the runs wrote on the old ones.

    Args:
        points: At least one.
        before: Point id -> the point as stored, where there is one.

    Raises:
        ValueError: If a vector is missing, holds NaN or has no length 1.
    """
    ids = [point_id(new.product_id) for new in points]
    vectors = [_vector(new, before.get(i)) for i, new in zip(ids, points, strict=True)]
    check_lengths([new.product_id for new in points], vectors)
    return [
        Point(i, {**_others(before.get(i)), "text": vector}, {"terms": new.terms}, _payload(new, before.get(i)))
        for i, new, vector in zip(ids, points, vectors, strict=True)
    ]


def check_lengths(product_ids: Sequence[str], vectors: Sequence[NDArray[np.float32]]) -> None:
    """Check that vectors, float32 (dim,), have length 1: the engines would take anything silently.

    Raises:
        ValueError: If one holds NaN or has another length.
    """
    if not vectors:
        return
    lengths = np.linalg.norm(np.stack(vectors), axis=1)
    for wrong in np.flatnonzero(~(abs(lengths - 1) < 1e-3)).tolist():
        raise ValueError(f"the vector of product '{product_ids[wrong]}' must have length 1, got {lengths[wrong]}")


def _others(before: Found | None) -> Mapping[str, NDArray[np.float32]]:
    """Keep the vectors that were not made from the text."""
    return before.vectors if before is not None else {}


def _vector(new: NewPoint, before: Found | None) -> NDArray[np.float32]:
    if new.vector is not None:
        return new.vector
    if before is None:
        raise ValueError(f"product '{new.product_id}' has no vector and none is stored")
    return before.vectors["text"]


def _payload(new: NewPoint, before: Found | None) -> Payload:
    kept = before.payload if before is not None else {}
    payload = {**new.payload, **kept, RECORD_HASH: new.record_hash, TEXT_HASH: new.text_hash}
    if new.superseded:
        payload[SUPERSEDED] = list(new.superseded)
    return payload


def as_rows(
    pages: Iterable[Sequence[Found]], keys: Sequence[str], vector: str | None, block: BlockWriter | None
) -> Embedded:
    """Read pages of points as rows; the block takes their vectors, if any are wanted."""
    ids: list[str] = []
    columns: dict[str, list[Any]] = {key: [] for key in keys}
    for page in pages:
        if block is not None and vector is not None:
            block.add([found.vectors.get(vector) for found in page])
        ids.extend(found.payload["product_id"] for found in page)
        for key, column in columns.items():
            column.extend(found.payload.get(key) for found in page)
    return Embedded(ids, None if block is None else np.asarray(block.block(), dtype=np.float32), columns)


def hit_of(point: Found, labels: Sequence[str], score: float | None) -> Hit:
    """Read a point as a hit with these labels."""
    payload = point.payload
    return Hit(
        product_id=payload["product_id"],
        score=score,
        title=payload.get("title", ""),
        brand=payload.get("brand", ""),
        price=payload.get("price"),
        image_url=next(iter(payload.get("image_urls", ())), ""),
        categories=tuple(payload.get("categories", ())),
        labels={name: payload[name] for name in labels if payload.get(name) is not None},
    )


def ranked(found: Sequence[Found], labels: Sequence[str], limit: int) -> list[Hit]:
    """Keep the best hits; among equals, which an engine gives in any order, the lower id first."""
    best = sorted(found, key=lambda point: (-round(point.score, 6), point.payload["product_id"]))
    return [hit_of(point, labels, point.score) for point in best[:limit]]
