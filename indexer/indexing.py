"""The run that fills a store: read, skip what is unchanged, embed, upsert."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .embedders import Embedder
from .embedders.tiers import split_speed
from .pipeline import Stages, batches
from .preparing import Batch, Prepared
from .products import Product, Rejected
from .seen import Seen
from .store import FIELDS, NewPoint, ProductStore, Settings, State, Stored, new_run

DEFAULT_TEXT_FIELDS = ("title", "description")
DEFAULT_BATCH = 256

Vectors = NDArray[np.float32]


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
        unread: The files after the one where reading stopped.
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
    unread: tuple[str, ...] = ()


def index_products(
    records: Iterable[Product | Rejected],
    store: ProductStore,
    embedder: Embedder,
    *,
    text_fields: Sequence[str] = DEFAULT_TEXT_FIELDS,
    batch_size: int = DEFAULT_BATCH,
    delete_missing: bool = False,
    name_by_id: bool = False,
    on_rejected: Callable[[Rejected], None] = lambda rejected: None,
    progress: Callable[[int], None] = lambda lines: None,
    stages: Stages | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> IndexSummary:
    """Write a catalogue into a store, embedding only what is new or changed; labels stay.

    While a batch is written the next is embedded and further ones are read, so a run that was killed has lost two
    batches at most, none of them reported, and is picked up by the same call.

    Args:
        records: `Catalogues`, which a process of its own reads, or any records as `read_catalogue` yields them; a
            `CatalogueError` among them ends the run after what came before.
        store: Its collection is made when it is not there.
        embedder: Must be the model the collection was made with; called in a thread of its own.
        text_fields: Product fields the text is put together from.
        batch_size: Products embedded and written at a time, at least 1.
        delete_missing: Remove stored products that the catalogue does not have; not done after a failure.
        name_by_id: Whether a product that says nothing gets its id for a title; else it is rejected.
        on_rejected: Called with each unusable line.
        progress: Called with the number of lines done, batch by batch, once they are written.
        stages: Told how long each stage works.
        parameters: Further words about the run for its record.

    Raises:
        ValueError: If the collection was made with another model, or from other fields.
        ChildProcessError: If the process that reads ends before the catalogue does.
    """
    if batch_size < 1:
        raise ValueError(f"batch size must be at least 1, got {batch_size}")
    stages = stages or Stages()
    settings = _settled(store, embedder.name, tuple(text_fields))
    run = new_run("index", {**(parameters or {}), "model": embedder.name, "text_fields": list(text_fields)})
    started, summary, begun = time.monotonic(), IndexSummary(), False
    options: dict[str, Any] = {"text_fields": tuple(text_fields), "batch_size": batch_size, "name_by_id": name_by_id}
    reading = batches(records, model=embedder.name, **options)
    with Seen() as seen, reading as prepared, ThreadPoolExecutor(1, "embedding") as thread:
        writer = _Writer(store, lambda texts: thread.submit(_embed, embedder, texts, stages), seen, summary, stages)
        try:
            for batch in prepared:
                stages.add("reading", batch.seconds)
                if not begun and (batch.products or batch.silent):
                    begun = True  # a catalogue without a single product leaves no trace in the store
                    store.create(store.dims() or {"text": embedder.dim})
                    store.records.save_settings(settings)
                    store.records.save_run(run)
                _note_unusable(batch, summary, on_rejected)
                writer.take(batch, progress)
        finally:
            writer.finish()  # what was read before reading broke off is kept
        if delete_missing and not summary.failure:
            summary.deleted = _delete_missing(store, seen)
    if not begun:
        return summary
    if summary.new + summary.embedded + summary.updated and store.label_names():
        store.build_index()  # a first run leaves this to `cluster`: labels are written faster before the index is built
    counted = {name: getattr(summary, name) for name in summary.__slots__}
    results = counted | {"rejected": dict(summary.rejected), "stages": stages.seconds}
    state: State = "failed" if summary.failure else "done"
    store.records.save_run(replace(run, state=state, seconds=time.monotonic() - started, results=results))
    return summary


def _embed(embedder: Embedder, texts: Sequence[str], stages: Stages) -> Vectors:
    with stages.working("embedding"):
        return embedder.embed(texts)


def _note_unusable(batch: Batch, summary: IndexSummary, on_rejected: Callable[[Rejected], None]) -> None:
    """Count a batch's lines and hand on those that cannot be used."""
    summary.read += batch.lines
    summary.failure, summary.unread = batch.failure, batch.unread
    for record in batch.rejected:
        summary.rejected[record.reason] += 1
        on_rejected(record)


def _settled(store: ProductStore, model: str, text_fields: tuple[str, ...]) -> Settings:
    """Check that the collection fits the run and say its settings."""
    settings = store.records.settings()
    for what, made_with, asked in (
        ("text model", settings.text_model, model),
        ("text fields", ",".join(settings.text_fields), ",".join(text_fields)),
    ):
        if made_with and made_with != asked:
            (made_model, speed), (asked_model, _) = split_speed(made_with), split_speed(asked)
            only_speed = what == "text model" and made_model == asked_model
            option = f"--{what.replace(' ', '-')} {made_with}"
            way_back = f"leave --speed and ASSORT_SPEED away, or use --speed {speed}" if only_speed else f"use {option}"
            raise ValueError(
                f"collection '{store.name}' was made with {what} '{made_with}', got '{asked}': {way_back}, "
                "or index into another --collection; vectors of two kinds cannot be compared"
            )
    return replace(settings, text_model=model, text_fields=text_fields)


class _Change(NamedTuple):
    """A product to be written, with the fingerprints of the poorer records it replaces."""

    product: Prepared
    superseded: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Pending:
    """A batch between its embedding and its writing.

    Args:
        ids: Of all its products.
        stored: What the store held of them.
        kept: Changes that leave the vector as it is.
        fresh: Changes that need a vector.
        vectors: Those vectors, when they are ready.
        written: Called when all is written.
    """

    ids: frozenset[str]
    stored: Mapping[str, Stored]
    kept: list[_Change]
    fresh: list[_Change]
    vectors: Future[Vectors]
    written: Callable[[], None]


class _Writer:
    """Takes one batch after another to the store; while one is written, the next is embedded already.

    Args:
        store: Where to.
        embed: Begins to embed texts.
        seen: The ids of this run.
        summary: Counts.
        stages: Where the time goes.
    """

    def __init__(
        self,
        store: ProductStore,
        embed: Callable[[Sequence[str]], Future[Vectors]],
        seen: Seen,
        summary: IndexSummary,
        stages: Stages,
    ) -> None:
        self._store, self._embed, self._seen, self._summary, self._stages = store, embed, seen, summary, stages
        self._was_empty = not store.count()
        self._pending: _Pending | None = None

    def take(self, batch: Batch, progress: Callable[[int], None]) -> None:
        """Drop duplicates and unchanged products, begin to embed the rest, and write the batch before."""
        ids = frozenset(product.product_id for product in batch.products)
        if self._pending is not None and not ids.isdisjoint(self._pending.ids):
            self.finish()  # what the store holds of a product must be known before it is written again
        with self._stages.working("writing"):
            self._note_fields(batch.products)
            self._note_silent(batch.silent)
            products, replacing, known = self._without_duplicates(batch.products)
            # What a store that was empty holds by now, this run has written and therefore seen.
            there = [product.product_id for product in products if not self._was_empty or product.product_id in known]
            stored = self._store.stored(there) if there else {}
            changes = [change for product in products if (change := self._change(product, stored, replacing))]
            kept, fresh = _by_text(changes, stored)
            vectors = self._embed([change.product.text for change in fresh]) if fresh else _no_vectors()
        self.finish()
        self._pending = _Pending(ids, stored, kept, fresh, vectors, lambda: progress(batch.lines))

    def finish(self) -> None:
        """Write the batch that was taken last."""
        pending, self._pending = self._pending, None
        if pending is None:
            return
        vectors: list[Vectors | None] = [*[None] * len(pending.kept), *pending.vectors.result()]
        with self._stages.working("writing"):
            changes = [*pending.kept, *pending.fresh]
            points = [_point(*change, vector) for change, vector in zip(changes, vectors, strict=True)]
            self._store.upsert(points, there=pending.stored)
        self._summary.embedded += len(pending.fresh)
        self._summary.updated += len(pending.kept)
        self._summary.new += sum(change.product.product_id not in pending.stored for change in changes)
        pending.written()

    def _without_duplicates(self, products: Sequence[Prepared]) -> tuple[list[Prepared], set[str], Collection[str]]:
        """Keep the richest record of each id, among this batch and all before it; the first of equals.

        Returns:
            The products kept, the ids of those that replace a poorer record of an earlier batch, and all ids seen.
        """
        before = self._seen.richness([product.product_id for product in products])
        best, kept = dict(before), dict[str, Prepared]()
        for product in products:
            known = best.get(product.product_id)
            if known is not None and known >= 0:
                self._summary.duplicates += 1
            if known is None or product.richness > known:
                kept[product.product_id] = product
                best[product.product_id] = product.richness
        self._seen.add(list(best.items()))
        return list(kept.values()), {i for i in kept if before.get(i, -1) >= 0}, before

    def _change(self, product: Prepared, stored: Mapping[str, Stored], replacing: Collection[str]) -> _Change | None:
        """Say what to write of a product; None when the store has it, or a richer one of its catalogue."""
        before = stored.get(product.product_id)
        if before is None:
            return _Change(product, ())
        if product.record_hash in before.superseded:
            return None
        if not product.richness:  # an id and nothing else takes no title from what is there
            self._summary.unchanged += 1
            return None
        if before.record_hash == product.record_hash and before.text_hash == product.text_hash:
            self._summary.unchanged += 1
            return None
        if product.product_id in replacing and before.record_hash != product.record_hash:
            return _Change(product, (*before.superseded, before.record_hash))
        return _Change(product, ())

    def _note_silent(self, product_ids: Sequence[str]) -> None:
        """Remember products that say nothing: not missing from the catalogue, and poorer than any other record."""
        if product_ids:
            known = self._seen.richness(product_ids)
            self._seen.add([(product_id, -1) for product_id in product_ids if product_id not in known])

    def _note_fields(self, products: Sequence[Prepared]) -> None:
        """Remember the names of the user's own columns, before any product carries them."""
        found = dict.fromkeys(name for product in products for name in product.payload.get(FIELDS, ()))
        if not found:
            return
        settings = self._store.records.settings()
        names = {**dict.fromkeys(settings.field_names), **found}
        if len(names) > len(settings.field_names):
            self._store.records.save_settings(replace(settings, field_names=tuple(names)))


def _by_text(changes: Sequence[_Change], stored: Mapping[str, Stored]) -> tuple[list[_Change], list[_Change]]:
    """Part the changes into those that leave the text as it was and those that need a new vector."""
    kept: list[_Change] = []
    fresh: list[_Change] = []
    for change in changes:
        before = stored.get(change.product.product_id)
        same = before is not None and before.text_hash == change.product.text_hash
        (kept if same else fresh).append(change)
    return kept, fresh


def _no_vectors() -> Future[Vectors]:
    ready: Future[Vectors] = Future()
    ready.set_result(np.empty((0, 0), dtype=np.float32))
    return ready


def _point(product: Prepared, superseded: tuple[str, ...], vector: Vectors | None) -> NewPoint:
    return NewPoint(
        product.product_id,
        product.payload,
        vector,
        product.terms,
        product.text_hash,
        product.record_hash,
        superseded,
    )


def _delete_missing(store: ProductStore, seen: Seen) -> int:
    """Remove the stored products that the run has not read."""
    ids = store.take().ids if store.count() else []
    there = seen.richness(ids)
    return store.delete([product_id for product_id in ids if product_id not in there])
