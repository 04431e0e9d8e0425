"""Products in Qdrant: what is written about a product, and what can be asked. The only truth of an `assort` store."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Self

import numpy as np
from numpy.typing import NDArray

from . import results
from .asking import nearest_of_all, nearest_of_each, vectors_of
from .block import Block, BlockWriter
from .dims import check_dims, dim_of
from .engine import SCROLL_PAGE, Engine, Found, Nearest, Payload, Point
from .filters import fitted
from .payload import FILTERS, INDEXED, LABELS, RECORD_HASH, SUPERSEDED, TEXT_HASH, kept_keys, membership_key, point_id
from .records import Records
from .results import BATCH, batches
from .rows import HIT_KEYS, Embedded, Hit, NewPoint, Stored, as_rows, check_lengths, hit_of, written
from .where import Condition

Progress = Callable[[int], None]
Vectors = Mapping[str, NDArray[np.float32]]


class ProductStore:
    """One collection of products.

    Args:
        engine: Where the products lie.
        records: Where the settings and runs lie.
        name: Of the collection, for messages.
        release: Called once when the store closes.
    """

    def __init__(self, engine: Engine, records: Records, name: str, release: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self.records = records
        self.name = name
        self._release = release

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Flush and let go."""
        try:
            self._engine.close()
        finally:
            self._release()

    # --- what is there -------------------------------------------------------------------------------------------

    def count(self, where: Sequence[Condition] = ()) -> int:
        """Count products; 0 when the collection does not exist yet."""
        return self._engine.count(self._typed(where)) if self._engine.exists() else 0

    def dims(self) -> dict[str, int]:
        """Say the dimensions of each dense vector; empty before the first product."""
        shape = self._engine.shape()
        return {} if shape is None else dict(sorted(shape.dims.items()))  # the engine keeps them in no order

    def indexed(self) -> int:
        """Count the products that stand in a vector index; the others are scanned."""
        shape = self._engine.shape()
        return 0 if shape is None else min(shape.indexed, shape.points)

    def label_names(self) -> tuple[str, ...]:
        """Name the labels that runs have written whole at least once, those of `cluster all` first."""
        written = self.records.settings().labels
        return (*(name for name in LABELS if name in written), *sorted(set(written) - set(LABELS)))

    def unfinished_labels(self) -> tuple[str, ...]:
        """Name the labels that a run cut short left half written; `cluster` completes them."""
        return self.records.settings().unfinished

    def cluster_sizes(self, label: str) -> list[tuple[int, int]]:
        """Count the products of each cluster, largest first; noise, -1, is none.

        Raises:
            LookupError: If no run has written the label, or one was cut short while it did.
        """
        self.check_label(label)
        facet = self._engine.facet(label, max(1, self.count()))
        return [(int(value), count) for value, count in facet if count and int(value) >= 0]  # Edge lists those gone too

    def has_memberships(self, label: str) -> bool:
        """Say whether products have memberships of a label's clusters, be it shown or not."""
        return bool(self._engine.count([results.any_membership(label)]))

    # --- writing -------------------------------------------------------------------------------------------------

    def create(self, dims: Mapping[str, int], labels: Iterable[str] = LABELS) -> None:
        """Create the collection, or the vectors that it lacks, with its payload indexes, those of labels among them.

        Raises:
            ValueError: If it is there with other dimensions.
        """
        if not self._engine.exists():
            self._engine.create(dims, ["terms"])
        for name, dim in dims.items():
            self._engine.add_vector(name, dim)
        # Those of the labels too, while it is empty: an index made later reads every payload once.
        self._engine.create_indexes({key: FILTERS[key] for key in INDEXED} | dict.fromkeys(labels, "integer"))
        check_dims(dims, self.dims(), collection=self.name)

    def stored(self, product_ids: Sequence[str]) -> dict[str, Stored]:
        """Read the fingerprints of the products that are there."""
        keys = ("product_id", RECORD_HASH, TEXT_HASH, SUPERSEDED)
        payloads = [found.payload for found in self._retrieved(product_ids, keys)]
        return {p["product_id"]: Stored(p[RECORD_HASH], p[TEXT_HASH], tuple(p.get(SUPERSEDED, ()))) for p in payloads}

    def upsert(self, points: Sequence[NewPoint], *, there: Container[str] | None = None) -> None:
        """Write products; those already there keep what runs found and, where none is given, their vector.

        Args:
            points: Any number.
            there: The ids that may be there; the others are not looked up. None looks up all.

        Raises:
            ValueError: If a vector holds NaN or has no length 1: the engines would take it silently.
        """
        if not points:
            return
        old = [point_id(new.product_id) for new in points if there is None or new.product_id in there]
        keep = kept_keys((*self.label_names(), *self.unfinished_labels()))
        found = self._engine.retrieve(old, keys=keep, vectors=tuple(self.dims())) if old else []
        self._engine.upsert(written(points, {point.id: point for point in found}))

    def set_vectors(
        self, name: str, vectors: Vectors, payloads: Mapping[str, Payload], *, without: Sequence[str] = ()
    ) -> None:
        """Give products that are there a further named vector, and what is to be known of it.

        Args:
            name: Of a dense vector; added to the collection when it is not there.
            vectors: Product id -> float32 (dim,), of length 1.
            payloads: Product id -> keys to set.
            without: Product ids that lose the vector.

        Raises:
            ValueError: If a vector holds NaN or has no length 1, or the collection's have other dimensions.
        """
        check_lengths(list(vectors), list(vectors.values()))
        for dim in {len(vector) for vector in vectors.values()}:
            self._engine.add_vector(name, dim)
            check_dims({name: dim}, self.dims(), collection=self.name)
        self._engine.set_vectors(name, [(point_id(i), vector) for i, vector in vectors.items()])
        if name in self.dims():
            self._engine.remove_vectors(name, list(map(point_id, without)))
        self._engine.set_payloads([([point_id(i)], payload) for i, payload in payloads.items()])

    def drop_vector(self, name: str) -> None:
        """Take a dense vector from all products, so that one of other dimensions can have its name."""
        self._engine.drop_vector(name)

    def set_labels(
        self,
        ids: Sequence[str],
        labels: Mapping[str, NDArray[np.int64]],
        previous: Mapping[str, NDArray[np.int64]],
        progress: Progress = lambda written: None,
        memberships: Vectors | None = None,
    ) -> int:
        """Write labels where they differ from the previous ones, all at once for products that share them all.

        Args:
            ids: Product ids, n of them.
            labels: Label name -> int64 (n,).
            previous: The labels as stored, -1 where there is none; a name may be absent.
            progress: Called with the number of products written, with memberships of those compared, batch by batch.
            memberships: Label name -> float32 (n,), NaN for none. What is stored is read then, instead of `previous`.

        Returns:
            How many products were written.
        """
        self._engine.create_indexes(dict.fromkeys(labels, "integer"))
        if memberships:
            self.index_memberships(label for label, sure in memberships.items() if not np.isnan(sure).all())
            return results.set_memberships(self._engine, ids, labels, memberships, progress)
        return results.set_labels(self._engine, results.changed_labels(ids, labels, previous), progress)

    def index_memberships(self, labels: Iterable[str]) -> None:
        """Make filters on how surely products belong to these labels' clusters fast."""
        self._engine.create_indexes(dict.fromkeys(map(membership_key, labels), "float"))

    def set_complements(self, complements: Iterable[tuple[str, str]]) -> None:
        """Write each product's ranked complements, those that changed: (product id, text) pairs.

        As text, because the embedded engine takes in one string eight times faster than lists of 50 ids and numbers.
        """
        results.set_complements(self._engine, complements)

    def set_first_results(
        self, ids: Sequence[str], labels: Mapping[str, NDArray[np.int64]], complements: Iterable[tuple[int, str]]
    ) -> None:
        """Write labels and complements, row and text, where there are none: at once in half the time."""
        self._engine.create_indexes(dict.fromkeys(labels, "integer"))
        results.set_first_results(self._engine, ids, labels, complements)

    def delete(self, product_ids: Sequence[str]) -> int:
        """Remove products and say how many were there."""
        there = self.stored(product_ids)
        for some in batches(there, BATCH):
            self._engine.delete([point_id(product_id) for product_id in some])
        return len(there)

    def build_index(self) -> None:
        """Build or repair the vector index over everything written so far."""
        self._engine.build_index()

    # --- reading whole -------------------------------------------------------------------------------------------

    def take(self, keys: Sequence[str] = (), *, vector: str | None = None) -> Embedded:
        """Read all products as rows.

        Args:
            keys: Payload keys wanted as columns.
            vector: Name of the dense vector wanted.

        Raises:
            LookupError: If the collection does not exist or holds no product.
        """
        return as_rows(self.pages(keys, vector=vector), keys, vector, None if vector is None else self.block(vector))

    def vectors(self, name: str, *, memory_limit: int | None = None, progress: Progress = lambda read: None) -> Block:
        """Read all vectors of one name as one block, in the order of `take`.

        Args:
            name: Of a dense vector.
            memory_limit: Bytes; a float32 block above it becomes one of float16, mapped from a temporary file.
            progress: Called with the number of products read, page by page.

        Returns:
            float32 (n, dim), rows of length 1, NaN where a product has none; past the limit float16.

        Raises:
            LookupError: If the collection does not exist or holds no product.
            ValueError: If there is no vector of that name.
        """
        self._check_there_are_products()
        block = self.block(name, memory_limit=memory_limit)
        for page in self._engine.scroll(keys=(), vectors=(name,)):
            block.add([found.vectors.get(name) for found in page])
            progress(len(page))
        return block.block()

    def block(self, name: str, *, memory_limit: int | None = None, exact: bool = False) -> BlockWriter:
        """Make room for the vectors of all products, to be filled from `pages`; the arguments are those of `vectors`.

        Args:
            name: Of a dense vector.
            memory_limit: Bytes.
            exact: Whether a block on disk keeps all digits.

        Raises:
            ValueError: If there is no vector of that name.
        """
        return BlockWriter(self.count(), self._dim(name), memory_limit=memory_limit, exact=exact)

    def pages(
        self,
        keys: Sequence[str] = (),
        *,
        vector: str | None = None,
        where: Sequence[Condition] = (),
        page: int = SCROLL_PAGE,
    ) -> Iterator[list[Found]]:
        """Read products a page at a time, in the order of `take`; the product's id is always among the keys.

        Args:
            keys: Payload keys wanted.
            vector: Name of the dense vector wanted.
            where: Conditions that all hold; none for all products.
            page: Products read at a time.

        Raises:
            LookupError: If the collection does not exist or holds no product.
        """
        self._check_there_are_products()
        vectors = () if vector is None else (vector,)
        return self._engine.scroll(keys=("product_id", *keys), vectors=vectors, where=self._typed(where), page=page)

    def points(self) -> Iterator[list[Found]]:
        """Read every point whole, vectors and all, a page at a time, to copy a store."""
        return self._engine.scroll(keys=None, vectors=(*self.dims(), "terms"))

    def write_points(self, points: Sequence[Point]) -> None:
        """Write points read by `points` of another store."""
        self._engine.upsert(points)

    # --- asking --------------------------------------------------------------------------------------------------

    def get(self, product_ids: Sequence[str]) -> dict[str, Payload]:
        """Read whole payloads by product id; unknown ids are left out."""
        return {found.payload["product_id"]: found.payload for found in self._retrieved(product_ids, None)}

    def hits(self, product_ids: Sequence[str], where: Sequence[Condition] = ()) -> dict[str, Hit]:
        """Read products as hits without a score; unknown ids, and those the filter drops, are left out."""
        labels, conditions = self.readable_labels(), self._typed(where)
        found = (
            point
            for some in batches(map(point_id, dict.fromkeys(product_ids)), BATCH)
            for page in self._engine.scroll(keys=(*HIT_KEYS, *labels), where=conditions, only=some)
            for point in page
        )
        return {point.payload["product_id"]: hit_of(point, labels, None) for point in found}

    def similar(
        self, product_ids: Sequence[str], *, by: str = "text", where: Sequence[Condition] = (), limit: int = 10
    ) -> dict[str, list[Hit]]:
        """Find the nearest products of each by cosine, itself left out; none for one among several without the vector.

        Raises:
            LookupError: If a product is not there, or none has the vector.
            ValueError: If `limit` is below 1 or the filter does not fit the collection.
        """
        vectors, conditions = self._vectors_of(product_ids, by), self._typed(where)
        found = nearest_of_each(self._engine, vectors, by, conditions, self.readable_labels(), limit)
        return {product_id: found.get(product_id, []) for product_id in product_ids}

    def search(self, nearest: Sequence[Nearest], *, where: Sequence[Condition] = (), limit: int = 10) -> list[Hit]:
        """Find the products nearest to a vector, or to several (a text's and its words'), fused in the engine."""
        return nearest_of_all(self._engine, nearest, self._typed(where), self.readable_labels(), limit)

    def products(self, where: Sequence[Condition] = (), limit: int | None = 10) -> list[Hit]:
        """Find the products that fulfil all conditions, in order of their points; `limit=None` finds all."""
        labels = self.readable_labels()
        pages = self._engine.scroll(keys=(*HIT_KEYS, *labels), where=self._typed(where))
        found = islice((point for page in pages for point in page), limit)
        return [hit_of(point, labels, None) for point in found]

    def check_there(self, product_ids: Iterable[str], found: Container[str]) -> None:
        """Check that products that were asked for were found.

        Raises:
            LookupError: If one was not, naming it.
        """
        for product_id in product_ids:
            if product_id not in found:
                raise LookupError(
                    f"product '{product_id}' is not in collection '{self.name}': `assort search` finds ids by words"
                )

    def check_label(self, label: str) -> None:
        """Check that a label can be read.

        Raises:
            LookupError: If no run has written it, or one was cut short while it did.
        """
        if label in self.unfinished_labels():
            raise LookupError(f"label '{label}' is half written by a run cut short: run `assort cluster` again")
        if label not in self.label_names():
            known = ", ".join(self.label_names())
            makes = f"`assort cluster {label} --method METHOD` or `assort cluster all` makes labels"
            raise LookupError(f"there is no label '{label}': {f'there are {known}' if known else makes}")

    # --- inside --------------------------------------------------------------------------------------------------

    def _check_there_are_products(self) -> None:
        if not self.count():
            raise LookupError(f"collection '{self.name}' holds no products: run `assort index CATALOGUE` first")

    def _dim(self, name: str) -> int:
        """Say how long a vector is, once it is known to exist."""
        return dim_of(name, self.dims(), collection=self.name)

    def vectors_of(self, product_ids: Sequence[str], name: str) -> dict[str, NDArray[np.float32] | None]:
        """Read one vector of products, float32 (dim,); None where a product has none, unknown ids left out."""
        self._dim(name)
        return vectors_of(self._engine, product_ids, name)

    def _vectors_of(self, product_ids: Sequence[str], by: str) -> Vectors:
        found = self.vectors_of(product_ids, by)
        self.check_there(product_ids, found)
        vectors = {i: vector for i in product_ids if (vector := found[i]) is not None}
        if product_ids and not vectors:
            raise LookupError(f"product '{product_ids[0]}' has no vector '{by}': ask `--by text`")
        return vectors

    def _retrieved(self, product_ids: Iterable[str], keys: Sequence[str] | None) -> Iterator[Found]:
        """Read the points of products, so many at a time."""
        for some in batches(product_ids, BATCH):
            yield from self._engine.retrieve([point_id(product_id) for product_id in some], keys=keys)

    def readable_labels(self) -> tuple[str, ...]:
        """Name the labels a reader may see: a label half written is shown to nobody."""
        unfinished = self.unfinished_labels()
        return tuple(name for name in self.label_names() if name not in unfinished)

    def _typed(self, where: Sequence[Condition]) -> tuple[Condition, ...]:
        """Check a filter's fields against the collection and give its values their types."""
        if not where:
            return ()
        own = self.records.settings().field_names
        return tuple(fitted(condition, own, self.label_names(), self.check_label) for condition in where)
