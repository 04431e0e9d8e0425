"""Products made ready to be written: everything that needs neither the model nor the store."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from .catalogue import CatalogueError
from .clean import richness
from .embedders.terms import terms, terms_text
from .embedders.text import embedding_text
from .products import Product, Rejected
from .store import Payload, Terms, record_hash, text_hash, to_payload

_NOTHING_TO_EMBED = "no title, description, brand, category or feature"


class Prepared(NamedTuple):
    """A product ready to be embedded and written; a named tuple, for it crosses between processes quickly.

    Args:
        product_id: The catalogue's id.
        text: What its vector is made from.
        payload: The record, as `to_payload` makes it.
        terms: Its words.
        text_hash: Fingerprint of the text and the model.
        record_hash: Fingerprint of the record.
        richness: How much the record says; 0 where it is an id and nothing else.
    """

    product_id: str
    text: str
    payload: Payload
    terms: Terms
    text_hash: str
    record_hash: str
    richness: int


@dataclass(slots=True)
class Batch:
    """Some lines of a catalogue.

    Args:
        lines: How many, blank ones apart.
        products: Those that can be embedded.
        silent: Ids of products that say nothing about themselves; they are among the rejected.
        rejected: The lines that cannot be used.
        seconds: What reading and preparing took.
        failure: Why the catalogue ends here, early; empty when it does not.
        unread: The files after the one that broke off.
    """

    lines: int = 0
    products: list[Prepared] = field(default_factory=list)
    silent: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    seconds: float = 0.0
    failure: str = ""
    unread: tuple[str, ...] = ()


def prepare(
    records: Iterable[Product | Rejected],
    *,
    text_fields: Sequence[str],
    model: str,
    batch_size: int,
    name_by_id: bool = False,
) -> Iterator[Batch]:
    """Read records and make them ready, a batch at a time.

    Args:
        records: As `read_catalogue` yields them; a `CatalogueError` among them ends the last batch and is told in it.
        text_fields: Product fields the text is put together from.
        model: Name of the model that will embed it.
        batch_size: Lines in a batch.
        name_by_id: Whether a product that says nothing gets its id for a title; else it is rejected.
    """
    batch, started = Batch(), time.perf_counter()
    try:
        for record in records:
            _add(batch, record, text_fields, model, name_by_id)
            if batch.lines == batch_size:
                batch.seconds = time.perf_counter() - started
                yield batch
                batch, started = Batch(), time.perf_counter()
    except CatalogueError as error:
        batch.failure, batch.unread = str(error), tuple(map(str, error.unread))
    batch.seconds = time.perf_counter() - started
    if batch.lines or batch.failure:
        yield batch


def _add(batch: Batch, record: Product | Rejected, text_fields: Sequence[str], model: str, name_by_id: bool) -> None:
    """Put a record where it belongs in a batch."""
    batch.lines += 1
    if isinstance(record, Rejected):
        batch.rejected.append(record)
    elif text := embedding_text(record, text_fields):
        batch.products.append(_prepared(record, text, model, richness(record)))
    elif name_by_id:
        named = replace(record, title=record.product_id)
        batch.products.append(_prepared(named, record.product_id, model, richness(record)))
    else:
        batch.silent.append(record.product_id)
        about = f"product_id {record.product_id}"
        batch.rejected.append(Rejected(record.line, _NOTHING_TO_EMBED, record.file, about))


def _prepared(product: Product, text: str, model: str, says: int) -> Prepared:
    payload = to_payload(product)
    return Prepared(
        product.product_id,
        text,
        payload,
        terms(terms_text(product)),
        text_hash(text, model),
        record_hash(payload),
        says,
    )
