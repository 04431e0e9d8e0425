"""Beauty, the case with shoppers' links: hide a fifth of the also_buy pairs and see what finds them again."""

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmark_quality_baselines import cells, common_neighbours, label_propagation, popular, umap_hdbscan
from benchmark_quality_cases import OLD_K, Bench, Case, numbered, rows_of
from benchmark_quality_scores import Rows, department_scores, ranking_scores, togetherness_scores
from scipy import sparse

from indexer.catalogue import read_catalogue
from indexer.store import Embedded, ProductStore
from service.complements import complements

DEPARTMENTS = ("Skin Care", "Hair Care", "Makeup", "Tools & Accessories", "Bath & Body", "Fragrance")
LIMIT = 10
HIDDEN_SHARE = 0.2
HIDING_SEED = 7
_ASKED_AT_ONCE = 1000

Record = dict[str, Any]


def beauty(bench: Bench) -> Iterator[Case]:
    """Grade complements, complementary clusters and similarity clusters of one catalogue."""
    records = _read(bench.data / "amazon_beauty_2014" / "products.jsonl.gz")
    ids = [record["asin"] for record in records]
    hidden = hide(linked_pairs(records, ["also_buy"]), seed=HIDING_SEED)
    reduced = bench.work / "beauty_reduced.jsonl"
    _write(without(records, {(ids[a], ids[b]) for a, b in hidden.tolist()}), reduced)
    with bench.clustered("beauty", read_catalogue(reduced)) as store:
        taken = store.take(("also_buy", "bought_together", "also_view", "similarity", "complementary"), vector="text")
        bench.say("beauty: asking for complements")
        answers = answered(store, taken.ids)
    records_of = dict(zip(ids, records, strict=True))
    departments = numbered([department(records_of[i]["category"]) for i in taken.ids])
    hidden = rows_of(taken.ids, np.array(ids, dtype=object)[hidden])
    yield _ranking(taken, answers, hidden)
    baselines = _clusterings(taken, bench)
    yield _togetherness(taken, hidden, baselines)
    yield _departments(taken, departments, baselines)


def linked_pairs(records: Sequence[Mapping[str, Any]], kinds: Sequence[str], key: str = "asin") -> Rows:
    """List the pairs of records that are linked one way or both, each once, as rows (m, 2), the smaller row first."""
    row = {record[key]: i for i, record in enumerate(records)}
    links = {
        (min(i, row[other]), max(i, row[other]))
        for i, record in enumerate(records)
        for kind in kinds
        for other in record[kind] or ()
        if row.get(other, i) != i
    }
    return np.array(sorted(links), dtype=np.int64).reshape(-1, 2)


def hide(pairs: Rows, *, seed: int) -> Rows:
    """Choose the pairs to hide, a seeded fifth of them."""
    return np.random.default_rng(seed).permutation(pairs)[: int(len(pairs) * HIDDEN_SHARE)]


def without(records: Sequence[Record], hidden: set[tuple[str, str]]) -> Iterator[Record]:
    """Take hidden pairs out of also_buy and bought_together, both directions."""
    hidden = hidden | {(b, a) for a, b in hidden}
    for record in records:
        kept = {
            kind: [other for other in record[kind] if (record["asin"], other) not in hidden]
            for kind in ("also_buy", "bought_together")
        }
        yield {**record, **kept}


def department(categories: Sequence[str]) -> str:
    """Name the one department among a product's categories."""
    (name,) = set(categories) & set(DEPARTMENTS)
    return name


def answered(store: ProductStore, ids: Sequence[str]) -> Rows:
    """Ask for the new complements of every product: rows (n, LIMIT), -1 where there are no more."""
    row = {product_id: i for i, product_id in enumerate(ids)}
    answers = np.full((len(ids), LIMIT), -1, dtype=np.int64)
    for start in range(0, len(ids), _ASKED_AT_ONCE):
        asked = ids[start : start + _ASKED_AT_ONCE]
        for product_id, found in complements(store, asked, limit=LIMIT, new_only=True).items():
            answers[row[product_id], : len(found)] = [row[answer.hit.product_id] for answer in found]
    return answers


def _ranking(taken: Embedded, answers: Rows, hidden: Rows) -> Case:
    pairs, n = _pairs(taken, ["also_buy", "bought_together"]), len(taken.ids)
    ends = np.concatenate([pairs, pairs[:, ::-1]])
    bought = sparse.csr_array((np.ones(len(ends), np.float32), (ends[:, 0], ends[:, 1])), shape=(n, n))
    return Case(
        "beauty_ranking",
        "Beauty, complements of a product",
        f"{n:,} products; {len(hidden):,} of the also_buy pairs inside the set, a fifth drawn with seed {HIDING_SEED}, "
        "are hidden in both directions, from bought_together too. The rest is indexed (text: brand and categories) and "
        f"clustered; then every product with a hidden partner is asked for {LIMIT} new complements. "
        f"Recall@{LIMIT}: found, of the hidden partners or of {LIMIT} where there are more, averaged over products. "
        "Known to literature and not run here, for its memory grows with n squared: EASE (Steck 2019), .546.",
        {
            "assort": ranking_scores(answers, hidden),
            "popularity": ranking_scores(popular(bought, LIMIT), hidden),
            "common neighbours": ranking_scores(common_neighbours(bought, LIMIT), hidden),
        },
    )


def _clusterings(taken: Embedded, bench: Bench) -> dict[str, Rows]:
    """Cluster by the pipeline this project replaces, from the same vectors and links."""
    assert taken.vectors is not None
    bench.say("beauty: label propagation, UMAP and HDBSCAN")
    links = _pairs(taken, ["also_buy", "bought_together", "also_view"])
    return {
        f"k-means, k = {OLD_K}": cells(taken.vectors, OLD_K, seed=bench.seed),
        "UMAP + HDBSCAN": umap_hdbscan(taken.vectors, seed=bench.seed),
        "label propagation": label_propagation(links, len(taken.ids)),
    }


def _togetherness(taken: Embedded, hidden: Rows, baselines: Mapping[str, Rows]) -> Case:
    labels = {"complementary": np.array(taken.columns["complementary"], dtype=np.int64), **baselines}
    return Case(
        "beauty_complementary",
        "Beauty, complementary clusters",
        "The same hidden pairs: the share that lies inside one cluster, beside the share of all pairs of products that "
        "does. Label propagation runs on all links left, unweighted; k-means and UMAP to 50 dimensions + HDBSCAN "
        "(min_cluster_size 20) on the text vectors. Noise lies in no cluster and is left out.",
        {method: togetherness_scores(found, hidden) for method, found in labels.items()},
    )


def _departments(taken: Embedded, departments: Rows, baselines: Mapping[str, Rows]) -> Case:
    viewed = _pairs(taken, ["also_view"])
    labels = {"similarity": np.array(taken.columns["similarity"], dtype=np.int64), **baselines}
    share = float((departments[viewed[:, 0]] == departments[viewed[:, 1]]).mean())
    return Case(
        "beauty_similarity",
        "Beauty, similarity clusters against departments",
        f"Each product is in one of {len(DEPARTMENTS)} departments (the embedded text names it, among other "
        "categories). Edge purity: of the also_view links inside one cluster, the share whose ends have one "
        f"department; of all also_view links it is {share:.3f}. Noise counts as one cluster.",
        {method: department_scores(found, departments, viewed) for method, found in labels.items()},
    )


def _pairs(taken: Embedded, kinds: Sequence[str]) -> Rows:
    names = ("id", *kinds)
    rows = zip(taken.ids, *(taken.columns[kind] for kind in kinds), strict=True)
    return linked_pairs([dict(zip(names, row, strict=True)) for row in rows], kinds, key="id")


def _read(file: Path) -> list[Record]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _write(records: Iterator[Record], file: Path) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
