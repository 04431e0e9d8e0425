import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering import polish as module
from clustering.centroids import mean_directions
from clustering.polish import fill_empty, polish


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def start(seed, n=300, k=24, dim=6):
    rng = np.random.default_rng(seed)
    return unit(rng.normal(size=(n, dim))), rng.permutation(np.arange(n) % k)


@pytest.mark.parametrize("block", [4096, 5])
@pytest.mark.parametrize("seed", range(3))
def test_where_all_centroids_are_candidates_a_round_is_one_of_lloyds(monkeypatch, seed, block):
    monkeypatch.setattr(module, "BLOCK", block)
    vectors, labels = start(seed)
    expected = labels
    for _ in range(3):
        expected = (vectors @ mean_directions(vectors, expected, 24)[0].T).argmax(axis=1)
    assert len(np.unique(expected)) == 24

    assert polish(vectors, labels, 24, rounds=3).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(5))
def test_each_round_lowers_inertia_and_few_candidates_do_nearly_as_well_as_all(monkeypatch, seed):
    vectors, labels = start(seed, n=2000, k=60)
    monkeypatch.setattr(module, "ENOUGH", 0)
    exact = mean_directions(vectors, polish(vectors, labels, 60, rounds=30), 60)[1]
    monkeypatch.setattr(module, "CANDIDATES", 12)

    inertia = [
        mean_directions(vectors, polish(vectors, labels, 60, rounds=rounds), 60)[1] for rounds in (0, 1, 2, 4, 8, 30)
    ]

    assert inertia == sorted(inertia, reverse=True)
    assert inertia[-1] < 1.05 * exact


def test_rows_that_are_where_they_belong_stay_and_end_it():
    vectors = np.repeat(np.eye(4, dtype=np.float32), 5, axis=0)
    labels, done = np.repeat([2, 0, 3, 1], 5), []

    assert polish(vectors, labels, 4, rounds=10, progress=done.append).tolist() == labels.tolist()
    assert done == [0.1]


def test_neighbours_that_were_not_found_are_no_candidates(monkeypatch):
    monkeypatch.setattr(module, "nearest_centroids", lambda *_, **__: np.array([[0, 1], [1, -1], [2, 0]]))
    vectors = np.array([[1, 0], [0.6, -0.8], [0, 1], [0, 1], [0, -1]], dtype=np.float32)

    assert polish(vectors, np.array([0, 1, 1, 1, 2]), 3, rounds=1).tolist() == [0, 1, 1, 1, 2]


def test_an_empty_cluster_gets_the_row_that_is_farthest_from_its_centroid():
    labels, cosines = np.array([0, 0, 0, 2, 2]), np.array([0.9, 0.3, 0.8, 0.4, 0.5], dtype=np.float32)

    assert fill_empty(labels, cosines, 3).tolist() == [0, 1, 0, 2, 2]
    assert fill_empty(labels, cosines, 4).tolist() == [0, 1, 0, 3, 2]
    assert fill_empty(labels, cosines, 5).tolist() == [0, 1, 4, 3, 2]
    assert labels.tolist() == [0, 0, 0, 2, 2]


def test_rows_alone_or_on_their_centroid_are_left_there():
    labels, cosines = np.array([0, 0, 2]), np.array([1, 1, 0.5], dtype=np.float32)

    assert fill_empty(labels, cosines, 4).tolist() == [0, 0, 2]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 2**16))
def test_no_cluster_stays_empty_while_a_row_has_company_and_lies_apart(labels, seed):
    cosines = np.random.default_rng(seed).uniform(-1, 0.9, len(labels)).astype(np.float32)

    filled = fill_empty(np.array(labels), cosines, 10)

    assert len(np.unique(filled)) == min(10, len(labels))
    assert set(labels) <= set(filled.tolist())


@pytest.mark.parametrize("seed", range(3))
def test_polishing_fills_clusters_that_start_empty(seed):
    vectors, labels = start(seed)

    found = polish(vectors, np.minimum(labels, 3), 24, rounds=10)

    assert np.bincount(found, minlength=24).min() > 0
