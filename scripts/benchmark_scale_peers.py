"""What other libraries, and the pipeline this project replaces, take for the same stages."""

import shutil
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from typing import Any

import numpy as np
from benchmark_scale_inputs import NEIGHBOURS, Figures, GivenVectors, Work, inertia, peak_gb
from numpy.typing import NDArray

from graph.communities import Implementation, leiden, modularity
from graph.edges import Edges
from graph.knn import knn_recall
from indexer.catalogue import read_catalogue
from indexer.embedders.text import embedding_text
from indexer.indexing import DEFAULT_TEXT_FIELDS
from indexer.products import Product
from indexer.store import to_payload

UPSERTED = 50_000
LOCAL = 20_000
OLD_SIZES = (1000, 2000, 4000, 8000, 16_000)
OLD_PATIENCE_S = 60
Vectors = NDArray[np.float32]


def edge_alone(work: Work) -> Figures:
    """Upsert the same vectors and payloads through Qdrant Edge, nothing else; 50,000 of them, seconds in proportion."""
    import qdrant_edge as edge

    texts = (
        (text, to_payload(record))
        for record in read_catalogue(work.catalogue)
        if isinstance(record, Product) and (text := embedding_text(record, DEFAULT_TEXT_FIELDS))
    )
    some = list(islice(texts, min(UPSERTED, work.products)))
    vectors = GivenVectors(work.folder).embed([text for text, _ in some])
    config = edge.EdgeConfig(
        vectors={"text": edge.EdgeVectorParams(size=vectors.shape[1], distance=edge.Distance.Cosine)}
    )
    folder = tempfile.mkdtemp(prefix="edge-")
    try:
        shard = edge.EdgeShard.create(folder, config)
        started = time.perf_counter()
        for start in range(0, len(some), 1000):
            points = [
                edge.Point(row, {"text": vectors[row].tolist()}, some[row][1])
                for row in range(start, min(start + 1000, len(some)))
            ]
            shard.update(edge.UpdateOperation.upsert_points(points))
        seconds = time.perf_counter() - started
        shard.close()
    finally:
        shutil.rmtree(folder)
    return {"seconds": seconds * work.products / len(some), "measured on": len(some)}


def knn_by_faiss(factory: Callable[[int, int], str], parameters: str) -> Callable[[Work], Figures]:
    """Make a kNN graph with a Faiss index; `factory` names it for n rows of so many dimensions."""

    def peer(work: Work) -> Figures:
        import faiss

        vectors: Vectors = work.kept("text")
        started = time.perf_counter()
        index: Any = faiss.index_factory(vectors.shape[1], factory(*vectors.shape), faiss.METRIC_INNER_PRODUCT)
        index.train(vectors)
        index.add(vectors)
        faiss.ParameterSpace().set_index_parameters(index, parameters)  # type: ignore[arg-type]
        found = index.search(vectors, NEIGHBOURS + 1)[1]
        rows = without_self(found)
        seconds, peak = time.perf_counter() - started, peak_gb()
        return {"seconds": seconds, "peak_gb": peak, "recall": knn_recall(vectors, rows, seed=1, sample=1000)}

    return peer


def knn_by_evoc(work: Work) -> Figures:
    """Make a kNN graph with EVoC's NN-descent, its defaults."""
    from evoc.knn_graph import knn_graph

    vectors: Vectors = work.kept("text")
    knn_graph(vectors[:2000], n_neighbors=NEIGHBOURS + 1)  # compiled now, which is not counted
    started = time.perf_counter()
    found = np.asarray(knn_graph(vectors, n_neighbors=NEIGHBOURS + 1)[0])
    rows = without_self(found.astype(np.int64))
    seconds, peak = time.perf_counter() - started, peak_gb()
    return {"seconds": seconds, "peak_gb": peak, "recall": knn_recall(vectors, rows, seed=1, sample=1000)}


def without_self(found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop each row from its own neighbours, or the last one where it is not among them."""
    own = found == np.arange(len(found))[:, None]
    own[~own.any(axis=1), -1] = True
    others: NDArray[np.int64] = found[~own].reshape(len(found), -1)
    return others


def lloyd(k: int, iterations: int) -> Callable[[Work], Figures]:
    """Run Faiss' k-means on every row."""

    def peer(work: Work) -> Figures:
        import faiss

        vectors: Vectors = work.kept("text")
        started = time.perf_counter()
        means: Any = faiss.Kmeans(
            vectors.shape[1], k, niter=iterations, spherical=True, seed=0,
            max_points_per_centroid=len(vectors), min_points_per_centroid=1,
        )  # fmt: skip
        means.train(vectors)
        labels = means.index.search(vectors, 1)[1][:, 0]
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "inertia": inertia(vectors, labels), "k": k}

    return peer


def minibatch(k: int) -> Callable[[Work], Figures]:
    """Run scikit-learn's MiniBatchKMeans."""

    def peer(work: Work) -> Figures:
        from sklearn.cluster import MiniBatchKMeans

        vectors: Vectors = work.kept("text")
        started = time.perf_counter()
        found = MiniBatchKMeans(k, batch_size=8192, n_init=1, random_state=0).fit(vectors)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "inertia": inertia(vectors, found.labels_.astype(np.int64)), "k": k}

    return peer


def communities_by(implementation: Implementation) -> Callable[[Work], Figures]:
    """Run another Leiden on the graph of the stage before."""

    def peer(work: Work) -> Figures:
        edges = Edges(work.kept("source"), work.kept("target"), work.kept("weight"))
        started = time.perf_counter()
        # As far as it gets: our own stops earlier, and this is what its modularity is compared with.
        labels = leiden(edges, work.products, seed=0, tolerance=0, implementation=implementation)
        seconds = time.perf_counter() - started
        return {"seconds": seconds, "modularity": modularity(edges, labels), "clusters": int(labels.max()) + 1}

    return peer


def local_mode(work: Work) -> Figures:
    """Ask qdrant_client's local mode the same question, over 20,000 products only."""
    from qdrant_client import models

    vectors: Vectors = work.kept("text")[:LOCAL]
    client = local_collection(vectors)
    cheap = models.Filter(must=[models.FieldCondition(key="price", range=models.Range(lt=30))])
    took = []
    for row in range(0, len(vectors), len(vectors) // 50):
        started = time.perf_counter()
        client.query_points("products", query=vectors[row], query_filter=cheap, limit=10)
        took.append(time.perf_counter() - started)
    return {"seconds": float(np.percentile(took, 95)), "measured on": len(vectors)}


def local_collection(vectors: Vectors) -> Any:
    """Fill a collection in qdrant_client's local mode, with prices."""
    from qdrant_client import QdrantClient, models

    client = QdrantClient(":memory:")
    client.create_collection("products", models.VectorParams(size=vectors.shape[1], distance=models.Distance.COSINE))
    prices = np.random.default_rng(0).uniform(0, 60, len(vectors))
    for start in range(0, len(vectors), 1000):
        some = range(start, min(start + 1000, len(vectors)))
        points = [
            models.PointStruct(id=i, vector=vectors[i].tolist(), payload={"price": float(prices[i])}) for i in some
        ]
        client.upsert("products", points)
    return client


def old_pipeline(work: Work) -> Figures:
    """Find similar products as the pipeline this project replaces did.

    One search a product in local mode, a networkx graph, label propagation, one payload written a product. Sizes are
    doubled until one takes longer than a minute; the rest follows from how the time grew.
    """
    vectors: Vectors = work.kept("text")
    took: dict[int, float] = {}
    for size in OLD_SIZES:
        if size > len(vectors) or (len(took) > 1 and max(took.values()) > OLD_PATIENCE_S):
            break
        some = vectors[np.random.default_rng(0).choice(len(vectors), size, replace=False)]
        started = time.perf_counter()
        old_way(some)
        took[size] = time.perf_counter() - started
    last = max(took)
    before = max(size for size in took if size < last)
    power = float(np.log(took[last] / took[before]) / np.log(last / before))
    return {
        "seconds": None,
        "seconds by products": {f"{size:,}": round(seconds, 1) for size, seconds in took.items()},
        "grows with the power": power,
        "hours at full size": took[last] * (work.products / last) ** power / 3600,
    }


def old_way(vectors: Vectors) -> None:
    """Take one size through the old steps."""
    import networkx as nx

    client = local_collection(vectors)
    graph = nx.Graph()
    graph.add_nodes_from(range(len(vectors)))
    for row in range(len(vectors)):
        hits = client.query_points("products", query=vectors[row], limit=NEIGHBOURS + 1).points
        graph.add_weighted_edges_from((row, hit.id, hit.score) for hit in hits if hit.id != row)
    for label, members in enumerate(nx.community.label_propagation_communities(graph)):
        for row in members:
            client.set_payload("products", {"similarity": label}, points=[row])


PEERS: dict[str, dict[str, Callable[[Work], Figures]]] = {
    "index": {"Qdrant Edge, upsert alone": edge_alone},
    "knn": {
        "Faiss IVF, PQ fast scan, refined": knn_by_faiss(
            lambda n, dim: f"IVF{int(4 * n**0.5)},PQ{dim // 4}x4fs,RFlat", "nprobe=32,k_factor_rf=6"
        ),
        "EVoC": knn_by_evoc,
        "Faiss HNSW": knn_by_faiss(lambda n, dim: "HNSW16,Flat", "efSearch=64"),
    },
    "kmeans_1000": {"Faiss, Lloyd 20 times": lloyd(1000, 20), "scikit-learn, mini batches": minibatch(1000)},
    "kmeans_20000": {"Faiss, Lloyd twice": lloyd(20_000, 2)},
    "leiden": {"networkit": communities_by("networkit"), "leidenalg": communities_by("leidenalg")},
    "similar": {"qdrant_client, local mode": local_mode},
    "cluster": {"the old pipeline": old_pipeline},
}
