import numpy as np
import pytest

from clustering import neighbours as module
from clustering.neighbours import NeighbourVote, compact, drawn_rows, nearest_rows, vote

ROWS = np.array([[0, 0], [1, 0], [0, 1], [10, 10], [11, 10], [10, 11]], dtype=np.float32)
LABELS = np.array([0, 0, 0, 1, 1, -1])


def test_new_rows_get_the_label_of_most_neighbours_and_noise_votes_too():
    model = NeighbourVote(compact(ROWS), LABELS, voters=3)

    labels, shares = model.predict(np.array([[0.2, 0.2], [10.4, 10.2], [9, 9]], dtype=np.float32))

    assert labels.tolist() == [0, 1, 1]
    weights = 1 / np.array([[0.4**2 + 0.2**2, 0.6**2 + 0.2**2, 0.4**2 + 0.8**2], [2, 5, 5]])
    np.testing.assert_allclose(shares, [1, *weights[:, :2].sum(axis=1) / weights.sum(axis=1)], rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_rows_that_were_kept_get_their_own_label_however_many_others_are_near(scale):
    vectors = (scale * np.random.default_rng(0).normal(size=(300, 16))).astype(np.float32)
    labels = np.random.default_rng(1).permutation(300) // 2

    found, shares = NeighbourVote.of(vectors, labels, seed=0).predict(vectors)

    assert found.tolist() == labels.tolist()
    assert shares.min() > 0.99


def test_of_copies_in_several_clusters_most_decide():
    rows = np.array([[1.0]] * 3 + [[1.5]] * 2, dtype=np.float32)
    labels, shares = NeighbourVote(rows, np.array([0, 1, 1, 0, 0])).predict(rows[:1])
    assert (labels.tolist(), shares.tolist()) == ([1], [pytest.approx(2 / 3)])


def test_a_row_beside_noise_is_noise_and_belongs_nowhere_at_all():
    model = NeighbourVote(compact(ROWS), LABELS, voters=1)

    labels, shares = model.predict(np.array([[10, 11.2]], dtype=np.float32))

    assert (labels.tolist(), shares.tolist()) == ([-1], [0])


def test_beyond_its_radius_a_row_is_noise():
    model = NeighbourVote(compact(ROWS), LABELS, voters=1, radius=2.0)

    labels, shares = model.predict(np.array([[-1.9, 0], [-2.1, 0]], dtype=np.float32))

    assert (labels.tolist(), shares.tolist()) == ([0, -1], [1, 0])


def test_without_any_rows_kept_all_rows_are_noise():
    model = NeighbourVote(np.empty((0, 2), np.float16), np.empty(0, np.int64))

    labels, shares = model.predict(ROWS)

    assert (labels.tolist(), shares.tolist()) == ([-1] * 6, [0] * 6)


@pytest.mark.parametrize("block", [8192, 7])
@pytest.mark.parametrize("seed", range(3))
def test_at_equal_distances_the_vote_is_the_commonest_label_the_first_among_equals(monkeypatch, seed, block):
    monkeypatch.setattr(module, "BLOCK", block)
    labels = np.random.default_rng(seed).integers(-1, 3, (50, 4))
    expected = [max(row, key=lambda label: (row.count(label), -row.index(label))) for row in labels.tolist()]

    winners, shares = vote(labels, np.full(labels.shape, seed, np.float32))

    assert winners.tolist() == expected
    assert shares.tolist() == [row.count(won) / 4 for row, won in zip(labels.tolist(), expected, strict=True)]


def test_neighbours_are_the_nearest_by_distance_and_never_more_than_there_are():
    near, distances = nearest_rows(compact(ROWS), ROWS[:1], 10)

    assert near[0, :3].tolist() == [0, 1, 2]
    np.testing.assert_allclose(distances[0], np.sort(np.linalg.norm(ROWS, axis=1)), rtol=1e-3)
    assert distances.shape == (1, 6)


def test_rows_of_another_width_are_refused():
    with pytest.raises(ValueError, match=r"^the model knows rows of 2 values, got an array of shape \(4, 3\)$"):
        NeighbourVote(compact(ROWS), LABELS).predict(np.zeros((4, 3), np.float32))


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_drawn_in_proportion_and_of_every_cluster_one(seed):
    labels = np.random.default_rng(seed).permutation(np.repeat([-1, 0, 1, 2], [100, 800, 99, 1]))

    drawn = drawn_rows(labels, 100, seed=seed)

    assert len(np.unique(drawn)) == 100
    assert np.all(np.diff(drawn) > 0)
    np.testing.assert_allclose(np.bincount(labels[drawn] + 1), [10, 79, 10, 1], atol=1)
    assert drawn.tolist() == drawn_rows(labels, 100, seed=seed).tolist()
    assert drawn.tolist() != drawn_rows(labels, 100, seed=seed + 1).tolist()


def test_all_rows_are_kept_where_there_is_room():
    assert drawn_rows(np.zeros(5, np.int64), 5, seed=0).tolist() == [0, 1, 2, 3, 4]


def test_a_vote_keeps_no_more_rows_than_it_may(monkeypatch):
    monkeypatch.setattr(module, "ROWS_KEPT", 3)

    model = NeighbourVote.of(ROWS, LABELS, seed=0)

    assert model.rows.shape == (3, 2)
    assert sorted(model.labels.tolist()) == [-1, 0, 1]


def test_rows_too_large_for_sixteen_bits_keep_their_size():
    assert compact(ROWS).dtype == np.float16
    assert compact(ROWS * 1e5).tolist() == (ROWS * 1e5).tolist()


def test_rows_that_rounding_would_move_far_beside_their_distances_keep_their_bits():
    rows = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32)

    assert compact(rows).dtype == np.float16
    assert compact(rows + 50_000).dtype == np.float32
    assert compact(rows, radius=1e-3).dtype == np.float32
    assert compact(rows[:0]).dtype == np.float16


@pytest.mark.parametrize("away", [0, 50_000])
def test_distances_are_exact_near_nothing_and_far_from_the_origin(away):
    rows = (np.random.default_rng(0).normal(size=(90, 8)) + away).astype(np.float32)
    expected = np.linalg.norm(rows[:, None].astype(np.float64) - rows, axis=2)

    near, distances = nearest_rows(rows, rows, 4)

    assert distances[:, 0].tolist() == [0] * 90
    assert near.tolist() == np.argsort(expected, axis=1, kind="stable")[:, :4].tolist()
    np.testing.assert_allclose(distances, np.sort(expected, axis=1)[:, :4], rtol=1e-5)
