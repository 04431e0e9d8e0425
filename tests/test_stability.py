import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from clustering.stability import Stability, between, bootstrap, rand_index, samples

BLOBS = np.repeat(np.eye(3, dtype=np.float32), 20, axis=0)
LABELS = np.repeat(np.arange(3), 20)


def by_axis(vectors, seed):
    return vectors.argmax(axis=1)


def by_chance(vectors, seed):
    return np.random.default_rng(seed + len(vectors)).integers(0, 3, len(vectors))


def test_every_pair_of_partitions_is_compared_by_scikit_learns_index():
    rng = np.random.default_rng(0)
    one, two, three = (rng.integers(0, 4, 50) for _ in range(3))

    found = between([one, two, three])

    expected = [adjusted_rand_score(*pair) for pair in ((one, two), (one, three), (two, three))]
    assert found.values == tuple(expected)
    assert (found.mean, found.low, found.high) == (np.mean(expected), min(expected), max(expected))


def test_noise_counts_as_clusters_of_one_row():
    assert rand_index(np.array([0, 0, -1, -1]), np.array([4, 4, 7, 8])) == 1.0
    assert rand_index(np.array([0, 0, -1, -1]), np.array([0, 0, 1, 1])) < 1.0


def test_a_sample_has_some_two_thirds_of_the_rows_each_once_and_follows_the_seed():
    drawn = list(samples(1000, seed=3, rounds=4))

    assert all((np.diff(rows) > 0).all() for rows in drawn)
    assert [len(rows) for rows in drawn] == pytest.approx([632] * 4, abs=40)
    assert len({tuple(rows) for rows in drawn}) == 4
    again, other = list(samples(1000, seed=3, rounds=4)), list(samples(1000, seed=4, rounds=4))
    assert all(map(np.array_equal, drawn, again))
    assert not any(map(np.array_equal, drawn, other))


def test_clusters_that_are_there_come_back_from_samples_and_those_of_chance_do_not():
    assert bootstrap(by_axis, BLOBS, LABELS, seed=0, rounds=5) == Stability((1.0,) * 5)
    assert bootstrap(by_chance, BLOBS, LABELS, seed=0, rounds=5).high < 0.3


def test_too_little_to_compare_is_refused():
    with pytest.raises(ValueError, match=r"^at least 2 partitions are needed to compare them$"):
        between([LABELS])
    with pytest.raises(ValueError, match=r"^at least 1 sample is needed, got rounds=0$"):
        bootstrap(by_axis, BLOBS, LABELS, seed=0, rounds=0)
    with pytest.raises(ValueError, match=r"^partitions of the same rows must be of one length, got 60 and 59$"):
        rand_index(LABELS, LABELS[1:])
