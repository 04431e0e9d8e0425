import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from clustering import dbscan as module
from clustering import neighbours
from clustering.dbscan import dbscan


def world(*, seed, size=80, noise=20):
    """Two rings, one in the other, and a few rows anywhere."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(0, 2 * np.pi, 2 * size)
    radius = np.repeat([2.0, 6.0], size) + rng.normal(scale=0.1, size=2 * size)
    rings = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
    return np.concatenate([rings, rng.uniform(-12, 12, (noise, 2))]).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_those_of_scikit_learn(seed):
    vectors = world(seed=seed)

    found = dbscan(vectors, seed=0, eps=1.2, min_samples=4)

    assert found.labels.tolist() == DBSCAN(eps=1.2, min_samples=4).fit(vectors).labels_.tolist()
    assert found.figures == {"eps": 1.2, "eps_from": "given"}


def test_the_knee_of_the_distances_tells_rings_from_noise():
    vectors = world(seed=1, size=300)

    found = dbscan(vectors, seed=0)

    assert found.figures["eps_from"] == "the knee"
    assert 0.3 < found.figures["eps"] < 2
    assert np.median(found.labels[:300]) != np.median(found.labels[300:600])
    assert (found.labels[600:] == -1).mean() > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_new_rows_join_the_nearest_core_row_within_the_distance(seed):
    vectors, others = world(seed=seed), world(seed=seed + 10)
    machine = DBSCAN(eps=1.2, min_samples=4).fit(vectors)
    cores = vectors[machine.core_sample_indices_]
    distances = np.linalg.norm(others[:, None] - cores, axis=2)
    nearest = machine.labels_[machine.core_sample_indices_][distances.argmin(axis=1)]
    expected = np.where(distances.min(axis=1) <= 1.2, nearest, -1)

    labels, _ = dbscan(vectors, seed=0, eps=1.2, min_samples=4).model.predict(others)

    assert (labels == expected).mean() > 0.99  # rows are kept in 16 bits


def test_a_model_that_keeps_few_rows_reaches_farther(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_KEPT", 30)
    monkeypatch.setattr(module, "ROWS_KEPT", 30)
    vectors = world(seed=0, noise=0)
    found = dbscan(vectors, seed=0, eps=1.2, min_samples=4)

    labels, _ = found.model.predict(vectors)

    assert len(found.model.rows) == 30
    assert (labels == found.labels).mean() > 0.95
    assert found.model.predict(np.full((1, 2), 50, np.float32))[0].tolist() == [-1]


def test_the_seed_decides_only_which_rows_a_model_keeps(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_KEPT", 30)
    first, again, other = (dbscan(world(seed=0), seed=seed, eps=1.2) for seed in (1, 1, 2))

    assert first.labels.tolist() == other.labels.tolist()
    assert first.model.rows.tolist() == again.model.rows.tolist()
    assert first.model.rows.tolist() != other.model.rows.tolist()


def test_a_distance_below_all_makes_nothing_but_noise():
    found = dbscan(world(seed=0), seed=0, eps=1e-6)

    assert (found.k, found.noise) == (0, 180)
    assert found.model.predict(world(seed=0))[0].tolist() == [-1] * 180


def test_copies_of_rows_are_clusters_whatever_the_knee():
    found = dbscan(np.repeat(np.eye(3, dtype=np.float32), 10, axis=0), seed=0)

    assert found.sizes.tolist() == [10, 10, 10]


@pytest.mark.parametrize("eps", [1e-4, None])
def test_rows_keep_their_clusters_when_they_come_again_however_small_the_distance(eps):
    places = np.random.default_rng(0).normal(size=(20, 384))
    places /= np.linalg.norm(places, axis=1, keepdims=True)
    vectors = np.repeat(places, 20, axis=0).astype(np.float32)

    found = dbscan(vectors, seed=0, eps=eps)

    assert (found.k, found.noise) == (20, 0)
    assert found.model.predict(vectors)[0].tolist() == found.labels.tolist()


def test_a_distance_that_takes_in_too_much_is_refused_before_it_fills_memory(monkeypatch):
    monkeypatch.setattr(module, "BYTES", 10**5)

    with pytest.raises(ValueError) as error:
        dbscan(world(seed=0), seed=0, eps=100)
    assert str(error.value) == (
        "within eps=100 a row has 180 neighbours, 0.00026 GB for all 180 rows, at most 0.0001 GB are held: "
        "set a smaller eps, or sample=N to fit it on fewer rows"
    )


@pytest.mark.parametrize("least", [1, 181])
def test_neighbours_that_cannot_be_are_refused(least):
    with pytest.raises(ValueError, match=f"^min_samples must be between 2 and 180 for 180 vectors, got {least}$"):
        dbscan(world(seed=0), seed=0, min_samples=least)
