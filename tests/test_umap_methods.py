import numpy as np
import pytest
from sklearn.manifold import trustworthiness
from sklearn.metrics import adjusted_rand_score

from clustering.umap import reduce
from clustering.umap_methods import umap_hdbscan, umap_kmeans


def blobs(*, seed, count=4, size=40, dim=12, apart=1.5):
    middles = apart * np.random.default_rng(0).normal(size=(count, dim))
    truth = np.repeat(np.arange(count), size)
    return (middles[truth] + np.random.default_rng(seed).normal(size=(len(truth), dim))).astype(np.float32), truth


def test_a_layout_keeps_neighbours():
    vectors, _ = blobs(seed=1)

    places = reduce(vectors, 2, seed=0)

    assert (places.shape, places.dtype) == ((160, 2), np.float32)
    assert trustworthiness(vectors, places, n_neighbors=10) > 0.85


def test_a_seed_decides_a_layout_and_suffices():
    vectors, _ = blobs(seed=1)

    first, again, other = (reduce(vectors, 2, seed=seed) for seed in (1, 1, 2))

    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


@pytest.mark.parametrize(("n", "dims"), [(4, 2), (5, 5), (16, 3)])
def test_fewer_rows_than_neighbours_are_laid_out_too(n, dims):
    places = reduce(np.random.default_rng(0).normal(size=(n, 3)).astype(np.float32), dims, seed=0)

    assert places.shape == (n, dims)
    assert np.isfinite(places).all()


@pytest.mark.parametrize("copies", [1, 20])
def test_parts_far_apart_and_copies_of_rows_are_laid_out_without_a_warning(copies):
    vectors, _ = blobs(seed=0, size=40 // copies, apart=100)

    places = reduce(np.repeat(vectors, copies, axis=0), 2, seed=0)

    assert np.isfinite(places).all()


@pytest.mark.parametrize("method", ["hdbscan", "kmeans"])
def test_blobs_are_found_and_new_rows_join_them(method):
    (vectors, truth), (others, _) = blobs(seed=1), blobs(seed=2)

    found = umap_hdbscan(vectors, seed=0) if method == "hdbscan" else umap_kmeans(vectors, 4, seed=0)
    labels, memberships = found.model.predict(others)

    assert found.k == 4
    assert adjusted_rand_score(found.labels, truth) > 0.9
    assert adjusted_rand_score(labels, truth) > 0.9
    assert (found.memberships is None, memberships is None) == (method == "kmeans", method == "kmeans")


def test_a_layout_of_very_few_rows_is_refused():
    with pytest.raises(ValueError, match=r"^UMAP needs at least 4 rows, got 3: use kmeans for so few$"):
        reduce(np.eye(3, dtype=np.float32), 2, seed=0)


@pytest.mark.parametrize(("dims", "neighbours"), [(0, 15), (2, 1)])
def test_a_layout_that_cannot_be_is_refused(dims, neighbours):
    with pytest.raises(ValueError) as error:
        reduce(np.eye(5, dtype=np.float32), dims, seed=0, neighbours=neighbours)
    assert str(error.value) == (
        f"UMAP needs dims of at least 1 and neighbours of at least 2, got {dims} and {neighbours}"
    )
