import numpy as np
import pytest
from sklearn.cluster import KMeans

from clustering.minibatch import minibatch_kmeans


def blobs(count, size, *, seed, dim=6, spread=0.3):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(count), size)
    return (rng.normal(size=(count, dim))[truth] * 4 + spread * rng.normal(size=(len(truth), dim))).astype(np.float32)


@pytest.mark.parametrize("seed", range(3))
def test_inertia_is_near_that_of_k_means_and_that_of_the_labels(seed):
    vectors = blobs(8, 100, seed=seed, spread=2.0)
    best = KMeans(8, n_init=5, random_state=seed).fit(vectors).inertia_

    found = minibatch_kmeans(vectors, 8, seed=seed)

    distances = np.linalg.norm(vectors - found.model.centroids[found.labels], axis=1)
    assert found.figures["inertia"] == pytest.approx(float((distances**2).sum()), rel=1e-4)
    assert best * 0.999 < found.figures["inertia"] < best * 1.1


def test_the_model_gives_every_row_the_cluster_it_has():
    vectors = blobs(5, 50, seed=0, spread=2.0)

    found = minibatch_kmeans(vectors, 5, seed=0)

    assert found.model.predict(vectors)[0].tolist() == found.labels.tolist()
    assert found.memberships is None


def test_a_seed_decides_and_suffices():
    vectors = np.random.default_rng(0).normal(size=(500, 6)).astype(np.float32)

    first, again, other = (minibatch_kmeans(vectors, 9, seed=seed) for seed in (3, 3, 4))

    assert first.labels.tolist() == again.labels.tolist()
    assert first.labels.tolist() != other.labels.tolist()


def test_copies_of_few_rows_make_fewer_clusters_than_asked_for():
    found = minibatch_kmeans(np.repeat(np.eye(3, dtype=np.float32), 10, axis=0), 7, seed=0)

    assert found.sizes.tolist() == [10, 10, 10]
    assert found.figures["inertia"] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("k", [0, 4])
def test_a_k_that_cannot_be_is_refused(k):
    with pytest.raises(ValueError, match=f"^k must be between 1 and 3 for 3 vectors, got {k}$"):
        minibatch_kmeans(np.eye(3, dtype=np.float32), k, seed=0)
