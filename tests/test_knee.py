import numpy as np
import pytest

from clustering.knee import LEAST_BEND, Knee, knee


def test_a_knee_is_where_a_steep_fall_ends():
    x = np.arange(11)
    found = knee(x, [100, 80, 60, 40, 20, 18, 15, 12, 8, 4, 0])
    assert found is not None
    assert found.at == 4
    assert found.bend == pytest.approx(1 - 0.4 - 0.2)


def test_a_straight_line_has_no_knee():
    assert knee(range(10), range(10, 0, -1)) is None


def test_inertia_that_falls_as_a_power_of_k_has_no_knee_on_logarithmic_axes_though_it_bends_on_plain_ones():
    k = np.arange(2, 60)
    inertia = 1000 * k**-0.3
    assert knee(np.log(k), np.log(inertia)) is None
    assert knee(k, inertia) is not None


def test_a_bend_too_slight_is_no_knee():
    x = np.linspace(0, 1, 21)
    for height, seen in ((LEAST_BEND - 0.02, False), (LEAST_BEND + 0.02, True)):
        y = 1 - x - height * np.sin(np.pi * x)
        assert (knee(x, y) is not None) is seen


def test_of_two_knees_the_lower_counts():
    assert knee(range(9), [100, 60, 58, 56, 30, 4, 3, 1, 0]) == Knee(5, pytest.approx(1 - 5 / 8 - 0.04))


@pytest.mark.parametrize("seed", range(5))
def test_the_knee_of_a_convex_curve_lies_farthest_below_the_line_from_end_to_end(seed):
    rng = np.random.default_rng(seed)
    x = np.sort(rng.uniform(1, 9, 30))
    y = 1 / x**2
    line = np.interp(x, x[[0, -1]], y[[0, -1]])
    found = knee(x, y)
    assert found is not None
    assert found.at == (line - y).argmax()


def test_too_few_points_or_none_that_fall_have_no_knee():
    assert knee([1, 2], [5, 1]) is None
    assert knee([], []) is None
    assert knee([1, 2, 3], [4, 4, 4]) is None


def test_axes_must_fit_each_other():
    with pytest.raises(ValueError, match="x and y must be of one length, got 2 and 3"):
        knee([1, 2], [3, 2, 1])
    with pytest.raises(ValueError, match="x must rise from point to point"):
        knee([1, 1, 2], [3, 2, 1])
