"""What goes with a product: ranked for all in the complementary run, kept as payload, answered with reasons."""

import json
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
from joblib import cpu_count
from numpy.typing import NDArray

from graph.complements import ComplementRanker, Complements, Why
from indexer.store import COMPLEMENTS, Condition, Hit, Payload, ProductStore

from .lookup import Answer
from .progress import Done

KEPT_ANY, KEPT_NEW = 20, 30  # answers kept a product: the best of all, and the best the catalogue does not link yet
COLD_NEIGHBOURS = 10  # similar products that a product without answers of its own borrows from
_BLOCK = 512
# Why -> the evidence column that counts for it, and the words; {} is the count.
_WORDS: Mapping[Why, tuple[str, str]] = {
    Why.TOGETHER: ("together", "bought together"),
    Why.BOUGHT_BOTH_WAYS: ("bought", "each is bought with the other"),
    Why.BOUGHT: ("bought", "also bought"),
    Why.SHARED: ("shared", "{} products are bought with both"),
    Why.SIMILAR: ("similar", "bought together by {} similar products"),
    Why.VIEWED: ("viewed", "also viewed"),
    Why.PATTERN: ("shared", "bought by the same pattern of shoppers"),
}


def complement_payloads(
    ranker: ComplementRanker, ids: list[str], identity: NDArray[np.int64], progress: Done = lambda done: None
) -> Iterator[tuple[int, str]]:
    """Rank the complements of every product and write them as text, as many blocks at once as there are cores.

    Args:
        ranker: Fitted on the whole catalogue.
        ids: n product ids.
        identity: int64 (n,), -1 for none: a product's own identity group is no complement of it.
        progress: Called with the number of products ranked, block by block.

    Yields:
        Row number and complements, JSON that `kept_complements` reads; products that are linked follow each other.
    """
    groups = np.where(identity < 0, identity.max(initial=-1) + 1 + np.arange(len(ids)), identity)
    names = np.array(ids, dtype=object)
    order = ranker.order()
    workers = cpu_count()

    def ranked(start: int) -> list[tuple[int, str]]:
        rows = order[start : start + _BLOCK]
        answers = ranker.rank(rows, KEPT_ANY, more_new=KEPT_NEW, apart=[groups])
        return list(zip(rows.tolist(), _texts(answers, names), strict=True))

    # Ranking leaves the interpreter free most of the time, so threads do, and the links are in memory once.
    with ThreadPoolExecutor(workers) as pool:
        waiting: deque[Future[list[tuple[int, str]]]] = deque()
        for start in range(0, len(order), _BLOCK):
            waiting.append(pool.submit(ranked, start))
            if len(waiting) > 2 * workers:
                block = waiting.popleft().result()
                yield from block
                progress(len(block))
        for last in waiting:
            yield from last.result()
            progress(len(last.result()))


def _texts(answers: Complements, names: NDArray[np.object_]) -> list[str]:
    """Write the answers of each product as JSON: parallel lists, and strings of one digit an answer."""
    why, there = answers.why, answers.target >= 0
    counts = np.select([why == reason for reason in _WORDS], [getattr(answers, e) for e, _ in _WORDS.values()])
    known = (answers.bought > 0) | (answers.together > 0)
    ids = names[answers.target[there]].tolist()
    score = answers.score[there].astype(np.float64).round(5).tolist()
    count = counts[there].tolist()
    reason, beside = (bytes(digits[there].astype(np.uint8) + ord("0")).decode() for digits in (why, known))
    ends = np.cumsum(there.sum(axis=1)).tolist()
    return [
        json.dumps(
            {"ids": ids[a:b], "score": score[a:b], "count": count[a:b], "why": reason[a:b], "known": beside[a:b]}
        )
        for a, b in zip([0, *ends], ends, strict=False)
    ]


def kept_complements(payload: Payload) -> Iterator[tuple[str, float, Why, int, bool]]:
    """Read a product's stored complements.

    Args:
        payload: The product's, whole.

    Yields:
        Product id, score, strongest evidence, its count, and whether the catalogue has the two bought beside each
        other; best first.
    """
    stored = payload.get(COMPLEMENTS, {})
    kept = json.loads(stored) if isinstance(stored, str) else stored  # once it was stored as it is read
    columns = [kept.get(name, ()) for name in ("ids", "score", "why", "count", "known")]
    for other, score, why, count, known in zip(*columns, strict=True):
        yield other, score, Why(int(why)), count, int(known) == 1


def complements(
    store: ProductStore,
    product_ids: Sequence[str],
    *,
    where: Sequence[Condition] = (),
    limit: int = 10,
    new_only: bool = False,
    no_substitutes: bool = False,
) -> dict[str, list[Answer]]:
    """Find what goes with each product, and why.

    The answers were ranked by the last complementary run, up to 50 a product, and filters choose among these. A product
    that run did not know, or that nobody links to anything, borrows from its most similar products.

    Args:
        store: Where.
        product_ids: Products asked about.
        where: Conditions that all answers fulfil.
        limit: Most answers a product, at least 1.
        new_only: Leave out what the catalogue already links to the product.
        no_substitutes: Leave out the product's own similarity cluster.

    Raises:
        LookupError: If a product is not in the store, or no complementary run was made.
        ValueError: If the limit or the filter is wrong.
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, got {limit}")
    unfinished = store.unfinished_labels()
    if "complementary" not in (*store.label_names(), *unfinished):
        raise LookupError(
            f"collection '{store.name}' has no complements: `assort cluster complementary` ranks them, "
            "from also_buy, also_view and bought_together"
        )
    for label in unfinished:
        store.check_label(label)  # half written, the answers beside it may be too
    products = store.get(product_ids)
    store.check_there(product_ids, products)
    ranked = {i: _ranked(store, products[i], new_only=new_only) for i in product_ids}
    wanted = dict.fromkeys(other for answers in ranked.values() for other, _, _ in answers)
    hits = store.hits([*wanted, *product_ids])
    allowed = hits if not where else store.hits(list(wanted), where)
    return {
        product_id: _answers(
            hits[product_id], answers, {i: hits[i] for i in allowed if i in hits}, limit, no_substitutes
        )
        for product_id, answers in ranked.items()
    }


def _ranked(store: ProductStore, payload: Payload, *, new_only: bool) -> list[tuple[str, float, str]]:
    """List a product's complements as (id, score, why), best first."""
    kept = list(kept_complements(payload))
    if not kept:
        return _borrowed(store, payload, new_only=new_only)
    linked = _linked(payload)
    return [
        (other, score, _WORDS[why][1].format(count))
        for other, score, why, count, known in kept
        if not new_only or not (known or other in linked)
    ]


def _borrowed(store: ProductStore, payload: Payload, *, new_only: bool) -> list[tuple[str, float, str]]:
    """Rank what goes with the most similar products, each weighted by its similarity."""
    product_id = payload["product_id"]
    near = store.similar([product_id], limit=COLD_NEIGHBOURS)[product_id]
    lenders = store.get([hit.product_id for hit in near])
    score: dict[str, float] = defaultdict(float)
    count: dict[str, int] = defaultdict(int)
    for hit in near:
        for other, strength, *_ in kept_complements(lenders[hit.product_id]):
            score[other] += (hit.score or 0.0) * strength
            count[other] += 1
    linked = _linked(payload) if new_only else set()
    best = sorted(
        (other for other in score if other != product_id and other not in linked), key=lambda i: (-score[i], i)
    )
    return [(i, round(score[i], 5), _WORDS[Why.SIMILAR][1].format(count[i])) for i in best]


def _linked(payload: Payload) -> set[str]:
    return {other for kind in ("also_buy", "bought_together") for other in payload.get(kind, ())}


def _answers(
    product: Hit, ranked: Sequence[tuple[str, float, str]], hits: Mapping[str, Hit], limit: int, no_substitutes: bool
) -> list[Answer]:
    """Drop what is the same product, or a substitute when asked to, and keep the best."""
    apart = ("identity", "similarity") if no_substitutes else ("identity",)

    def other_kind(hit: Hit) -> bool:
        return all(label not in product.labels or product.labels[label] != hit.labels.get(label) for label in apart)

    chosen = [(hits[i], score, why) for i, score, why in ranked if i in hits and other_kind(hits[i])]
    return [Answer(hit.scored(score), why) for hit, score, why in chosen[:limit]]
