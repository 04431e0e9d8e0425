import numpy as np
import pytest
from sklearn.cluster import KMeans

from clustering.gap import Box, Gap, dispersion, gap_of, smallest_near_best


@pytest.fixture
def rows():
    return np.random.default_rng(3).normal(size=(200, 5)).astype(np.float32)


def gaps(*pairs):
    return [Gap(*pair) for pair in pairs]


@pytest.mark.parametrize("k", [1, 4, 9])
def test_dispersion_is_the_inertia_of_scikit_learn(rows, k):
    machine = KMeans(k, n_init=1, random_state=0, tol=0).fit(rows)
    assert dispersion(rows, machine.labels_.astype(np.int64)) == pytest.approx(machine.inertia_, rel=1e-5)


def test_noise_and_numbers_left_out_add_nothing_to_dispersion():
    rows = np.array([[0], [2], [100], [7]], np.float32)
    assert dispersion(rows, np.array([0, 0, -1, 3])) == 2.0
    assert dispersion(rows, np.full(4, -1)) == 0.0


def test_a_gap_is_the_mean_log_ratio_with_the_error_of_tibshirani():
    found = gap_of(1.0, [np.e, np.e**3])
    assert found == (pytest.approx(2.0), pytest.approx(np.sqrt(1 + 1 / 2)))


def test_a_gap_needs_two_reference_sets():
    with pytest.raises(ValueError, match="a gap needs at least 2 reference sets, got 1"):
        gap_of(1.0, [2.0])


def test_the_smallest_k_near_the_best_is_found_behind_an_early_dip():
    assert smallest_near_best(gaps((0.5, 0.1), (0.4, 0.1), (1.93, 0.1), (2.0, 0.1), (1.5, 0.1))) == 2
    assert smallest_near_best(gaps((0.5, 0.1), (0.4, 0.1), (1.93, 0.1), (2.0, 0.01), (1.5, 0.1))) == 3


def test_reference_rows_fill_the_box_along_the_principal_axes():
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    rows = (rng.uniform([-9, -3, -1], [9, 3, 1], size=(4000, 3)) @ turn + 5).astype(np.float32)
    drawn = Box.around(rows).draw(20_000, np.random.default_rng(1))
    inside = (drawn - 5) @ turn.T
    # Squared, the sides of the box are 81, 9 and 1, and a third of each is the variance of what fills it.
    assert np.cov(inside.T) == pytest.approx(np.diag([27, 3, 1 / 3]), rel=0.15, abs=0.5)
    assert (np.abs(inside).max(axis=0) <= [9.6, 3.6, 1.6]).all()


def test_reference_rows_of_directions_are_directions():
    rows = np.random.default_rng(0).normal(size=(100, 8)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    drawn = Box.around(rows).draw(50, np.random.default_rng(1))
    assert np.linalg.norm(drawn, axis=1) == pytest.approx(np.ones(50), abs=1e-5)
    assert drawn.dtype == np.float32


def test_the_generator_alone_decides_what_is_drawn(rows):
    box = Box.around(rows)
    first, again, other = (box.draw(20, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
