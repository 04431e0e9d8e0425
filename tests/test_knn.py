import re

import numpy as np
import pytest

from graph.edges import Edges
from graph.knn import edges_from_knn, knn, knn_edges, knn_recall, turn_to


def exactly(message: str) -> str:
    return f"^{re.escape(message)}$"


def unit_vectors(n: int, dim: int, seed: int) -> np.ndarray:
    """Rows that vary in fewer directions than they have dimensions, like embedded texts."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 8)) @ rng.normal(size=(8, dim)) + 0.1 * rng.normal(size=(n, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def weights(edges: Edges) -> dict[tuple[int, int], float]:
    return dict(zip(zip(edges.source.tolist(), edges.target.tolist(), strict=True), edges.weight.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_exact_neighbours_are_those_of_the_full_matrix(seed):
    vectors = unit_vectors(150, 16, seed)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -np.inf)
    indices, similarities = knn(vectors, 7)
    assert indices.dtype == np.int64
    assert similarities.dtype == np.float32
    assert (indices == np.argsort(-cosines, axis=1)[:, :7]).all()
    np.testing.assert_allclose(similarities, np.take_along_axis(cosines, indices, axis=1), atol=1e-5)


def test_a_row_among_identical_rows_is_never_its_own_neighbour():
    vectors = np.repeat(np.eye(2, dtype=np.float32), 20, axis=0)
    indices, similarities = knn(vectors, 5)
    assert (indices != np.arange(40)[:, None]).all()
    assert (indices // 20 == np.arange(40)[:, None] // 20).all()
    assert (similarities == 1).all()
    assert all(len(set(row)) == 5 for row in indices.tolist())


def test_all_other_rows_can_be_asked_for():
    indices, _ = knn(unit_vectors(4, 8, 0), 3)
    assert [sorted(row) for row in indices.tolist()] == [[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]]


@pytest.mark.parametrize("dim", [16, 64])
def test_approximate_neighbours_are_nearly_the_exact_ones_every_time(dim):
    vectors = unit_vectors(3000, dim, seed=1)
    indices, similarities = knn(vectors, 10, exact_up_to=0)
    again, _ = knn(vectors, 10, exact_up_to=0)
    assert (indices == again).all()
    assert (indices != np.arange(3000)[:, None]).all()
    assert knn_recall(vectors, indices, seed=0) > 0.9
    np.testing.assert_allclose(similarities, np.einsum("nd,nkd->nk", vectors, vectors[indices]), atol=1e-5)


def test_few_rows_can_be_searched_approximately():
    indices, similarities = knn(unit_vectors(30, 8, 0), 4, exact_up_to=0)
    assert (indices == knn(unit_vectors(30, 8, 0), 4)[0]).all()
    assert (similarities > -1).all()


@pytest.mark.parametrize("seed", range(3))
def test_rows_without_links_are_turned_to_their_nearest_linked_rows(seed):
    vectors = unit_vectors(80, 16, seed)
    linked = np.random.default_rng(seed).random(80) < 0.2
    indices, similarities = knn(vectors, 4)
    turned, cosines = turn_to(linked, vectors, indices, similarities)
    full = np.where(linked, vectors @ vectors.T, -np.inf)
    assert (turned[linked] == indices[linked]).all()
    assert (turned[~linked] == np.argsort(-full, axis=1)[~linked, :4]).all()
    np.testing.assert_allclose(cosines, np.einsum("nd,nkd->nk", vectors, vectors[turned]), atol=1e-5)


def test_turning_pads_where_few_rows_are_linked_and_changes_nothing_where_none_is():
    vectors = unit_vectors(10, 16, 0)
    neighbours = knn(vectors, 3)
    turned, cosines = turn_to(np.arange(10) == 4, vectors, *neighbours)
    assert turned[[0, 9]].tolist() == [[4, -1, -1], [4, -1, -1]]
    assert cosines[0, 1:].tolist() == [-1, -1]
    assert (turn_to(np.zeros(10, bool), vectors, *neighbours)[0] == neighbours[0]).all()


def test_recall_counts_the_true_neighbours_and_forgives_a_twin():
    vectors = unit_vectors(100, 16, 2)
    indices, _ = knn(vectors, 4)
    worst = np.argsort(vectors @ vectors.T, axis=1)[:, :4]
    assert knn_recall(vectors, indices, seed=0) == 1.0
    assert knn_recall(vectors, np.concatenate([indices[:, :2], worst[:, :2]], axis=1), seed=0) == 0.5
    assert knn_recall(vectors, np.where(np.arange(4) < 3, indices, -1), seed=0) == 0.75
    twins = np.repeat(np.eye(4, dtype=np.float32), 10, axis=0)
    shifted = (np.arange(40)[:, None] // 10) * 10 + (np.arange(40)[:, None] + [1, 2]) % 10
    assert knn_recall(twins, shifted, seed=0) == 1.0


def test_recall_samples_by_its_seed():
    vectors = unit_vectors(200, 16, 3)
    indices, _ = knn(vectors, 4)
    indices[::3] = -1
    assert knn_recall(vectors, indices, seed=1, sample=20) == knn_recall(vectors, indices, seed=1, sample=20)
    assert len({knn_recall(vectors, indices, seed=seed, sample=20) for seed in range(8)}) > 1


@pytest.mark.parametrize("mutual", [False, True])
def test_edge_weights_are_similarities_relative_to_both_surroundings(mutual):
    vectors = unit_vectors(60, 8, 4)
    indices, similarities = knn(vectors, 5)
    surroundings = similarities.mean(axis=1)
    expected = {}
    for i in range(60):
        for j, cosine in zip(indices[i].tolist(), similarities[i].tolist(), strict=True):
            if not mutual or i in indices[j]:
                expected[min(i, j), max(i, j)] = 1 + cosine - (surroundings[i] + surroundings[j]) / 2
    assert weights(knn_edges(vectors, 5, mutual=mutual)) == pytest.approx(expected, abs=1e-5)


def test_an_edge_to_a_hub_is_fainter_than_one_as_long_between_its_equals():
    # Row 0 is a hub amid near twins; row 5 is as similar to it as to row 6, which like row 5 is near to nobody.
    indices = np.array([[1, 2], [0, 2], [0, 1], [0, 1], [0, 1], [0, 6], [5, 0]])
    similarities = np.array([[0.9, 0.9], [0.9, 0.9], [0.9, 0.9], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.5, 0.5]])
    found = weights(edges_from_knn(indices, similarities.astype(np.float32)))
    assert found[0, 5] == pytest.approx(0.8)
    assert found[5, 6] == found[0, 1] == pytest.approx(1.0)


def test_neighbours_not_found_make_no_edges():
    similarities = np.array([[0.5, -1], [0.5, -1], [-1, -1]], np.float32)
    edges = edges_from_knn(np.array([[1, -1], [0, -1], [-1, -1]]), similarities)
    assert weights(edges) == {(0, 1): 1.0}


@pytest.mark.parametrize("k", [0, 5])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(ValueError, match=exactly(f"k must be between 1 and 4 for 5 vectors, got {k}")):
        knn(unit_vectors(5, 4, 0), k)


def test_vectors_of_another_type_are_refused():
    with pytest.raises(ValueError, match=exactly("vectors must be float32 (n, dim), got float64 (3, 3)")):
        knn_edges(np.eye(3), 1)


@pytest.mark.parametrize(("recall", "most"), [(0.6, 0.85), (0.9, 0.99)])
def test_the_recall_asked_for_is_found_and_not_by_looking_everywhere(recall, most):
    vectors = unit_vectors(6000, 32, seed=2)
    indices, _ = knn(vectors, 10, exact_up_to=0, recall=recall)
    assert recall - 0.02 < knn_recall(vectors, indices, seed=3) < most


def test_a_recall_of_one_compares_every_pair():
    vectors = unit_vectors(500, 16, seed=0)
    assert (knn(vectors, 5, exact_up_to=0, recall=1)[0] == knn(vectors, 5)[0]).all()
    with pytest.raises(ValueError, match=exactly("recall must be above 0 and at most 1, got 0")):
        knn(vectors, 5, recall=0)
