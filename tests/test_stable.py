import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering.stable import keep_numbers


def numbers(*values):
    return np.array(values, dtype=np.int64)


def test_an_unchanged_partition_keeps_its_numbers_whatever_the_new_ones_are():
    assert keep_numbers(numbers(0, 0, 1, 1, 2), numbers(7, 7, 3, 3, 9)).tolist() == [7, 7, 3, 3, 9]


def test_the_larger_part_of_a_split_cluster_keeps_the_number_and_the_smaller_gets_a_fresh_one():
    assert keep_numbers(numbers(5, 5, 5, 8), numbers(0, 0, 0, 0)).tolist() == [0, 0, 0, 1]


def test_a_merged_cluster_takes_the_number_of_its_larger_part():
    assert keep_numbers(numbers(0, 0, 0), numbers(4, 6, 6)).tolist() == [6, 6, 6]


def test_rows_without_a_previous_number_join_the_cluster_they_fell_into():
    assert keep_numbers(numbers(0, 0, 1), numbers(2, -1, -1)).tolist() == [2, 2, 3]


def test_a_first_run_numbers_clusters_by_size():
    assert keep_numbers(numbers(9, 4, 4, 4, 9, 1), numbers(-1, -1, -1, -1, -1, -1)).tolist() == [1, 0, 0, 0, 1, 2]


def test_noise_stays_noise_and_never_takes_a_number():
    assert keep_numbers(numbers(-1, -1, 0), numbers(3, 3, 3)).tolist() == [-1, -1, 3]


def test_no_rows_give_no_numbers():
    assert keep_numbers(numbers(), numbers()).tolist() == []


def test_rows_that_do_not_match_are_refused():
    with pytest.raises(ValueError, match=r"got \(1,\) and \(2,\)"):
        keep_numbers(numbers(1), numbers(1, 2))


labellings = st.lists(st.tuples(st.integers(-1, 6), st.integers(-1, 6)), min_size=1, max_size=60)


@given(labellings)
def test_the_partition_itself_never_changes(rows):
    labels, previous = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    kept = keep_numbers(labels, previous)
    assert ((labels[:, None] == labels) == (kept[:, None] == kept)).all()
    assert ((labels < 0) == (kept < 0)).all()


@given(labellings)
def test_renumbering_again_changes_nothing(rows):
    labels, previous = (np.array(column, dtype=np.int64) for column in zip(*rows, strict=True))
    kept = keep_numbers(labels, previous)
    assert keep_numbers(labels, kept).tolist() == kept.tolist()


def test_a_new_cluster_gets_a_number_above_the_one_given():
    assert keep_numbers(numbers(0, 0, 1), numbers(2, 2, -1), above=7).tolist() == [2, 2, 8]
    assert keep_numbers(numbers(0, 1), numbers(9, -1), above=7).tolist() == [9, 10]
