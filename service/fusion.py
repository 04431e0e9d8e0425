"""Text and picture asked together: late fusion of cosines, and the shares that suit a catalogue."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clustering.fused import expected_cosine, fused_cosines
from indexer.store import Condition, Hit, ProductStore

from .truth import values_of

EQUAL: Mapping[str, float] = {"text": 0.5, "image": 0.5}
LEAST = 1e-6
"""Share of a kind that was given none."""

CANDIDATES = 100
"""Nearest by each kind that are ranked again by both, at least."""

_STEPS = 20  # shares tried lie this many parts of 1 apart
_GRADED = 4000  # products compared with each other to grade shares
_NEAREST = 5

FloatArray = NDArray[np.float32]


def shares_of(store: ProductStore, asked: Mapping[str, float] | None = None) -> dict[str, float]:
    """Say how much each kind of vector counts: as asked, as `tune-fusion` chose, or alike; adding up to 1.

    Raises:
        ValueError: If a kind is not there, a share is negative, or all are 0.
        LookupError: If the collection has no pictures.
    """
    there = store.dims()
    if "image" not in there:
        raise LookupError(
            f"collection '{store.name}' has no pictures to fuse with its texts: "
            "run `assort index CATALOGUE --images download`, or --images FOLDER"
        )
    shares = dict(asked or store.records.settings().weights or EQUAL)
    for name, share in shares.items():
        if name not in there:
            raise ValueError(f"there is no vector '{name}' to weigh, only {', '.join(there)}")
        if not 0 <= share < np.inf:
            raise ValueError(f"a weight must be 0 or more and finite, got {name}={share}")
    left = max(0.0, 1 - sum(shares.values()))  # text=0.3 alone leaves 0.7 to pictures
    shares = {name: shares.get(name, left) for name in EQUAL} if shares else shares
    total = sum(shares.values())
    if not total > 0:
        raise ValueError("at least one weight must be above 0")
    # Never nothing at all: a product that lacks the only kind that counts is still compared by the other.
    return {name: max(share / total, LEAST) for name, share in shares.items()}


def similar_fused(
    store: ProductStore,
    product_ids: Sequence[str],
    shares: Mapping[str, float],
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
) -> dict[str, list[Hit]]:
    """Find the products nearest by text and picture together.

    The nearest by each kind are ranked again by the weighted mean of their cosines, each counted from what a random
    pair has. Where one of the two products has no picture, their texts alone decide.

    Args:
        store: Where.
        product_ids: Products asked about.
        shares: Kind of vector -> its weight.
        where: Conditions that all hold.
        limit: Most products of each answer.

    Raises:
        LookupError: If a product is not in the store.
        ValueError: If the limit or the filter is wrong.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    own = {name: store.vectors_of(product_ids, name) for name in shares}
    for vectors in own.values():
        store.check_there(product_ids, vectors)
    chance = {name: _expected(store, name) for name in shares}
    most = max(CANDIDATES, 2 * limit)
    answers: dict[str, list[Hit]] = {}
    for product_id in product_ids:
        asked = [name for name in shares if own[name][product_id] is not None]
        hits = {
            hit.product_id: hit
            for name in asked
            for hit in store.similar([product_id], by=name, where=where, limit=most)[product_id]
        }
        scores = _scores(store, {name: own[name][product_id] for name in shares}, list(hits), shares, chance)
        best = sorted(zip(hits.values(), scores.tolist(), strict=True), key=lambda p: (-p[1], p[0].product_id))
        answers[product_id] = [hit.scored(round(score, 6)) for hit, score in best[:limit]]
    return answers


def _scores(
    store: ProductStore,
    own: Mapping[str, FloatArray | None],
    candidates: Sequence[str],
    shares: Mapping[str, float],
    chance: Mapping[str, float],
) -> FloatArray:
    """Fuse the cosines of one product with its candidates: float32 (m,)."""
    cosines = [_cosines(own[name], store.vectors_of(candidates, name), candidates) for name in shares]
    return fused_cosines(cosines, [chance[name] for name in shares], list(shares.values()))


def _cosines(own: FloatArray | None, others: Mapping[str, FloatArray | None], ids: Sequence[str]) -> FloatArray:
    """Compare one vector with others: float32 (m,), NaN where one is missing."""
    compared = [np.nan if own is None or other is None else own @ other for other in map(others.get, ids)]
    return np.array(compared, dtype=np.float32)


def _expected(store: ProductStore, name: str) -> float:
    """Estimate the cosine of a random pair from the first page of products, whose order is as good as random."""
    page = next(iter(store.pages(vector=name)))
    vectors = [found.vectors[name] for found in page if name in found.vectors]
    return expected_cosine(np.stack(vectors)) if vectors else 0.0


class Graded(NamedTuple):
    """One way to share: how often a product's five nearest have its value."""

    text: float
    image: float
    agreement: float


def tuned(store: ProductStore, field: str, *, seed: int) -> tuple[list[Graded], Graded]:
    """Choose the shares by which nearest neighbours agree most often in a field, and keep them as the store's own.

    Args:
        store: With texts and pictures.
        field: A column of the user's own, or `brand`, `categories` or `source`.
        seed: Of the sample.

    Returns:
        What every share achieved, and the best of them: the most even one among equals.

    Raises:
        LookupError: If there is no such field, it tells no shares apart, there are no pictures, or fewer than two
            products have a value.
    """
    grades = grade(store, store.take().ids, values_of(store, field), seed=seed)
    least, most = min(each.agreement for each in grades), max(each.agreement for each in grades)
    if most == least:
        raise LookupError(
            f"field '{field}' tells no weights apart (nearest products agree in {least:.2f}): "
            "name a --truth that several products have in common"
        )
    best = max(grades, key=lambda g: (round(g.agreement, 4), -abs(g.text - g.image)))
    settings = store.records.settings()
    store.records.save_settings(replace(settings, weights={"text": best.text, "image": best.image}))
    return grades, best


def grade(store: ProductStore, ids: Sequence[str], truth: Sequence[str | None], *, seed: int) -> list[Graded]:
    """Grade shares of text and picture by how often the nearest neighbours agree in a value.

    Args:
        store: With texts and pictures.
        ids: n product ids.
        truth: A value for each, None where unknown; those are left out.
        seed: Of the sample.

    Returns:
        One row a share, from text alone to picture alone.

    Raises:
        LookupError: If there are no pictures, or fewer than two products have a value.
    """
    shares_of(store)
    values = np.array([value or "" for value in truth], dtype=object)
    known = np.flatnonzero(values != "")
    if len(known) < 2:
        raise LookupError(f"at least 2 products must have a value to grade by, got {len(known)}: name another --truth")
    rows = np.sort(np.random.default_rng(seed).permutation(known)[:_GRADED])
    codes = np.unique(values[rows].astype(str), return_inverse=True)[1]
    kinds = [_block(store, [ids[row] for row in rows], name) for name in EQUAL]
    cosines = [vectors @ vectors.T for vectors in kinds]
    expected = [expected_cosine(vectors) for vectors in kinds]
    return [
        Graded(round(1 - share, 2), share, _agreement(fused_cosines(cosines, expected, [1 - share, share]), codes))
        for share in (step / _STEPS for step in range(_STEPS + 1))
    ]


def _block(store: ProductStore, ids: Sequence[str], name: str) -> FloatArray:
    """Read one vector of some products as float32 (m, dim), NaN where there is none."""
    nothing = np.full(store.dims()[name], np.nan, dtype=np.float32)
    found = store.vectors_of(ids, name)
    return np.stack([nothing if (vector := found[i]) is None else vector for i in ids])


def _agreement(fused: FloatArray, codes: NDArray[np.int64]) -> float:
    """Say which share of the five nearest has the same value; what cannot be compared does not agree."""
    fused = np.where(np.isnan(fused), -np.inf, fused)
    np.fill_diagonal(fused, -np.inf)
    most = min(_NEAREST, len(codes) - 1)
    nearest = np.argpartition(-fused, most - 1, axis=1)[:, :most]
    compared = np.isfinite(np.take_along_axis(fused, nearest, axis=1))
    return float(((codes[nearest] == codes[:, None]) & compared).mean())
