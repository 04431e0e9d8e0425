"""The run that fills a store: read, skip what is unchanged, embed, upsert."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .catalogue import CatalogueError
from .clean import richness
from .embedders import Embedder
from .embedders.terms import terms, terms_text
from .embedders.text import embedding_text
from .products import Product, Rejected
from .seen import Seen
from .store import NewPoint, ProductStore, Settings, State, Stored, new_run, record_hash, text_hash, to_payload

DEFAULT_TEXT_FIELDS = ("title", "description")
DEFAULT_BATCH = 256
_NOTHING_TO_EMBED = "no title, description, brand, category or feature"


@dataclass(slots=True)
class IndexSummary:
    """What a run did, counted in catalogue lines and products.

    Args:
        read: Lines that held a product or were rejected.
        new: Products written for the first time.
        embedded: Products embedded, new ones among them.
        updated: Products whose record changed but not their text: written without embedding.
        unchanged: Products left as they were.
        duplicates: Lines that repeat an id of this run; the richer record won.
        rejected: Reason -> number of lines.
        deleted: Products removed because the catalogue no longer has them.
        failure: Why reading stopped early; empty when it did not. What was read before is kept.
    """

    read: int = 0
    new: int = 0
    embedded: int = 0
    updated: int = 0
    unchanged: int = 0
    duplicates: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    deleted: int = 0
    failure: str = ""


def index_products(
    records: Iterable[Product | Rejected],
    store: ProductStore,
    embedder: Embedder,
    *,
    text_fields: Sequence[str] = DEFAULT_TEXT_FIELDS,
    batch_size: int = DEFAULT_BATCH,
    delete_missing: bool = False,
    on_rejected: Callable[[Rejected], None] = lambda rejected: None,
    progress: Callable[[int], None] = lambda lines: None,
    parameters: Mapping[str, Any] | None = None,
) -> IndexSummary:
    """Write a catalogue into a store, embedding only what is new or changed; labels stay.

    Each batch is embedded and written before the next is read, so a run that was killed is picked up by the same call.

    Args:
        records: As `read_catalogue` yields them; a `CatalogueError` among them ends the run after what came before.
        store: Its collection is made when it is not there.
        embedder: Must be the model the collection was made with.
        text_fields: Product fields the text is put together from.
        batch_size: Products embedded and written at a time, at least 1.
        delete_missing: Remove stored products that the catalogue does not have; not done after a failure.
        on_rejected: Called with each unusable line.
        progress: Called with the number of lines done, batch by batch.
        parameters: Further words about the run for its record.

    Raises:
        ValueError: If the collection was made with another model, or from other fields.
    """
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    settings = _settled(store, embedder.name, tuple(text_fields))
    run = new_run("index", {**(parameters or {}), "model": embedder.name, "text_fields": list(text_fields)})
    started, summary = time.monotonic(), IndexSummary()
    with Seen() as seen:
        writer = _Writer(store, embedder, tuple(text_fields), seen, summary, on_rejected)
        begun = False
        for batch in _batches(records, batch_size, summary):
            if not begun and any(isinstance(record, Product) for record in batch):
                begun = True  # a catalogue without a single product leaves no trace in the store
                store.create(store.dims() or {"text": embedder.dim})
                store.records.save_settings(settings)
                store.records.save_run(run)
            writer.write(batch)
            progress(len(batch))
        if delete_missing and not summary.failure:
            summary.deleted = _delete_missing(store, seen)
    if not begun:
        return summary
    if summary.new + summary.embedded + summary.updated and store.label_names():
        store.build_index()  # a first run leaves this to `cluster`: labels are written faster before the index is built
    results = {name: getattr(summary, name) for name in summary.__slots__}
    state: State = "failed" if summary.failure else "done"
    store.records.save_run(replace(run, state=state, seconds=time.monotonic() - started, results=results))
    return summary


def _settled(store: ProductStore, model: str, text_fields: tuple[str, ...]) -> Settings:
    """Check that the collection fits the run and say its settings."""
    settings = store.records.settings()
    for what, made_with, asked in (
        ("text model", settings.text_model, model),
        ("text fields", ",".join(settings.text_fields), ",".join(text_fields)),
    ):
        if made_with and made_with != asked:
            option = what.replace(" ", "-")
            raise ValueError(
                f"collection '{store.name}' was made with {what} '{made_with}', got '{asked}': use --{option} "
                f"{made_with}, or index into another --collection; vectors of two kinds cannot be compared"
            )
    return replace(settings, text_model=model, text_fields=text_fields)


def _batches(
    records: Iterable[Product | Rejected], size: int, summary: IndexSummary
) -> Iterator[list[Product | Rejected]]:
    """Cut records into batches; a catalogue that breaks off ends them and is noted."""
    batch: list[Product | Rejected] = []
    try:
        for record in records:
            batch.append(record)
            if len(batch) == size:
                yield batch
                batch = []
    except CatalogueError as error:
        summary.failure = str(error)
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Writer:
    """Takes one batch after another to the store."""

    store: ProductStore
    embedder: Embedder
    text_fields: tuple[str, ...]
    seen: Seen
    summary: IndexSummary
    on_rejected: Callable[[Rejected], None]

    def write(self, batch: Sequence[Product | Rejected]) -> None:
        """Reject, drop duplicates and unchanged products, embed and upsert the rest."""
        self.summary.read += len(batch)
        usable: list[Product] = []
        for record in batch:
            if isinstance(record, Product):
                if embedding_text(record, self.text_fields):
                    usable.append(record)
                    continue
                self.seen.add([(record.product_id, -1)])  # not missing from the catalogue, and poorer than any other
                record = Rejected(record.line, _NOTHING_TO_EMBED, record.file, f"product_id {record.product_id}")
            self.summary.rejected[record.reason] += 1
            self.on_rejected(record)
        self._note_fields(usable)
        products, replacing = self._without_duplicates(usable)
        texts = {product.product_id: embedding_text(product, self.text_fields) for product in products}
        stored = self.store.stored(list(texts))
        points = [self._point(product, texts[product.product_id], stored, replacing) for product in products]
        self._upsert([point for point in points if point is not None], texts, stored)

    def _without_duplicates(self, products: Sequence[Product]) -> tuple[list[Product], set[str]]:
        """Keep the richest record of each id, among this batch and all before it; the first of equals.

        Returns:
            The products kept, and the ids of those that replace a poorer record of an earlier batch.
        """
        before = self.seen.richness([product.product_id for product in products])
        best, kept = dict(before), dict[str, Product]()
        for product in products:
            rich, known = richness(product), best.get(product.product_id)
            if known is not None and known >= 0:
                self.summary.duplicates += 1
            if known is None or rich > known:
                kept[product.product_id] = product
                best[product.product_id] = rich
        self.seen.add(list(best.items()))
        return list(kept.values()), {product_id for product_id in kept if before.get(product_id, -1) >= 0}

    def _point(
        self, product: Product, text: str, stored: Mapping[str, Stored], replacing: Collection[str]
    ) -> NewPoint | None:
        """Describe what to write of a product; None when the store has it, or a richer one of its catalogue."""
        before = stored.get(product.product_id)
        record, fingerprint = record_hash(to_payload(product)), text_hash(text, self.embedder.name)
        if before is not None and record in before.superseded:
            return None
        if before is not None and before.record_hash == record and before.text_hash == fingerprint:
            self.summary.unchanged += 1
            return None
        superseded: tuple[str, ...] = ()
        if before is not None and product.product_id in replacing and before.record_hash != record:
            superseded = (*before.superseded, before.record_hash)
        return NewPoint(product, None, terms(terms_text(product)), fingerprint, record, superseded)

    def _upsert(self, points: Sequence[NewPoint], texts: Mapping[str, str], stored: Mapping[str, Stored]) -> None:
        """Embed what needs it and write all."""

        def same_text(point: NewPoint) -> bool:
            before = stored.get(point.product.product_id)
            return before is not None and before.text_hash == point.text_hash

        kept = [point for point in points if same_text(point)]
        fresh = [point for point in points if not same_text(point)]
        if fresh:
            vectors = self.embedder.embed([texts[point.product.product_id] for point in fresh])
            kept += [replace(point, vector=vector) for point, vector in zip(fresh, vectors, strict=True)]
        if kept:
            self.store.upsert(kept)
        self.summary.embedded += len(fresh)
        self.summary.updated += len(points) - len(fresh)
        self.summary.new += sum(point.product.product_id not in stored for point in points)

    def _note_fields(self, products: Sequence[Product]) -> None:
        """Remember the names of the user's own columns, before any product carries them."""
        settings = self.store.records.settings()
        names = dict.fromkeys(settings.field_names)
        names.update(dict.fromkeys(name for product in products for name in product.fields))
        if len(names) > len(settings.field_names):
            self.store.records.save_settings(replace(settings, field_names=tuple(names)))


def _delete_missing(store: ProductStore, seen: Seen) -> int:
    """Remove the stored products that the run has not read."""
    ids = store.take().ids if store.count() else []
    there = seen.richness(ids)
    return store.delete([product_id for product_id in ids if product_id not in there])
