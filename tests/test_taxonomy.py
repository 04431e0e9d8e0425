import numpy as np
import pytest

from clustering.taxonomy import (
    Scale,
    check_nested,
    choose_levels,
    join_small,
    last_numbers,
    nested_linkage,
)


def scales(*found):
    return [Scale(2.0**at, clusters, largest, stability) for at, (clusters, largest, stability) in enumerate(found)]


def numbers(chosen):
    return [scale.clusters for scale in chosen]


def test_the_scales_at_which_seeds_agree_best_become_levels():
    found = scales((3, 0.4, 0.9), (6, 0.3, 0.5), (12, 0.2, 0.8), (24, 0.1, 0.6), (48, 0.1, 0.7), (96, 0.1, 0.5))
    assert numbers(choose_levels(found, 1000, fewest=1, most=1)) == [3]
    assert numbers(choose_levels(found, 1000, fewest=2, most=2)) == [3, 12]
    assert numbers(choose_levels(found, 1000, fewest=4, most=4)) == [3, 12, 24, 48]


def test_there_are_as_many_levels_as_cost_little_stability():
    found = scales((3, 0.4, 0.9), (12, 0.2, 0.88), (48, 0.1, 0.86), (200, 0.1, 0.5))
    assert numbers(choose_levels(found, 1000, fewest=1, most=5)) == [3, 12, 48]
    assert numbers(choose_levels(found, 1000, fewest=1, most=2)) == [3, 12]
    assert numbers(choose_levels(found, 4000, fewest=4, most=5)) == [3, 12, 48, 200]


def test_a_scale_with_half_of_all_rows_in_one_cluster_is_no_level_where_there_are_others():
    found = scales((2, 0.99, 1.0), (4, 0.3, 0.6), (9, 0.2, 0.7))
    assert numbers(choose_levels(found, 1000, fewest=2, most=2)) == [4, 9]


def test_levels_hold_at_least_twice_as_many_clusters_as_the_one_above_unless_more_are_asked_for():
    found = scales((10, 0.2, 0.9), (12, 0.2, 0.9), (19, 0.2, 0.8))
    assert numbers(choose_levels(found, 1000, fewest=1, most=5)) == [10]
    assert numbers(choose_levels(found, 1000, fewest=2, most=5)) == [10, 12]


def test_very_many_clusters_make_no_level():
    found = scales((4, 0.3, 0.5), (30, 0.1, 1.0))
    assert numbers(choose_levels(found, 100, fewest=1, most=1)) == [4]


def test_too_few_scales_are_refused_with_what_there_is():
    with pytest.raises(ValueError) as refused:
        choose_levels(scales((1, 1.0, 1.0), (2, 0.5, 1.0), (2, 0.5, 1.0)), 12, fewest=2, most=5)
    assert str(refused.value) == (
        "12 products fall into 2 clusters at every scale, which makes no 2 levels: ask for fewer with --levels"
    )


@pytest.mark.parametrize(("fewest", "most"), [(0, 2), (3, 2)])
def test_a_number_of_levels_out_of_range_is_refused(fewest, most):
    with pytest.raises(ValueError) as refused:
        choose_levels(scales((2, 0.5, 1.0)), 12, fewest=fewest, most=most)
    assert str(refused.value) == f"levels are a number from 1, or two such as 2..5, got {fewest}..{most}"


def test_a_cluster_too_small_for_its_level_joins_the_nearest_one_of_its_parent():
    vectors = np.array([[0.0]] * 40 + [[9.0]] * 40 + [[5.1]] + [[5.2]] * 40, dtype=np.float32)
    labels = np.repeat([0, 1, 2, 3], [40, 40, 1, 40])
    parents = np.repeat([0, 0, 0, 1], [40, 40, 1, 40])
    joined = join_small(vectors, labels, parents)
    assert joined.tolist() == [0] * 40 + [1] * 41 + [3] * 40
    alone = join_small(vectors, labels, np.repeat([0, 0, 1, 2], [40, 40, 1, 40]))
    assert alone.tolist() == labels.tolist()


def test_small_clusters_that_join_small_ones_end_up_together():
    vectors = np.array([[0.0]] * 200 + [[8.0]] + [[9.0]] * 2 + [[20.0]] * 200, dtype=np.float32)
    labels = np.repeat([0, 1, 2, 3], [200, 1, 2, 200])
    assert join_small(vectors, labels, np.zeros(403, np.int64)).tolist() == [0] * 203 + [3] * 200


def test_levels_that_are_not_nested_are_found_out():
    check_nested(np.array([[0, 0, 1], [0, 1, 2]]))
    with pytest.raises(ValueError) as refused:
        check_nested(np.array([[0, 0, 1], [0, 5, 5]]))
    assert str(refused.value) == "cluster 5 of level 2 lies in several clusters of level 1"


def test_clusters_that_live_on_keep_their_numbers_and_new_ones_meet_no_number_in_use():
    levels = np.array([[0, 0, 1, 1, 1], [0, 1, 2, 2, 3]])
    before = np.array([[7, 7, 2, 2, 2], [-1, -1, 4, 4, -1]])
    assert last_numbers(levels, before).tolist() == [[7, 7, 2, 2, 2], [5, 6, 4, 4, 7]]
    assert last_numbers(levels, before, taken=[9, 30]).tolist() == [[7, 7, 2, 2, 2], [31, 32, 4, 4, 33]]


def test_a_dendrogram_merges_siblings_before_clusters_of_different_parents():
    means = np.array([[0.0], [5.0], [4.0], [9.0]])
    merges = nested_linkage(means, np.array([[0, 0, 1, 1]]))
    assert merges[:, [0, 1, 3]].tolist() == [[0, 1, 2], [2, 3, 2], [4, 5, 4]]
    assert merges[:, 2].tolist() == pytest.approx([5, 5, 4 * np.sqrt(2)])


def test_no_merge_is_lower_than_those_below_it():
    means = np.array([[0.0], [50.0], [1.0], [51.0]])
    assert nested_linkage(means, np.array([[0, 0, 1, 1]]))[:, 2].tolist() == [50, 50, 50]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_without_levels_above_a_dendrogram_is_that_of_ward(seed):
    from scipy.cluster.hierarchy import linkage

    means = np.random.default_rng(seed).normal(size=(12, 4))
    assert np.allclose(nested_linkage(means, np.empty((0, 12), np.int64)), linkage(means, "ward"))
