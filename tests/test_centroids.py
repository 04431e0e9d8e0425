import numpy as np
import pytest

from clustering import centroids as module
from clustering.centroids import Centroids, mean_directions, nearest_centroids, nearest_direction, nearest_mean


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_centroids_are_the_mean_directions_and_inertia_the_squared_distances_to_them(seed):
    rng = np.random.default_rng(seed)
    vectors, labels = unit(rng.normal(size=(80, 6))), rng.integers(0, 7, 80)

    centroids, inertia = mean_directions(vectors, labels, 7)

    expected = unit(np.stack([vectors[labels == label].mean(axis=0) for label in range(7)]))
    np.testing.assert_allclose(centroids, expected, atol=1e-6)
    assert inertia == pytest.approx(float(((vectors - expected[labels]) ** 2).sum()), rel=1e-5)


def test_rows_that_cancel_out_leave_their_first_and_no_rows_leave_zeros():
    vectors = np.array([[0, 1], [1, 0], [-1, 0]], dtype=np.float32)

    centroids, inertia = mean_directions(vectors, np.array([2, 0, 0]), 3)

    assert centroids.tolist() == [[1, 0], [0, 0], [0, 1]]
    assert inertia == 4


def test_rows_without_a_label_count_for_nothing():
    vectors = np.array([[0, 1], [1, 0], [0.6, 0.8]], dtype=np.float32)

    centroids, inertia = mean_directions(vectors, np.array([0, -1, 1]), 2)

    assert centroids.tolist() == vectors[[0, 2]].tolist()
    assert inertia == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_a_few_centroids_are_compared_with_all_others(seed):
    centroids = unit(np.random.default_rng(seed).normal(size=(40, 8)))

    near = nearest_centroids(centroids, 6, probes=1)

    assert near.tolist() == np.argsort(-(centroids @ centroids.T), axis=1)[:, :6].tolist()


@pytest.mark.parametrize(("probes", "recall"), [(3, 0.8), (20, 1.0)])
def test_among_many_centroids_nearly_all_the_nearest_are_found(monkeypatch, probes, recall):
    centroids = unit(np.random.default_rng(0).normal(size=(400, 4)))
    exact = nearest_centroids(centroids, 8, probes=1)
    monkeypatch.setattr(module, "EXACT_UP_TO", 100)

    near = nearest_centroids(centroids, 8, probes=probes)

    assert np.mean([len(np.intersect1d(*pair)) / 8 for pair in zip(near, exact, strict=True)]) >= recall
    assert near[:, 0].tolist() == list(range(400))


@pytest.mark.parametrize("exact_up_to", [4096, 10])
def test_a_centroid_is_among_its_own_neighbours_even_beside_copies_of_it(monkeypatch, exact_up_to):
    monkeypatch.setattr(module, "EXACT_UP_TO", exact_up_to)
    centroids = np.repeat(np.eye(2, dtype=np.float32), 30, axis=0)

    near = nearest_centroids(centroids, 4, probes=1)

    assert all(row in near[row] for row in range(60))


def test_no_more_neighbours_are_listed_than_there_are_centroids():
    assert nearest_centroids(np.eye(2, dtype=np.float32), 5, probes=1).tolist() == [[0, 1], [1, 0]]


@pytest.mark.parametrize("seed", range(3))
def test_rows_join_the_nearest_centroid_by_direction_or_by_distance(seed):
    rng = np.random.default_rng(seed)
    vectors, centroids = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(6, 4)).astype(np.float32)
    distances = np.linalg.norm(vectors[:, None] - centroids, axis=2)
    cosines = unit(vectors) @ unit(centroids).T

    by_distance, memberships = Centroids(centroids, spherical=False).predict(vectors)
    by_direction, _ = Centroids(unit(centroids), spherical=True).predict(unit(vectors))

    assert memberships is None
    assert by_distance.tolist() == distances.argmin(axis=1).tolist()
    assert by_direction.tolist() == cosines.argmax(axis=1).tolist()
    np.testing.assert_allclose(nearest_mean(vectors, centroids)[1], distances.min(axis=1) ** 2, rtol=1e-4)
    np.testing.assert_allclose(nearest_direction(unit(vectors), unit(centroids))[1], cosines.max(axis=1), rtol=1e-5)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"^the model knows rows of 4 values, got an array of shape \(2, 3\)$"):
        Centroids(np.zeros((6, 4), np.float32), spherical=False).predict(np.zeros((2, 3), np.float32))
