import faiss
import numpy as np
import pytest

from graph import exact
from graph.exact import exact_search, on_gpu
from graph.knn import knn


def unit(n, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def card(monkeypatch):
    """A card that a processor stands in for: it counts how often it is asked, and for what."""
    asked = []

    def knn_gpu(resources, queries, base, k, *, metric, **limits):
        asked.append((resources, len(queries), len(base), k, limits))
        return faiss.knn(queries, base, k, metric=metric)

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1, raising=False)
    monkeypatch.setattr(faiss, "StandardGpuResources", lambda: "resources", raising=False)
    monkeypatch.setattr(faiss, "knn_gpu", knn_gpu, raising=False)
    monkeypatch.setattr(exact, "ON_PROCESSOR", 1000)
    return asked


def test_exact_search_finds_what_sorting_all_products_does():
    queries, base = unit(7), unit(60, seed=1)

    similarities, rows = exact_search(queries, base, 5)

    products = queries @ base.T
    assert (rows == np.argsort(-products, axis=1)[:, :5]).all()
    np.testing.assert_allclose(similarities, -np.sort(-products, axis=1)[:, :5], atol=1e-6)


def test_a_gpu_compares_all_pairs_where_a_processor_would_look_into_cells(card):
    vectors = unit(300)

    found = knn(vectors, 5, exact_up_to=0)

    assert card == [("resources", 300, 300, 6, {"vectorsMemoryLimit": exact.TILE, "queriesMemoryLimit": exact.TILE})]
    assert (found[0] == knn(vectors, 5, recall=1)[0]).all()


def test_a_gpu_is_not_asked_for_a_handful_nor_for_what_would_take_it_too_long(card, monkeypatch):
    monkeypatch.setattr(exact, "ON_GPU", 10_000)

    assert not on_gpu(100, 10)
    assert on_gpu(100, 11)
    assert on_gpu(100, 100)
    assert not on_gpu(100, 101)
    knn(unit(101), 5, exact_up_to=0)
    assert [asked[1:4] for asked in card] == []


def test_without_a_gpu_nothing_is_on_one():
    assert on_gpu(10**6, 10**6) == (getattr(faiss, "get_num_gpus", int)() > 0)
