"""The stages of a run as this project does them, each on its own and timed; every stage is a process of its own."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from benchmark_scale_inputs import NEIGHBOURS, ROOT, Figures, GivenVectors, Work, folder_gb, inertia, peak_gb

from clustering.identity import refine_identity
from clustering.kmeans import identity_k, kmeans
from graph import partitions
from graph.complements import ComplementRanker
from graph.knn import edges_from_knn, knn, knn_recall, turn_to
from graph.shoppers import linked_rows
from indexer.catalogue import Catalogues
from indexer.indexing import index_products
from indexer.store import Condition, open_store
from service.catalogue import LINK_NAMES, take_catalogue
from service.complements import complement_payloads
from service.progress import Done
from service.runs import KINDS, ClusterOptions, cluster

QUESTIONS = 500
WARMING = 10  # rounds of as many other questions before those that are timed


def index(work: Work) -> Figures:
    """Read, clean and upsert, vectors given, with payload indexes."""
    embedder = GivenVectors(work.folder)
    started = time.perf_counter()
    with open_store(str(work.store), create=True) as store:
        summary = index_products(Catalogues((work.catalogue,)), store, embedder)
    return {"seconds": time.perf_counter() - started, "products": summary.new, "disk_gb": folder_gb(work.store)}


def take(work: Work) -> Figures:
    """Take the vectors out of the store as one block, and then all that a clustering reads."""
    with open_store(str(work.store)) as store:
        started = time.perf_counter()
        block = store.vectors("text")
        vectors = time.perf_counter() - started
        work.keep(text=np.asarray(block, dtype=np.float32))
        del block
        started = time.perf_counter()
        catalogue = take_catalogue(store)
        everything = time.perf_counter() - started
    work.keep_rows(catalogue.ids, catalogue.titles, catalogue.brands, catalogue.links)
    return {"seconds": vectors, "with titles, links and labels": everything}


def neighbours(work: Work) -> Figures:
    """Find the nearest neighbours."""
    vectors = work.kept("text")
    started = time.perf_counter()
    rows, cosines = knn(vectors, NEIGHBOURS)
    seconds, peak = time.perf_counter() - started, peak_gb()
    work.keep(near=rows, cosines=cosines)
    return {"seconds": seconds, "peak_gb": peak, "recall": knn_recall(vectors, rows, seed=1, sample=1000)}


def cells(k: int) -> Callable[[Work], Figures]:
    """Make the stage of k-means with k cells."""

    def stage(work: Work) -> Figures:
        vectors = work.kept("text")
        started = time.perf_counter()
        found = kmeans(vectors, k, seed=0)
        seconds, peak = time.perf_counter() - started, peak_gb()
        return {"seconds": seconds, "peak_gb": peak, "inertia": inertia(vectors, found.labels), "k": k}

    return stage


def identity(work: Work) -> Figures:
    """Refine k-means cells into identity clusters."""
    vectors, (_, titles, brands, _) = work.kept("text"), work.rows()
    started = time.perf_counter()
    cells = kmeans(vectors, identity_k(len(vectors))[0], seed=0).labels
    halfway = time.perf_counter()
    labels = refine_identity(vectors, titles, cells, brands=brands)
    seconds = time.perf_counter() - halfway
    work.keep(identity_cell=cells, identity=labels)
    return {"seconds": seconds, "k-means before": halfway - started, "clusters": int(labels.max()) + 1}


def communities(work: Work) -> Figures:
    """Fuse edges, build the graph and run Leiden: similarity; then complementary, reported beside it."""
    rows, cosines, (ids, _, _, links) = work.kept("near"), work.kept("cosines"), work.rows()
    n = len(ids)
    started = time.perf_counter()
    found = partitions.similarity(edges_from_knn(rows, cosines), links["also_view"], n, seed=0)
    seconds = time.perf_counter() - started
    linked = linked_rows(*links.values(), n=n)
    started = time.perf_counter()
    near = turn_to(linked, work.kept("text"), rows, cosines)
    turned = time.perf_counter() - started
    started = time.perf_counter()
    other = partitions.complementary(
        links["also_buy"], links["also_view"], links["bought_together"], edges_from_knn(*near), n, seed=0
    )
    beside = time.perf_counter() - started
    work.keep(similarity=found.labels, complementary=other.labels, turned=near[0], turned_cosines=near[1])
    work.keep(source=found.edges.source, target=found.edges.target, weight=found.edges.weight)
    return {
        "seconds": seconds,
        "edges": len(found.edges),
        "modularity": found.modularity,
        "clusters": int(found.labels.max()) + 1,
        "complementary seconds": beside,
        "complementary edges": len(other.edges),
        "turning unlinked products": turned,
    }


def complements(work: Work) -> Figures:
    """Rank the complements of every product, as they are written into the store."""
    ids, _, _, links = work.rows()
    near = (work.kept("turned"), work.kept("turned_cosines"))
    identities = work.kept("identity")
    started = time.perf_counter()
    bought, viewed, together = (links[name] for name in LINK_NAMES)
    ranker = ComplementRanker(bought, viewed, together, len(ids), likeness=near)
    ready = time.perf_counter() - started
    ranked = sum(1 for _ in complement_payloads(ranker, ids, identities))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "ms a product": 1000 * seconds / ranked, "making ready": ready}


def labels(work: Work) -> Figures:
    """Write labels back: the first time, and after one product in a hundred changed clusters."""
    ids = work.rows()[0]
    found = {name: work.kept(name) for name in ("identity_cell", "identity", "similarity", "complementary")}
    changed = {name: column.copy() for name, column in found.items()}
    rng = np.random.default_rng(0)
    moved = rng.choice(len(ids), len(ids) // 100, replace=False)
    for column in changed.values():
        column[moved] = column[rng.permutation(moved)]
    with open_store(str(work.copy_of_store("labelled"))) as store:
        started = time.perf_counter()
        store.set_labels(ids, found, {})
        first = time.perf_counter() - started
        started = time.perf_counter()
        written = store.set_labels(ids, changed, found)
        return {"seconds": first, "after a change": time.perf_counter() - started, "products changed": written}


def whole_cluster(work: Work) -> Figures:
    """Run `cluster all` on stored vectors, step by step; then build the vector index, counted apart."""
    steps: dict[str, float] = {}

    @contextmanager
    def bar(step: str, total: int | None) -> Iterator[Done]:
        begun = time.perf_counter()
        yield lambda done: None
        steps[step] = time.perf_counter() - begun

    with open_store(str(work.copy_of_store("clustered"))) as store:
        started = time.perf_counter()
        results = cluster(store, KINDS, ClusterOptions(seed=0), bar=bar)
        whole = time.perf_counter() - started
    indexed = steps.pop("building the vector index")
    found = {kind: result["clusters"] for kind, result in results.items()}
    shown = {step: round(seconds, 1) for step, seconds in steps.items()}
    return {"seconds": whole - indexed, "vector index": indexed, "steps": shown, "clusters": found}


def similar(work: Work) -> Figures:
    """Ask for the nearest products, one at a time, with and without a filter."""
    ids = work.rows()[0]
    rng = np.random.default_rng(0)
    asked = [ids[row] for row in rng.choice(len(ids), QUESTIONS)]
    cheap = (Condition("price", "<", (30.0,)),)
    with open_store(str(work.folder / "clustered")) as store:
        first = latencies(lambda one: store.similar([one], where=cheap), asked)
        for _ in range(WARMING):  # others' questions: the pages of the index come into memory
            others = [ids[row] for row in rng.choice(len(ids), QUESTIONS)]
            store.similar(others)
            store.similar(others, where=cheap)
        plain = latencies(lambda one: store.similar([one]), asked)
        filtered = latencies(lambda one: store.similar([one], where=cheap), asked)
        share = store.count(cheap) / len(ids)
    return {
        "seconds": filtered["p95"] / 1000,
        "ms": plain,
        "ms with a filter": filtered,
        "ms with a filter, store just opened": first,
        "filter keeps": share,
    }


def latencies(ask: Callable[[str], object], asked: Sequence[str]) -> dict[str, float]:
    """Time single questions: milliseconds at the median and the 95th percentile."""
    took = []
    for one in asked:
        started = time.perf_counter()
        ask(one)
        took.append(1000 * (time.perf_counter() - started))
    return {"p50": float(np.percentile(took, 50)), "p95": float(np.percentile(took, 95))}


def whole_job(*extra: str) -> Callable[[Work], Figures]:
    """Make the stage that runs the two commands a user types, in an empty store."""

    def stage(work: Work) -> Figures:
        store = work.folder / "whole"
        command = [str(Path(sys.executable).with_name("assort"))]
        subprocess.run(["rm", "-rf", str(store)], check=True)
        took = {}
        for name, rest in (("index", [str(work.catalogue), *extra]), ("cluster", ["all"])):
            started = time.perf_counter()
            subprocess.run([*command, name, *rest, "--store", str(store), "--quiet"], check=True, stdout=2)
            took[name] = time.perf_counter() - started
        return {"seconds": sum(took.values()), **took, "disk_gb": folder_gb(store)}

    return stage


def embedding(work: Work) -> Figures:
    """Compare the tiers of embedding with the original model."""
    result = work.folder / "embedding.json"
    script = ROOT / "scripts" / "benchmark_embedding.py"
    subprocess.run([sys.executable, str(script), "--texts", "40000", "--json", str(result)], check=True, stdout=2)
    return {"seconds": None, "tiers": json.loads(result.read_text())}


STAGES: dict[str, Callable[[Work], Figures]] = {
    "index": index,
    "take": take,
    "knn": neighbours,
    "kmeans_1000": cells(1000),
    "kmeans_20000": cells(20_000),
    "identity": identity,
    "leiden": communities,
    "complements": complements,
    "labels": labels,
    "cluster": whole_cluster,
    "similar": similar,
    "whole_fast": whole_job("--speed", "fast"),
    "whole_accurate": whole_job("--text-fields", "title"),
    "embedding": embedding,
}
