import hdbscan as library
import numpy as np
import pytest
import sklearn.cluster

from clustering import density, neighbours
from clustering.hdbscan import hdbscan


def world(*, seed, size=60, noise=40):
    rng = np.random.default_rng(seed)
    middles = np.array([[0, 0, 0], [8, 0, 0], [0, 8, 0], [0, 0, 8]])
    members = np.repeat(middles, size, axis=0) + rng.normal(size=(4 * size, 3))
    return np.concatenate([members, rng.uniform(-10, 18, (noise, 3))]).astype(np.float32)


def as_library(vectors, **options):
    return library.HDBSCAN(prediction_data=True, core_dist_n_jobs=1, **options).fit(vectors.astype(np.float64))


@pytest.mark.parametrize("selection", ["eom", "leaf"])
@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_those_of_scikit_learns_hdbscan(seed, selection):
    vectors = world(seed=seed)
    theirs = sklearn.cluster.HDBSCAN(
        min_cluster_size=10, min_samples=6, cluster_selection_method=selection, copy=True
    ).fit(vectors.astype(np.float64))

    found = hdbscan(vectors, seed=0, min_cluster_size=10, min_samples=5, selection=selection)

    assert found.labels.dtype == np.int64
    assert sklearn.metrics.adjusted_rand_score(found.labels, theirs.labels_) > 0.98  # they break ties in another way
    assert found.memberships[found.labels == -1].max() == 0 < found.memberships[found.labels >= 0].min()
    assert 0 < found.noise < 60


@pytest.mark.parametrize("seed", range(3))
def test_new_rows_are_placed_as_by_approximate_predict(monkeypatch, seed):
    monkeypatch.setattr(density, "compact", lambda rows: rows)
    vectors, others = world(seed=seed), world(seed=seed + 10)
    machine = as_library(vectors, min_cluster_size=10, min_samples=5)
    labels, strengths = library.approximate_predict(machine, others.astype(np.float64))

    found, memberships = hdbscan(vectors, seed=0, min_cluster_size=10, min_samples=5).model.predict(others)

    assert found.tolist() == labels.tolist()
    np.testing.assert_allclose(memberships, strengths, atol=1e-4)


def test_rows_keep_their_clusters_when_they_come_again_and_far_ones_are_noise():
    vectors = world(seed=1)
    found = hdbscan(vectors, seed=0, min_cluster_size=10)

    labels, memberships = found.model.predict(vectors)

    assert (labels == found.labels).mean() > 0.98
    far, none = found.model.predict(np.full((1, 3), 100, np.float32))
    assert (far.tolist(), none.tolist()) == ([-1], [0])
    assert memberships.dtype == np.float32


@pytest.mark.parametrize("kept", [100, 30])
def test_a_model_that_keeps_few_rows_still_knows_the_clusters(monkeypatch, kept):
    monkeypatch.setattr(density, "ROWS_KEPT", kept)
    vectors, others = world(seed=1, noise=0), world(seed=2, noise=0)
    found = hdbscan(vectors, seed=0)

    labels, _ = found.model.predict(others)

    assert len(found.model.rows) == kept
    assert np.mean(labels == np.repeat(found.labels[[0, 60, 120, 180]], 60)) > 0.8


def test_the_seed_decides_only_which_rows_a_model_keeps(monkeypatch):
    monkeypatch.setattr(density, "ROWS_KEPT", 50)
    vectors = world(seed=0)

    first, again, other = (hdbscan(vectors, seed=seed) for seed in (1, 1, 2))

    assert first.labels.tolist() == other.labels.tolist()
    assert first.model.rows.tolist() == again.model.rows.tolist()
    assert first.model.rows.tolist() != other.model.rows.tolist()


def test_where_nothing_is_dense_all_rows_are_noise():
    vectors = np.random.default_rng(0).uniform(size=(40, 6)).astype(np.float32)

    found = hdbscan(vectors, seed=0, min_cluster_size=20)

    assert (found.k, found.noise) == (0, 40)
    assert found.model.predict(vectors)[0].tolist() == [-1] * 40


def test_copies_of_rows_are_dense_beyond_measure_and_still_have_memberships():
    vectors = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)

    found = hdbscan(vectors, seed=0, min_cluster_size=5)

    assert found.sizes.tolist() == [20, 20, 20]
    assert found.memberships.tolist() == [1] * 60
    labels, memberships = found.model.predict(vectors)
    assert (labels.tolist(), memberships.tolist()) == (found.labels.tolist(), [1] * 60)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"min_cluster_size": 31},
            "min_cluster_size must be between 2 and 30 for 30 vectors, got 31: set another, or use kmeans for so few",
        ),
        (
            {"min_cluster_size": 1},
            "min_cluster_size must be between 2 and 30 for 30 vectors, got 1: set another, or use kmeans for so few",
        ),
        ({"min_samples": 30}, "min_samples must be between 1 and 29 for 30 vectors, got 30"),
    ],
)
def test_more_rows_a_cluster_than_there_are_is_refused(options, said):
    with pytest.raises(ValueError) as error:
        hdbscan(np.zeros((30, 2), np.float32), seed=0, **options)
    assert str(error.value) == said


@pytest.mark.parametrize("n", [2, 15])
def test_as_few_rows_as_one_cluster_holds_need_no_more_neighbours_than_there_are(n):
    vectors = np.arange(n, dtype=np.float32)[:, None]

    assert len(hdbscan(vectors, seed=0, min_cluster_size=n).labels) == n
    with pytest.raises(ValueError) as error:
        hdbscan(vectors[:2], seed=0)
    assert str(error.value) == (
        "min_cluster_size must be 2 for 2 vectors, got 15: set another, or use kmeans for so few"
    )


def test_many_rows_are_placed_block_by_block(monkeypatch):
    found = hdbscan(world(seed=1), seed=0, min_cluster_size=10)
    labels, memberships = found.model.predict(world(seed=2))
    asked = []
    nearest = density.nearest_rows
    monkeypatch.setattr(density, "BLOCK", 50)
    monkeypatch.setattr(density, "nearest_rows", lambda *about: asked.append(len(about[1])) or nearest(*about))

    again = found.model.predict(world(seed=2))

    assert (again[0].tolist(), again[1].tolist()) == (labels.tolist(), memberships.tolist())
    assert asked == [50, 50, 50, 50, 50, 30]


def test_kept_rows_are_bounded_by_the_same_number_everywhere():
    assert density.ROWS_KEPT == neighbours.ROWS_KEPT
