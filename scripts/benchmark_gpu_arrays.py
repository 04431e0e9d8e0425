"""The stages on vectors: k-means, the exact graph of nearest neighbours, and Leiden on the CPU beside it."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from benchmark_gpu_costs import exact_knn, lloyd
from benchmark_gpu_timing import OUT_OF_MEMORY, PRECISIONS, Bench, Figure, Row, multiplying
from numpy.typing import NDArray
from torch import Tensor

NEIGHBOURS = 15
CANDIDATES = 64
"""Rows that bfloat16 proposes for each row: it tells similarities apart to about .004, so more than asked for."""

ITERATIONS = 20
SEED = 7
SCORES = 2**31
"""Bytes of similarities held at a time."""

FAISS_BLIND = "not run: this faiss sees no GPU, it needs faiss-cuda==1.14.1.post4 or faiss-gpu"
TOO_FEW = 0.1
"""Share of the rows asked for at which the search for what fits ends."""


def draw(rows: int, dim: int, device: str) -> Tensor:
    """Draw float32 unit vectors around centres, some thirty rows to one, about .7 from it in cosine."""
    generator = torch.Generator(device).manual_seed(SEED)
    centres = torch.randn(max(1, rows // 30), dim, generator=generator, device=device)
    around = torch.randint(len(centres), (rows,), generator=generator, device=device)
    vectors = centres[around] + torch.randn(rows, dim, generator=generator, device=device)
    return torch.nn.functional.normalize(vectors, out=vectors)


def kmeans_stage(bench: Bench, rows: int, dim: int, ks: Sequence[int]) -> Iterator[Row]:
    """Time k-means for each number of clusters."""
    vectors = bench.attempt("k-means", f"{rows:,} x {dim}", partial(draw, rows, dim, bench.device))
    if isinstance(vectors, Row):
        yield vectors
        return
    for k in ks:
        yield from kmeans_rows(bench, vectors, k)


def many_stage(bench: Bench, rows: int, dim: int, k: int) -> Iterator[Row]:
    """Time k-means on as many rows as fit: half as many each time that memory runs out."""
    least = max(k, rows * TOO_FEW)
    while True:
        made = list(kmeans_stage(bench, rows, dim, [k]))
        yield from made
        rows //= 2
        if rows < least or not any(row.note == OUT_OF_MEMORY for row in made):
            return


def kmeans_rows(bench: Bench, vectors: Tensor, k: int) -> Iterator[Row]:
    """Time Lloyd's algorithm by torch and by Faiss, whose work is known, and this project's k-means beside them."""
    rows, dim = vectors.shape
    size = f"{rows:,} x {dim}, k = {k:,}"
    plain = f"k-means, Lloyd {ITERATIONS} times"
    cost = lloyd(rows, dim, k, iterations=ITERATIONS)
    precision = "tf32" if bench.device == "cuda" else "fp32"
    yield bench.measure(
        f"{plain}, torch",
        size,
        partial(torch_lloyd, vectors, k),
        precision=precision,
        cost=cost,
        figures=lambda similarities, _: {"inertia a row": inertia(similarities)},
    )[0]
    if blind := faiss_blind(bench.device):
        yield bench.skip(f"{plain}, Faiss", size, blind)
        yield bench.skip("k-means, clustering.kmeans", size, blind)
        return
    on_host = vectors.cpu().numpy()
    yield bench.measure(
        f"{plain}, Faiss",
        size,
        partial(faiss_lloyd, on_host, k, gpu=bench.device == "cuda"),
        precision="fp32",
        cost=cost,
        figures=lambda similarities, _: {"inertia a row": inertia(similarities)},
    )[0]
    yield bench.measure(
        "k-means, clustering.kmeans",
        size,
        partial(our_kmeans, on_host, k),
        figures=lambda found, _: {"inertia a row": found.figures["inertia"] / rows, "on the": found.figures["device"]},
        note="its work is not counted",
    )[0]


def torch_lloyd(vectors: Tensor, k: int) -> Tensor:
    """Run spherical Lloyd (1982; Dhillon and Modha 2001) in blocks of rows; a centroid without rows stays in place.

    Returns:
        float32 (rows,), the cosine of each row to its centroid.
    """
    generator = torch.Generator(vectors.device).manual_seed(SEED)
    centroids = vectors[torch.randperm(len(vectors), generator=generator, device=vectors.device)[:k]]
    for _ in range(ITERATIONS):
        labels = _assign(vectors, centroids)[1]
        sums = torch.zeros_like(centroids).index_add_(0, labels, vectors)
        used = torch.bincount(labels, minlength=k) > 0
        centroids = torch.where(used[:, None], torch.nn.functional.normalize(sums), centroids)
    return _assign(vectors, centroids)[0]


def _assign(vectors: Tensor, centroids: Tensor) -> tuple[Tensor, Tensor]:
    blocks = torch.split(vectors, max(1, SCORES // (4 * len(centroids))))
    best = [(block @ centroids.T).max(dim=1) for block in blocks]
    return torch.cat([values for values, _ in best]), torch.cat([labels for _, labels in best])


def faiss_lloyd(vectors: NDArray[np.float32], k: int, *, gpu: bool) -> NDArray[np.float32]:
    """Run spherical Lloyd of Faiss on all rows, from host memory; return the cosine of each row to its centroid."""
    import faiss

    machine = faiss.Kmeans(
        vectors.shape[1],
        k,
        gpu=gpu,
        niter=ITERATIONS,
        seed=SEED,
        spherical=True,
        min_points_per_centroid=1,
        max_points_per_centroid=len(vectors),
    )
    machine.train(vectors)
    return np.asarray(machine.index.search(vectors, 1)[0].ravel(), dtype=np.float32)


def our_kmeans(vectors: NDArray[np.float32], k: int) -> Any:
    """Run this project's k-means, from and to host memory; it takes the GPU when Faiss sees one."""
    from clustering.kmeans import kmeans

    return kmeans(vectors, k, seed=SEED)


def inertia(similarities: Tensor | NDArray[np.float32]) -> float:
    """Average the squared distances of unit rows to unit centroids, given their cosines."""
    return float(2 - 2 * similarities.mean())


def faiss_blind(device: str) -> str:
    """Say why Faiss cannot take part; empty when it can."""
    try:
        import faiss
    except ModuleNotFoundError:
        return "not run: faiss is not installed"
    return FAISS_BLIND if device == "cuda" and not int(getattr(faiss, "get_num_gpus", int)()) else ""


def graph_stage(bench: Bench, rows: int, dim: int) -> Iterator[Row]:
    """Time the exact nearest neighbours of all rows, in three ways, and Leiden on the edges of the first that ran."""
    size = f"{rows:,} x {dim}, k = {NEIGHBOURS}"
    vectors = bench.attempt("exact kNN", size, partial(draw, rows, dim, bench.device))
    if isinstance(vectors, Row):
        yield vectors
        return
    row, found = knn_row(bench, vectors, size, "bf16", min(CANDIDATES, rows - 1))
    yield row
    row, in_full = knn_row(bench, vectors, size, "fp32", NEIGHBOURS)
    yield row
    if blind := faiss_blind(bench.device):
        yield bench.skip("exact kNN, Faiss", size, blind)
    else:
        yield bench.measure(
            "exact kNN, Faiss",
            size,
            partial(faiss_knn, vectors.cpu().numpy(), NEIGHBOURS, gpu=bench.device == "cuda"),
            precision="fp32",
            cost=exact_knn(rows, dim, NEIGHBOURS, itemsize=4),
        )[0]
        yield our_row(bench, vectors, size)
    if neighbours := found or in_full:
        yield leiden_row(bench, *(each.cpu().numpy() for each in neighbours))


def our_row(bench: Bench, vectors: Tensor, size: str) -> Row:
    """Time this project's nearest neighbours, from and to host memory: exact where Faiss sees a GPU."""
    from graph.knn import knn

    def figures(found: tuple[NDArray[np.int64], NDArray[np.float32]], _: float) -> dict[str, Figure]:
        return {"recall": recall(vectors, torch.from_numpy(found[0]).to(vectors.device))}

    on_host = vectors.cpu().numpy()
    return bench.measure("kNN, graph.knn", size, partial(knn, on_host, NEIGHBOURS), figures=figures)[0]


def knn_row(
    bench: Bench, vectors: Tensor, size: str, precision: str, candidates: int
) -> tuple[Row, tuple[Tensor, Tensor] | None]:
    """Time the exact nearest neighbours by torch in one precision, and return them."""
    rows, dim = vectors.shape
    dtype = PRECISIONS[precision][0]

    def figures(found: tuple[Tensor, Tensor], _: float) -> dict[str, Figure]:
        return {"recall": recall(vectors, found[1])}

    return bench.measure(
        f"exact kNN, torch {precision}, best {candidates} again in fp32",
        size,
        partial(torch_knn, vectors, NEIGHBOURS, dtype=dtype, candidates=candidates),
        precision=precision,
        cost=exact_knn(rows, dim, NEIGHBOURS, itemsize=dtype.itemsize, candidates=candidates),
        figures=figures,
    )


def torch_knn(vectors: Tensor, k: int, *, dtype: torch.dtype, candidates: int) -> tuple[Tensor, Tensor]:
    """Compare all pairs of rows in one type, and each row's best candidates once more in float32.

    Args:
        vectors: float32 (n, dim), rows of length 1.
        k: Neighbours a row, itself not counted.
        dtype: Type of the first comparison.
        candidates: Rows kept by it, from k to n - 1.

    Returns:
        Cosines float32 (n, k), the largest first, and their row numbers int64 (n, k).
    """
    coarse = vectors.to(dtype)
    made = []
    block = max(1, SCORES // (dtype.itemsize * len(vectors)))
    for rows in torch.split(torch.arange(len(vectors), device=vectors.device), block):
        scores = coarse[rows] @ coarse.T
        scores[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
        near = scores.topk(candidates, dim=1, sorted=False).indices
        cosines, order = torch.bmm(vectors[near], vectors[rows, :, None]).squeeze(2).topk(k, dim=1)
        made.append((cosines, near.gather(1, order)))
    return torch.cat([cosines for cosines, _ in made]), torch.cat([near for _, near in made])


def faiss_knn(vectors: NDArray[np.float32], k: int, *, gpu: bool) -> tuple[Any, Any]:
    """Compare all pairs of rows by Faiss, from and to host memory; a row is its own first neighbour here."""
    import faiss

    metric = faiss.METRIC_INNER_PRODUCT
    if gpu:
        return tuple(faiss.knn_gpu(faiss.StandardGpuResources(), vectors, vectors, k + 1, metric=metric))  # type: ignore[return-value]
    return tuple(faiss.knn(vectors, vectors, k + 1, metric=metric))  # type: ignore[return-value]


def recall(vectors: Tensor, indices: Tensor, *, sample: int = 500) -> float:
    """Share of neighbours at least as near as the true last one, on a sample of rows searched in float32."""
    n, k = indices.shape
    rows = torch.randperm(n, generator=torch.Generator().manual_seed(SEED))[:sample].to(vectors.device)
    with multiplying("fp32"):
        scores = vectors[rows] @ vectors.T
    scores[torch.arange(len(rows), device=rows.device), rows] = -torch.inf
    last = scores.topk(k, dim=1).values[:, -1:]
    return float((scores.gather(1, indices[rows]) >= last - 1e-5).float().mean())


def leiden_row(bench: Bench, similarities: NDArray[Any], indices: NDArray[Any]) -> Row:
    """Time communities on the CPU: edges of the neighbours, weighed and fused, then Leiden."""
    n, k = indices.shape

    def run() -> Any:
        from graph.communities import leiden
        from graph.knn import edges_from_knn

        edges = edges_from_knn(indices, similarities)
        return edges, leiden(edges, n, seed=SEED)

    def figures(result: Any, _: float) -> dict[str, Figure]:
        from graph.communities import modularity

        edges, labels = result
        return {"modularity": modularity(edges, labels), "communities": len(np.unique(labels)), "edges": len(edges)}

    return bench.measure("edges and Leiden, on the CPU", f"{n:,} rows, k = {k}", run, figures=figures)[0]
