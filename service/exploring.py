"""What a catalogue holds, before anything is clustered: gaps, distributions, links and duplicates, in two passes."""

import hashlib
import re
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.store import FIELDS, PICTURE_HASH, Payload, ProductStore

from .progress import Done
from .tally import Field, Tally, vary

SAMPLE = 100_000
"""Products whose numbers are kept for distributions and correlations; everything else is counted over all."""

LINKS = ("also_buy", "also_view", "bought_together")
_TEXTS = ("title", "description", "brand", "source", "categories", "features", "image_urls")
_KEYS = (*_TEXTS, "price", FIELDS, PICTURE_HASH, *LINKS)
_PLAIN = frozenset((0, 1 << 63))  # hashes of every picture that is one plain colour: they say nothing
_GROUPS = 10
_NO_WORD = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Links:
    """How one kind of link knits the products together.

    Args:
        name: Of the field.
        linking: Products with at least one link.
        links: Links of all products.
        inside: Links to products of the collection.
        linked: Products of the collection that at least one other links to.
    """

    name: str
    linking: int
    links: int
    inside: int
    linked: int

    @property
    def dangling(self) -> float:
        """The share of links to products that are not there, 0 to 1; 0 where there are no links."""
        return 1 - self.inside / self.links if self.links else 0.0


@dataclass(frozen=True, slots=True)
class Duplicates:
    """Products that share a title or a picture.

    Args:
        by: What they share.
        groups: How many different ones are shared.
        products: Products that share one.
        largest: The title of one product, its id, and how many products share with it; largest groups first.
    """

    by: str
    groups: int
    products: int
    largest: Sequence[tuple[str, str, int]]


@dataclass(frozen=True, slots=True, eq=False)
class Exploration:
    """What was found.

    Args:
        collection: Its name.
        products: How many.
        sampled: Products that distributions and correlations are of.
        fields: One a field, those of the catalogue's own format first.
        numeric: d names of the fields whose numbers were correlated.
        correlations: float64 (d, d), Pearson's; NaN where a field does not vary or too few products have both.
        links: One a kind of link.
        duplicates: By title and by picture.
    """

    collection: str
    products: int
    sampled: int
    fields: Sequence[Field]
    numeric: Sequence[str]
    correlations: NDArray[np.float64]
    links: Sequence[Links]
    duplicates: Sequence[Duplicates]

    def field(self, name: str) -> Field | None:
        """Find a field by its name."""
        return next((field for field in self.fields if field.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        """Give it as JSON knows it, without the histograms."""
        return {
            "collection": self.collection,
            "products": self.products,
            "sampled": self.sampled,
            "fields": [_field_as_dict(field, self.products) for field in self.fields],
            "correlations": [
                {"fields": pair, "correlation": round(value, 4)} for pair, value in strongest(self, len(self.numeric))
            ],
            "links": [
                {"name": each.name, "linking": each.linking, "links": each.links, "inside": each.inside,
                 "linked": each.linked, "dangling_share": round(each.dangling, 4)}
                for each in self.links
            ],
            "duplicates": [
                {"by": each.by, "groups": each.groups, "products": each.products,
                 "largest": [{"title": title, "product_id": i, "products": n} for title, i, n in each.largest]}
                for each in self.duplicates
            ],
        }  # fmt: skip


def explore(store: ProductStore, *, seed: int, sample: int = SAMPLE, progress: Done = lambda done: None) -> Exploration:
    """Look through all products, page by page.

    Args:
        store: Filled by `index`.
        seed: Of the sample.
        sample: Products whose numbers are kept, at least 1.
        progress: Called with the number of products read, page by page; each is read twice.

    Raises:
        LookupError: If there are no products.
        ValueError: If `sample` is below 1.
    """
    if sample < 1:
        raise ValueError(f"sample must be at least 1 product, got {sample}")
    ids: list[str] = []
    for page in store.pages():
        ids.extend(found.payload["product_id"] for found in page)
        progress(len(page))
    kept = np.zeros(len(ids), dtype=np.bool_)
    kept[np.random.default_rng(seed).permutation(len(ids))[:sample]] = True
    seen = _Seen(ids, store.records.settings().field_names)
    for page in store.pages(_KEYS):
        for found in page:
            seen.add(found.payload, sampled=bool(kept[seen.products]))
        progress(len(page))
    return seen.exploration(store, int(kept.sum()))


class _Seen:
    """What is known after so many products."""

    def __init__(self, ids: Sequence[str], own: Sequence[str]) -> None:
        self.products = 0
        self._ids = ids
        self._rows = {product_id: row for row, product_id in enumerate(ids)}
        self._tallies = {name: Tally(name) for name in (*_TEXTS, "price")}
        self._own = {name: Tally(name) for name in own}
        self._links = {name: _LinkCount(self._rows) for name in LINKS}
        self._titles, self._pictures = array("Q"), array("Q")

    def add(self, payload: Payload, *, sampled: bool) -> None:
        """Count the next product."""
        fields = payload.get(FIELDS) or {}
        for name, tally in self._tallies.items():
            tally.add(payload.get(name), sampled=sampled)
        for name, tally in self._own.items():
            tally.add(fields.get(name), sampled=sampled)
        for name, count in self._links.items():
            count.add(self.products, payload.get(name) or ())
        self._titles.append(_title_hash(payload.get("title", "")))
        self._pictures.append(int(payload.get(PICTURE_HASH) or "0", 16))
        self.products += 1

    def exploration(self, store: ProductStore, sampled: int) -> Exploration:
        """Say what was found."""
        tallies = [*self._tallies.values(), *self._own.values()]
        fields = [tally.field() for tally in tallies]
        numeric = [tally for tally, field in zip(tallies, fields, strict=True) if field.kind == "number"]
        return Exploration(
            store.name,
            self.products,
            sampled,
            fields,
            [tally.name for tally in numeric],
            correlations([tally.numbers for tally in numeric]),
            [count.links(name) for name, count in self._links.items()],
            [
                self._duplicates(store, "title", self._titles, frozenset((0,))),
                self._duplicates(store, "picture", self._pictures, _PLAIN),
            ],
        )

    def _duplicates(self, store: ProductStore, by: str, hashes: "array[int]", ignored: frozenset[int]) -> Duplicates:
        """Find products with the same hash."""
        each = np.frombuffer(hashes, dtype=np.uint64)
        values, first, counts = np.unique(each, return_index=True, return_counts=True)
        shared = (counts > 1) & ~np.isin(values, np.array(sorted(ignored), dtype=np.uint64))
        groups = np.flatnonzero(shared)
        largest = groups[np.argsort(-counts[groups], kind="stable")][:_GROUPS]
        examples = [self._ids[row] for row in first[largest].tolist()]
        titles = {i: str(payload.get("title", "")) for i, payload in store.get(examples).items()}
        return Duplicates(
            by,
            len(groups),
            int(counts[groups].sum()),
            [(titles[i], i, size) for i, size in zip(examples, counts[largest].tolist(), strict=True)],
        )


class _LinkCount:
    """Counts links of one kind."""

    def __init__(self, rows: Mapping[str, int]) -> None:
        self._rows = rows
        self._linking = self._all = self._inside = 0
        self._linked = np.zeros(len(rows), dtype=np.bool_)

    def add(self, row: int, targets: Iterable[str]) -> None:
        """Count what a product links to."""
        targets = list(targets)
        inside = [self._rows[target] for target in targets if target in self._rows]
        self._linking += bool(targets)
        self._all += len(targets)
        self._inside += len(inside)
        self._linked[[target for target in inside if target != row]] = True

    def links(self, name: str) -> Links:
        """Say what was counted."""
        return Links(name, self._linking, self._all, self._inside, int(self._linked.sum()))


def correlations(columns: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Correlate columns pairwise over the rows that have both (Pearson).

    Args:
        columns: d of float64 (m,), NaN or infinite where there is no number.

    Returns:
        float64 (d, d), NaN where fewer than three rows have both, or one of them does not vary there.
    """
    found = np.full((len(columns), len(columns)), np.nan)
    for i, one in enumerate(columns):
        for j, other in enumerate(columns[: i + 1]):
            both = np.isfinite(one) & np.isfinite(other)
            x, y = one[both], other[both]
            if len(x) > 2 and vary(x.min(), x.max()) and vary(y.min(), y.max()):
                found[i, j] = found[j, i] = np.corrcoef(x, y)[0, 1]
    return found


def strongest(found: Exploration, most: int = 5) -> list[tuple[tuple[str, str], float]]:
    """List the pairs of fields that are correlated most, in either direction."""
    above = np.argwhere(np.triu(np.isfinite(found.correlations), k=1)).tolist()
    pairs = [((found.numeric[i], found.numeric[j]), float(found.correlations[i, j])) for i, j in above]
    return sorted(pairs, key=lambda pair: (-abs(pair[1]), pair[0]))[:most]


def _title_hash(title: str) -> int:
    """Hash a title by its letters and digits alone: 64 bits, 0 for an empty one."""
    plain = _NO_WORD.sub(" ", title.casefold()).strip()
    return int.from_bytes(hashlib.blake2b(plain.encode("utf-8", "replace"), digest_size=8).digest()) if plain else 0


def _field_as_dict(field: Field, products: int) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "name": field.name,
        "kind": field.kind,
        "filled": field.filled,
        "missing_share": round(1 - field.filled / products, 4),
        "different": field.different,
        "common": [{"value": value, "products": count} for value, count in field.common],
    }
    for what, spread in (("numbers", field.numbers), ("words", field.words)):
        if spread is not None:
            quantiles = zip(("min", "q25", "median", "q75", "max"), spread.quantiles, strict=True)
            shown[what] = {"mean": spread.mean, "deviation": spread.deviation, **dict(quantiles)}
    return shown
