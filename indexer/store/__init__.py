"""The only place that speaks Qdrant: `open_store` for a folder (Qdrant Edge) or a URL (a Qdrant server)."""

import re
from pathlib import Path

from .dims import VECTOR_STEPS
from .engine import Found, Nearest, Payload, Point, Terms
from .errors import ServerFailed, StoreLocked
from .payload import (
    COMPLEMENTS,
    COMPLEMENTS_HASH,
    FIELDS,
    IMAGE_HASH,
    LABELS,
    PICTURE,
    PICTURE_BOX,
    PICTURE_HASH,
    RECORD_HASH,
    RESERVED,
    SUPERSEDED,
    TEXT_HASH,
    UNLABELLED,
    membership_key,
    point_id,
    record_hash,
    text_hash,
    to_payload,
)
from .records import Records, Run, Settings, State, new_run
from .rows import Embedded, Hit, NewPoint, Stored
from .store import ProductStore
from .where import Condition, parse_condition

__all__ = [
    "COMPLEMENTS",
    "COMPLEMENTS_HASH",
    "FIELDS",
    "IMAGE_HASH",
    "LABELS",
    "PICTURE",
    "PICTURE_BOX",
    "PICTURE_HASH",
    "RECORD_HASH",
    "RESERVED",
    "SUPERSEDED",
    "TEXT_HASH",
    "UNLABELLED",
    "VECTOR_STEPS",
    "Condition",
    "Embedded",
    "Found",
    "Hit",
    "Nearest",
    "NewPoint",
    "Payload",
    "Point",
    "ProductStore",
    "Records",
    "Run",
    "ServerFailed",
    "Settings",
    "State",
    "StoreLocked",
    "Stored",
    "Terms",
    "membership_key",
    "new_run",
    "open_store",
    "parse_condition",
    "point_id",
    "record_hash",
    "text_hash",
    "to_payload",
]


def open_store(location: str, collection: str = "products", *, create: bool = False) -> ProductStore:
    """Open one collection of products.

    Args:
        location: A folder, or the http(s) URL of a Qdrant server.
        collection: Letters, digits, `-` and `_`.
        create: Whether a folder that is not there is made; a reader leaves it so.

    Raises:
        ValueError: If the collection's name is not of that form, or the location can be no store.
        LookupError: If the folder is not there and `create` is off.
        StoreLocked: If another process has the folder open.
        ServerFailed: If no server answers.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,100}", collection):
        raise ValueError(f"a collection's name is 1 to 100 letters, digits, - and _, got '{collection}'")
    if location.startswith(("http://", "https://")):
        return _open_server(location, collection)
    if "://" in location:
        raise ValueError(f"a server's URL begins with http:// or https://, got '{location}'")
    folder = Path(location)
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"store '{folder}' is a file: give --store a folder, or the URL of a Qdrant server")
    if not create and not (folder / collection).is_dir():
        raise LookupError(f"there is no collection '{collection}' at '{folder}': run `assort index CATALOGUE` first")
    return _open_folder(folder, collection)


def _open_folder(folder: Path, collection: str) -> ProductStore:
    from .embedded import EmbeddedEngine, PathLock

    lock = PathLock(folder)
    products, records = EmbeddedEngine(folder / collection), EmbeddedEngine(folder / f"{collection}.runs")

    def release() -> None:
        try:
            records.close()
        finally:
            lock.release()

    return ProductStore(products, Records(records), collection, release)


def _open_server(url: str, collection: str) -> ProductStore:
    from .server import ServerEngine, connect

    client = connect(url)
    products, records = ServerEngine(client, collection), ServerEngine(client, f"{collection}.runs")
    return ProductStore(products, Records(records), collection)
