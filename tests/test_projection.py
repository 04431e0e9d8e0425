import numpy as np
import pytest
from sklearn.decomposition import PCA

from clustering import projection
from clustering.projection import project


def clouds(seed=0, each=40, clusters=3, dim=8):
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(clusters), each)
    centres = np.eye(clusters, dim) * 10
    return (centres[labels] + rng.normal(size=(len(labels), dim))).astype(np.float32), labels


def share_of_neighbours_alike(positions, labels):
    far = np.square(positions[:, None] - positions[None]).sum(axis=2)
    np.fill_diagonal(far, np.inf)
    return (labels[far.argmin(axis=1)] == labels).mean()


def spread_out(vectors, dims, *, seed, neighbours, min_dist):
    """Stands in for UMAP, which takes long to load: the first columns, moved by the seed."""
    return vectors[:, :dims] + np.float32(seed)


def test_clouds_stay_apart_on_the_map_and_a_seed_suffices_and_matters():
    vectors, labels = clouds()
    positions = project(vectors, seed=1)
    assert (positions.shape, positions.dtype) == ((120, 2), np.float32)
    assert share_of_neighbours_alike(positions, labels) == 1
    assert np.array_equal(positions, project(vectors, seed=1))
    assert not np.array_equal(positions, project(vectors, seed=2))


def test_past_the_limit_the_others_go_beside_their_nearest(monkeypatch):
    monkeypatch.setattr(projection, "reduce", spread_out)
    vectors, labels = clouds(each=60)
    positions = project(vectors, seed=0, most=100, fitted=60)
    assert share_of_neighbours_alike(positions, labels) > 0.95
    assert np.array_equal(positions, project(vectors, seed=0, most=100, fitted=60))
    assert not np.array_equal(positions, project(vectors, seed=1, most=100, fitted=60))
    assert np.isfinite(project(vectors, seed=2**40, most=100, fitted=60)).all()
    rows = np.sort(np.random.default_rng(0).choice(180, 60, replace=False))
    assert np.array_equal(positions[rows], project(vectors[rows], seed=0))


def test_a_row_is_put_at_the_mean_of_its_nearest_weighted_by_nearness(monkeypatch):
    monkeypatch.setattr(projection, "_NEAREST", 2)
    fitted = np.array([[0, 0], [4, 0], [100, 0]], np.float32)
    places = np.array([[0, 0], [1, 1], [50, 50]], np.float32)
    (found,) = projection._placed(fitted, places, np.array([[1, 0]], np.float32), seed=0)
    assert found == pytest.approx([0.25, 0.25], abs=1e-5)  # at a third of the distance: three times the weight
    (same,) = projection._placed(fitted, places, fitted[2:], seed=0)
    assert same == pytest.approx([50, 50], abs=1e-2)


@pytest.mark.parametrize("n", range(3, 11))
def test_few_rows_are_laid_out_by_principal_components(n):
    vectors = np.random.default_rng(n).normal(size=(n, 5)).astype(np.float32)
    expected = PCA(2, svd_solver="full").fit_transform(vectors)
    assert np.abs(project(vectors, seed=0)) == pytest.approx(np.abs(expected), abs=1e-5)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_hardly_any_rows_are_laid_out_too(n):
    vectors = np.eye(n, 3, dtype=np.float32)
    positions = project(vectors, seed=0)
    assert positions.shape == (n, 2)
    assert np.isfinite(positions).all()
    if n == 2:
        assert abs(positions[0, 0] - positions[1, 0]) == pytest.approx(2**0.5)


def test_rows_of_one_column_lie_on_a_line():
    assert project(np.array([[1.0], [3.0]], np.float32), seed=0) == pytest.approx(np.array([[-1, 0], [1, 0]]))


def test_rows_that_are_all_the_same_lie_on_one_point():
    assert not project(np.ones((200, 4), np.float32), seed=0, most=50, fitted=20).any()


def test_empty_stretches_are_narrowed_and_nothing_else_moves():
    along = np.array([0, 1, 2, 98, 99, 100], np.float32)
    found = projection._narrowed(np.column_stack([along, along * 0]))
    assert found[:, 0].tolist() == [0, 1, 2, 7, 8, 9]
    assert not found[:, 1].any()


def test_the_order_of_rows_is_kept_where_stretches_are_narrowed():
    positions = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    found = projection._narrowed(positions)
    assert np.array_equal(np.argsort(found, axis=0), np.argsort(positions, axis=0))
