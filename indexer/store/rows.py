"""Products on their way in and out of a store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..products import Product
from .engine import Found, Payload, Point, Terms
from .payload import RECORD_HASH, SUPERSEDED, TEXT_HASH, point_id, to_payload

HIT_KEYS = ("product_id", "title", "brand", "price", "image_urls", "categories")


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Products as rows.

    Args:
        ids: Product ids, n of them, in order of their points: the same order every time.
        vectors: float32 (n, dim), C order, rows of length 1; None when no vector was asked for.
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
        product: The record.
        vector: Text vector, float32 (dim,), length 1; None keeps the stored one.
        terms: Its words.
        text_hash: Fingerprint of the text and the model.
        record_hash: Fingerprint of the record.
        superseded: Fingerprints of the poorer records of the same id that its catalogue holds beside it.
    """

    product: Product
    vector: NDArray[np.float32] | None
    terms: Terms
    text_hash: str
    record_hash: str
    superseded: tuple[str, ...] = ()


def written(new: NewPoint, before: Found | None) -> Point:
    """Put a point together from the new record and what the runs wrote on the old one."""
    product_id = new.product.product_id
    vector = new.vector
    if vector is None:
        if before is None:
            raise ValueError(f"product '{product_id}' has no vector and none is stored")
        vector = np.asarray(before.vectors["text"], dtype=np.float32)
    if not abs(float(np.linalg.norm(vector)) - 1) < 1e-3:
        raise ValueError(f"the vector of product '{product_id}' must have length 1, got {np.linalg.norm(vector)}")
    kept = before.payload if before is not None else {}
    payload = {**to_payload(new.product), **kept, RECORD_HASH: new.record_hash, TEXT_HASH: new.text_hash}
    if new.superseded:
        payload[SUPERSEDED] = list(new.superseded)
    return Point(point_id(product_id), {"text": vector}, {"terms": new.terms}, payload)


def changed_labels(
    ids: Sequence[str], labels: Mapping[str, NDArray[np.int64]], previous: Mapping[str, NDArray[np.int64]]
) -> Iterator[tuple[list[str], Payload]]:
    """Group the products whose labels changed by the labels they get: (point ids, payload) for each group.

    Args:
        ids: n product ids.
        labels: Label name -> int64 (n,).
        previous: The labels as stored, -1 where there is none; a name may be absent.
    """
    names = list(labels)
    nothing = np.full(len(ids), -1, dtype=np.int64)
    wanted = np.stack([labels[name] for name in names], axis=1)
    stored = np.stack([previous.get(name, nothing) for name in names], axis=1)
    changed = np.flatnonzero((wanted != stored).any(axis=1))
    if len(changed) == 0:
        return
    tuples, group = np.unique(wanted[changed], axis=0, return_inverse=True)
    members = np.split(changed[np.argsort(group, kind="stable")], np.cumsum(np.bincount(group))[:-1])
    for values, rows in zip(tuples, members, strict=True):
        yield [point_id(ids[row]) for row in rows], dict(zip(names, values.tolist(), strict=True))


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
        labels={name: payload[name] for name in labels if name in payload},
    )
