import faiss
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

import clustering.kmeans as module
from clustering import lloyd
from clustering.centroids import mean_directions, nearest_direction
from clustering.kmeans import identity_k, kmeans


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def blobs(count, size, *, seed, dim=16, spread=0.15):
    rng = np.random.default_rng(seed)
    centres = unit(rng.normal(size=(count, dim)))
    truth = np.repeat(np.arange(count), size)
    return unit(centres[truth] + spread * rng.normal(size=(len(truth), dim)) / np.sqrt(dim)), truth


@pytest.mark.parametrize("seed", range(3))
def test_kmeans_finds_well_separated_blobs(seed):
    vectors, truth = blobs(6, 50, seed=seed)

    found = kmeans(vectors, 24, seed=seed)

    assert found.k == 24
    assert found.figures["device"] in {"cpu", "gpu"}
    assert all(len(np.unique(truth[found.labels == label])) == 1 for label in range(24))


@pytest.mark.parametrize("seed", range(3))
def test_inertia_is_as_low_as_scikit_learns(seed):
    vectors = unit(np.random.default_rng(seed).normal(size=(600, 12)))

    ours = kmeans(vectors, 20, seed=seed, iterations=50).figures["inertia"]
    theirs = KMeans(20, n_init=3, random_state=seed).fit(vectors)
    normal = unit(theirs.cluster_centers_)[theirs.labels_]

    assert ours < 1.05 * float(((vectors - normal) ** 2).sum())


def test_inertia_and_centroids_are_those_of_the_labels():
    vectors, _ = blobs(5, 30, seed=1)

    found = kmeans(vectors, 5, seed=1)

    assert found.figures["inertia"] == pytest.approx(
        float(((vectors - found.model.centroids[found.labels]) ** 2).sum()), rel=1e-4
    )
    for label in range(5):
        mean = vectors[found.labels == label].mean(axis=0)
        np.testing.assert_allclose(found.model.centroids[label], mean / np.linalg.norm(mean), atol=1e-5)
    assert found.sizes.tolist() == np.bincount(found.labels).tolist()


@pytest.mark.parametrize("one_level", [1024, 8])
def test_a_seed_decides_and_suffices(monkeypatch, one_level):
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    vectors = unit(np.random.default_rng(0).normal(size=(400, 8)))

    first, again, other = kmeans(vectors, 30, seed=4), kmeans(vectors, 30, seed=4), kmeans(vectors, 30, seed=5)

    assert np.array_equal(first.labels, again.labels)
    assert np.array_equal(first.model.centroids, again.model.centroids)
    assert adjusted_rand_score(first.labels, other.labels) < 0.99


@pytest.mark.parametrize("seed", range(3))
def test_two_levels_cost_little_inertia(monkeypatch, seed):
    vectors, _ = blobs(40, 30, seed=seed, spread=0.8)
    flat = kmeans(vectors, 90, seed=seed)
    monkeypatch.setattr(module, "ONE_LEVEL", 10)

    deep = kmeans(vectors, 90, seed=seed)

    assert deep.k == 90
    assert deep.figures["inertia"] < 1.15 * flat.figures["inertia"]


@pytest.mark.parametrize("one_level", [1024, 2])
def test_copies_of_few_rows_make_few_clusters_with_labels_in_a_row(monkeypatch, one_level):
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    different = np.eye(3, dtype=np.float32)
    vectors = different[np.arange(60) % 3]

    found = kmeans(vectors, 10, seed=0)

    assert found.k <= 10
    assert np.array_equal(np.unique(found.labels), np.arange(found.k))
    assert found.figures["inertia"] == pytest.approx(0, abs=1e-4)


def test_every_row_its_own_cluster_and_all_rows_one_cluster():
    vectors = unit(np.random.default_rng(2).normal(size=(12, 4)))

    assert sorted(kmeans(vectors, 12, seed=0).labels.tolist()) == list(range(12))
    assert kmeans(vectors, 1, seed=0).labels.tolist() == [0] * 12


@pytest.mark.parametrize("one_level", [1024, 4])
def test_progress_counts_every_row_once_and_comes_bit_by_bit(monkeypatch, one_level):
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    vectors = unit(np.random.default_rng(2).normal(size=(100, 4)))
    placed = []

    kmeans(vectors, 9, seed=0, progress=placed.append)

    assert sum(placed) == 100
    assert len(placed) > 1
    assert min(placed) > 0


@pytest.mark.parametrize(("one_level", "loss"), [(1024, 0.01), (10, 0.02)])
@pytest.mark.parametrize("seed", range(3))
def test_samples_and_few_candidates_cost_little_inertia_beside_twenty_full_rounds(monkeypatch, seed, one_level, loss):
    monkeypatch.setattr(module, "TRAINING", 16)
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    vectors = unit(np.random.default_rng(seed).normal(size=(6000, 12)))
    machine = faiss.Kmeans(12, 100, niter=20, seed=seed, spherical=True, max_points_per_centroid=6000)
    machine.train(vectors)
    theirs = mean_directions(vectors, machine.index.search(vectors, 1)[1].ravel(), 100)[1]

    assert kmeans(vectors, 100, seed=seed).figures["inertia"] < (1 + loss) * theirs


@pytest.mark.parametrize("seed", range(3))
def test_the_last_assignment_is_exact(seed):
    rng = np.random.default_rng(seed)
    vectors, centroids = unit(rng.normal(size=(500, 8))), unit(rng.normal(size=(40, 8)))

    labels, cosines = nearest_direction(vectors, centroids)

    assert labels.tolist() == (vectors @ centroids.T).argmax(axis=1).tolist()
    np.testing.assert_allclose(cosines, (vectors @ centroids.T).max(axis=1), atol=1e-6)


@pytest.mark.parametrize("one_level", [1024, 8])
def test_where_most_rows_are_copies_the_others_still_make_all_clusters(monkeypatch, one_level):
    monkeypatch.setattr(module, "ONE_LEVEL", one_level)
    different = unit(np.random.default_rng(0).normal(size=(60, 8)))
    vectors = np.concatenate([different, np.repeat(different[:1], 400, axis=0)])

    found = kmeans(vectors, 40, seed=0)

    assert found.k == 40
    assert len(np.unique(found.labels[60:])) == 1


@pytest.mark.parametrize("one_level", [1024, 8])
def test_a_gpu_is_used_where_faiss_finds_one_and_gives_clusters_as_good(monkeypatch, one_level):
    vectors, _ = blobs(40, 30, seed=0, spread=0.8)
    moved = []

    def to_gpus(index, **_):
        moved.append(index)
        return index

    monkeypatch.setattr(faiss, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss.extra_wrappers, "get_num_gpus", lambda: 1)
    monkeypatch.setattr(faiss, "index_cpu_to_all_gpus", to_gpus)
    monkeypatch.setattr(module, "ONE_LEVEL_GPU", one_level)

    on_cpu = kmeans(vectors, 30, seed=3)
    assert not moved  # for so few rows it is not worth while
    monkeypatch.setattr(module, "EFFORT", 1000)
    found = kmeans(vectors, 30, seed=3)

    assert moved
    assert (found.k, found.figures["device"], on_cpu.figures["device"]) == (30, "gpu", "cpu")
    assert found.figures["inertia"] < 1.1 * on_cpu.figures["inertia"]  # which is the best of several starts


@pytest.mark.parametrize("seed", range(20))
def test_clusters_are_shared_out_in_full_and_never_beyond_a_cell(seed):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 40, 12)
    k = int(rng.integers((sizes > 0).sum(), sizes.sum() + 1))

    shares = module._shares(sizes, k)

    assert shares.sum() == k
    assert np.all((shares >= (sizes > 0)) & (shares <= sizes))


def test_rows_that_cancel_out_still_have_a_centroid_of_length_one():
    vectors = np.array([[1, 0], [-1, 0]], dtype=np.float32)

    assert kmeans(vectors, 1, seed=0).model.centroids.tolist() == [[1, 0]]


def test_kmeans_refuses_a_k_that_cannot_be():
    vectors = np.eye(3, dtype=np.float32)

    with pytest.raises(ValueError, match=r"^k must be between 1 and 3 for 3 vectors, got 4$"):
        kmeans(vectors, 4, seed=0)
    with pytest.raises(ValueError, match=r"^k must be between 1 and 3 for 3 vectors, got 0$"):
        kmeans(vectors, 0, seed=0)


def test_kmeans_refuses_values_whose_squares_are_no_numbers():
    with pytest.raises(
        ValueError, match=r"^values must be between -1e\+15 and 1e\+15, got 1e\+20 in row 0, and 3 such"
    ):
        kmeans(np.full((3, 2), 1e20, np.float32), 2, seed=0)
    assert kmeans(np.array([[-1e15], [0], [1e15]], np.float32), 3, seed=0).k == 3


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_kmeans_refuses_what_is_no_number(value):
    vectors = np.eye(3, dtype=np.float32)
    vectors[1, 1] = value

    with pytest.raises(ValueError) as error:
        kmeans(vectors, 2, seed=0)
    assert str(error.value) == (
        "1 rows hold a value that is no finite number, the first is row 1: fill in or leave out such rows first"
    )


@pytest.mark.parametrize("spherical", [True, False])
@pytest.mark.parametrize("k", [1, 5, 60])
def test_the_model_gives_every_row_the_cluster_it_has(k, spherical):
    vectors = np.random.default_rng(k).normal(size=(300, 6)).astype(np.float32)
    vectors = unit(vectors) if spherical else vectors

    found = kmeans(vectors, k, seed=0)

    assert found.model.spherical is spherical
    assert found.model.predict(vectors)[0].tolist() == found.labels.tolist()


def test_on_two_levels_the_model_gives_nearly_every_row_the_cluster_it_has(monkeypatch):
    monkeypatch.setattr(module, "ONE_LEVEL", 8)
    vectors = unit(np.random.default_rng(0).normal(size=(2000, 8)))

    found = kmeans(vectors, 50, seed=0)

    assert (found.model.predict(vectors)[0] == found.labels).mean() > 0.97


@pytest.mark.parametrize("spread", [0.5, 4.0])
@pytest.mark.parametrize("seed", range(3))
def test_by_distance_inertia_is_within_one_percent_of_scikit_learns_best_of_ten(seed, spread):
    rng = np.random.default_rng(seed)
    vectors = (6 * rng.normal(size=(25, 5))[rng.integers(0, 25, 1500)] + spread * rng.normal(size=(1500, 5))).astype(
        "f4"
    )
    best = KMeans(25, n_init=10, random_state=seed).fit(vectors).inertia_

    found = kmeans(vectors, 25, seed=seed)

    exact = float(((vectors - found.model.centroids[found.labels]) ** 2).sum())
    assert found.figures["inertia"] == pytest.approx(exact, rel=1e-4)
    assert found.figures["inertia"] < 1.01 * best


def test_by_distance_a_seed_decides_and_suffices():
    vectors = np.random.default_rng(0).normal(size=(400, 8)).astype(np.float32)

    first, again, other = (kmeans(vectors, 20, seed=seed) for seed in (1, 1, 2))

    assert first.labels.tolist() == again.labels.tolist()
    assert first.model.centroids.tolist() == again.model.centroids.tolist()
    assert first.labels.tolist() != other.labels.tolist()


def test_by_distance_starts_on_a_sample_cost_little(monkeypatch):
    vectors = np.random.default_rng(0).normal(size=(3000, 6)).astype(np.float32)
    plain = kmeans(vectors, 20, seed=0).figures["inertia"]
    monkeypatch.setattr(lloyd, "TRAINING", 16)
    monkeypatch.setattr(lloyd, "FLOOR", 0)
    monkeypatch.setattr(lloyd, "FEW", 10)

    assert kmeans(vectors, 20, seed=0).figures["inertia"] < 1.02 * plain


def test_by_distance_copies_of_few_rows_make_few_clusters_and_every_row_may_be_its_own():
    different = 3 * np.eye(3, dtype=np.float32)

    found = kmeans(different[np.arange(60) % 3], 10, seed=0)

    assert sorted(found.sizes.tolist()) == [20, 20, 20]
    assert found.figures["inertia"] == 0
    assert sorted(kmeans(different, 3, seed=0).labels.tolist()) == [0, 1, 2]
    assert kmeans(different, 1, seed=0).model.centroids.tolist() == [[1, 1, 1]]


def test_by_distance_progress_counts_every_row_once():
    placed = []

    kmeans(np.random.default_rng(2).normal(size=(100, 4)).astype(np.float32), 9, seed=0, progress=placed.append)

    assert (sum(placed), min(placed) > 0, len(placed) > 5) == (100, True, True)


def test_the_number_of_cells_for_identity_says_how_it_was_chosen():
    assert identity_k(35311) == (7062, "k = 7,062: 35,311 products at about 5 to a cell, a handful of offers each")
    assert identity_k(2)[0] == 1


@pytest.mark.parametrize("offset", [0, 1e3, 1e4])
def test_rows_far_from_zero_are_grouped_as_well_as_those_around_it(offset):
    rng = np.random.default_rng(0)
    truth = np.repeat(np.arange(30), 100)
    vectors = (rng.normal(size=(30, 64))[truth] + 0.1 * rng.normal(size=(3000, 64)) + offset).astype(np.float32)

    found = kmeans(vectors, 30, seed=0)

    exact = ((vectors.astype(np.float64) - found.model.centroids[found.labels]) ** 2).sum()
    assert adjusted_rand_score(found.labels, truth) == 1.0
    assert found.figures["inertia"] == pytest.approx(exact, rel=0.02)
    assert (found.model.predict(vectors)[0] == found.labels).all()
