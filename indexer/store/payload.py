"""How a product lies in Qdrant: the payload's keys, its id, and the hashes that tell whether it changed."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from ..products import Product
from .engine import FieldKind, Payload

# Payload key -> kind, for the fields a user may filter on. Label fields are integers and join as they are made.
FILTERS: Mapping[str, FieldKind] = {
    "product_id": "keyword",
    "title": "keyword",
    "brand": "keyword",
    "categories": "keyword",
    "source": "keyword",
    "price": "float",
    "also_buy": "keyword",
    "also_view": "keyword",
    "bought_together": "keyword",
}
# Of those, the ones with a payload index; a filter on the others scans.
INDEXED: tuple[str, ...] = ("brand", "categories", "price", "source")
# The labels of `cluster all`; further label names join as runs make them.
LABELS: tuple[str, ...] = ("identity_cell", "identity", "similarity", "complementary")
# What an array of labels holds for a product that has none, or is to have none; noise is -1.
UNLABELLED = -2
# Payload keys that belong to the runs: an update of the product keeps them.
COMPLEMENTS = "complements"
TEXT_HASH, RECORD_HASH, SUPERSEDED = "text_hash", "record_hash", "superseded"
COMPLEMENTS_HASH = "complements_hash"  # of what was ranked, so that a run writes only what changed
PICTURE, IMAGE_HASH, PICTURE_HASH = "picture", "image_hash", "picture_hash"
PICTURE_BOX = "picture_box"  # the part of the picture that was embedded: left, top, right, bottom; empty for all
# What runs found out about a product: an update of the product keeps it.
KEPT = (COMPLEMENTS, COMPLEMENTS_HASH, PICTURE, IMAGE_HASH, PICTURE_HASH, PICTURE_BOX)
FIELDS = "fields"  # the user's own columns live below this key, so that none can overwrite another

_PRODUCT_KEYS = (
    "product_id", "title", "description", "brand", "categories", "features", "price", "image_urls", "source",
    "also_buy", "also_view", "bought_together",
)  # fmt: skip
# What no label may be called.
RESERVED = frozenset((*_PRODUCT_KEYS, *KEPT, TEXT_HASH, RECORD_HASH, SUPERSEDED, FIELDS))

_NAMESPACE = uuid.NAMESPACE_URL.bytes
_JSON = json.JSONEncoder(sort_keys=True, ensure_ascii=False)


def point_id(product_id: str) -> str:
    """Name the point of a product: the same product always gets the same point (UUID version 5).

    `uuid.uuid5` gives the same in three times the time: this is done several times a product and run.
    """
    digest = hashlib.sha1(_NAMESPACE + product_id.encode(), usedforsecurity=False).hexdigest()
    variant = "89ab"[int(digest[16], 16) & 3]
    return f"{digest[:8]}-{digest[8:12]}-5{digest[13:16]}-{variant}{digest[17:20]}-{digest[20:32]}"


def to_payload(product: Product) -> Payload:
    """Write a product as payload; empty fields are left out."""
    payload: Payload = {}
    for key in _PRODUCT_KEYS:
        value = getattr(product, key)
        if value is not None and value not in ("", ()):
            payload[key] = list(value) if isinstance(value, tuple) else value
    if product.fields:
        payload[FIELDS] = dict(product.fields)
    return payload


def membership_key(label: str) -> str:
    """Name the payload key of how surely a product belongs to its cluster of a label."""
    return f"{label}_p"


def kept_keys(labels: Iterable[str]) -> tuple[str, ...]:
    """Name the payload keys that belong to the runs, which an update of the product keeps."""
    labels = tuple(labels)
    return (*labels, *map(membership_key, labels), *KEPT)


def record_hash(payload: Mapping[str, Any]) -> str:
    """Fingerprint a product's payload: equal exactly when nothing in the record changed."""
    return _digest(_JSON.encode(payload))


def text_hash(text: str, model: str) -> str:
    """Fingerprint what a text vector was made from: equal exactly when embedding again would change nothing."""
    return _digest(f"{model}\0{text}")


def complements_hash(complements: str) -> str:
    """Fingerprint a product's complements as stored: equal exactly when writing them again would change nothing."""
    return _digest(complements)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
