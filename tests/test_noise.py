import numpy as np
import pytest

from clustering import neighbours
from clustering.centroids import Centroids
from clustering.clustering import Clustering
from clustering.hdbscan import hdbscan
from clustering.models import from_bytes, to_bytes
from clustering.neighbours import NeighbourVote, compact
from clustering.noise import makes_noise, to_nearest
from clustering.reduced import Reduced
from clustering.umap_methods import _joined

ROWS = np.array([[0], [1], [2], [3.4], [6.4], [8], [9], [10]], dtype=np.float32)
LABELS = np.array([0, 0, 0, -1, -1, 1, 1, 1])


def clustered(labels=LABELS, memberships=None):
    return Clustering(labels, NeighbourVote(compact(ROWS), labels, voters=3), memberships, {"scales": [2]})


def test_noise_joins_the_cluster_most_of_its_neighbours_have():
    sure = np.array([1, 1, 1, 0, 0, 1, 1, 1], dtype=np.float32)

    found = to_nearest(clustered(memberships=sure), ROWS, seed=0)

    assert found.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert found.memberships.tolist() == sure.tolist()
    assert found.figures == {"scales": [2], "was_noise": 2}
    assert found.model.predict(np.array([[4.5], [99]], dtype=np.float32))[0].tolist() == [0, 1]


def test_the_rows_that_were_clustered_keep_their_labels():
    before = clustered()
    assert to_nearest(before, ROWS, seed=0).labels[LABELS >= 0].tolist() == LABELS[LABELS >= 0].tolist()
    assert before.labels.tolist() == LABELS.tolist()


def test_the_seed_decides_which_of_too_many_rows_speak_for_their_clusters(monkeypatch):
    monkeypatch.setattr(neighbours, "ROWS_KEPT", 4)

    first, again, other = (to_nearest(clustered(), ROWS, seed=seed).model.rows.tolist() for seed in (1, 1, 2))

    assert first == again != other


def test_where_there_is_nothing_but_noise_no_cluster_is_nearest():
    with pytest.raises(ValueError) as error:
        to_nearest(clustered(np.full(8, -1)), ROWS, seed=0)
    assert str(error.value) == "all 8 rows are noise, so no cluster is nearest: set it to find smaller ones"


def test_a_method_that_knows_no_noise_is_left_as_it_is():
    found = Clustering(np.zeros(8, np.int64), Centroids(ROWS[:1], spherical=False))
    assert to_nearest(found, ROWS, seed=0) is found


def test_new_rows_are_not_noise_either_though_none_of_the_old_was():
    vectors = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    vectors[30:] += 20
    before = hdbscan(vectors, seed=0, min_cluster_size=20, min_samples=2)
    far = np.array([[-500, 0]], dtype=np.float32)
    assert before.model.predict(far)[0].tolist() == [-1]

    after, _ = from_bytes(to_bytes(to_nearest(before, vectors, seed=0).model, {}))

    assert after.predict(far)[0].tolist() == [before.labels[0]]


def test_which_models_make_noise():
    quiet = NeighbourVote(compact(ROWS), np.zeros(8, np.int64))
    vectors = np.random.default_rng(0).normal(size=(40, 2)).astype(np.float32)

    assert not makes_noise(quiet)
    assert makes_noise(clustered().model)
    assert makes_noise(NeighbourVote(quiet.rows, quiet.labels, radius=1.0))
    assert makes_noise(_joined(vectors, vectors, hdbscan(vectors, seed=0), 0).model)
    assert not makes_noise(Reduced(compact(ROWS), ROWS, Centroids(ROWS[:1], spherical=False)))
