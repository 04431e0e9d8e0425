from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import fowlkes_mallows_score

from clustering.metrics import Grade, b_cubed, links, pairwise


def brute_pairwise(labels, truth):
    pairs = list(combinations(range(len(labels)), 2))
    found = [labels[a] == labels[b] for a, b in pairs]
    true = [truth[a] == truth[b] for a, b in pairs]
    both = sum(f and t for f, t in zip(found, true, strict=True))
    return Grade(both / sum(found) if any(found) else 1.0, both / sum(true) if any(true) else 1.0)


def brute_b_cubed(labels, truth):
    rows = range(len(labels))
    precision, recall = [], []
    for row in rows:
        cluster = {other for other in rows if labels[other] == labels[row]}
        belongs = {other for other in rows if truth[other] == truth[row]}
        precision.append(len(cluster & belongs) / len(cluster))
        recall.append(len(cluster & belongs) / len(belongs))
    return Grade(float(np.mean(precision)), float(np.mean(recall)))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("ours", "brute"), [(pairwise, brute_pairwise), (b_cubed, brute_b_cubed)])
def test_grades_are_those_of_counting_row_by_row(ours, brute, seed):
    rng = np.random.default_rng(seed)
    labels, truth = rng.integers(-1, 12, 60), rng.integers(0, 15, 60)

    grade, expected = ours(labels, truth), brute(labels, truth)

    assert (grade.precision, grade.recall) == pytest.approx((expected.precision, expected.recall))


def test_pairwise_agrees_with_scikit_learn():
    rng = np.random.default_rng(3)
    labels, truth = rng.integers(0, 9, 200), rng.integers(0, 7, 200)

    grade = pairwise(labels, truth)

    assert np.sqrt(grade.precision * grade.recall) == pytest.approx(fowlkes_mallows_score(truth, labels))


def test_the_example_of_one_mixed_cluster_has_its_known_grades():
    labels, truth = [0, 0, 0, 1], ["a", "a", "b", "b"]

    assert pairwise(labels, truth) == Grade(1 / 3, 1 / 2)
    assert b_cubed(labels, truth) == Grade((2 / 3 + 2 / 3 + 1 / 3 + 1) / 4, (1 + 1 + 1 / 2 + 1 / 2) / 4)


def test_f1_is_the_harmonic_mean_and_zero_when_nothing_is_right():
    assert Grade(0.5, 1.0).f1 == pytest.approx(2 / 3)
    assert Grade(0.0, 0.0).f1 == 0.0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30))
def test_the_truth_itself_is_perfect_whatever_its_numbers(truth):
    renamed = [f"cluster {7 - label}" for label in truth]

    assert pairwise(renamed, truth) == Grade(1.0, 1.0)
    assert b_cubed(renamed, truth) == Grade(1.0, 1.0)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=30))
def test_swapping_labels_and_truth_swaps_precision_and_recall(rows):
    labels, truth = zip(*rows, strict=True)

    for grade in (pairwise, b_cubed):
        there, back = grade(labels, truth), grade(truth, labels)
        assert (there.precision, there.recall) == pytest.approx((back.recall, back.precision))


@pytest.mark.parametrize("seed", range(3))
def test_links_count_only_pairs_across_catalogues(seed):
    rng = np.random.default_rng(seed)
    labels, sides = rng.integers(0, 10, 40), np.repeat([0, 1], 20)
    pairs = np.stack([np.arange(15), np.arange(15) + 20], axis=1)

    grade = links(labels, pairs, sides)

    found = {(a, b) for a, b in product(range(20), range(20, 40)) if labels[a] == labels[b]}
    correct = found & {(a, b) for a, b in pairs.tolist()}
    assert (grade.precision, grade.recall) == (pytest.approx(len(correct) / len(found)), len(correct) / 15)


def test_no_links_found_is_no_mistake_and_no_success():
    assert links([0, 1], [[0, 1]], [0, 1]) == Grade(1.0, 0.0)


def test_grading_refuses_labels_of_another_length_and_no_labels():
    with pytest.raises(ValueError, match=r"^labels and truth must be of one length above 0, got 3 and 2$"):
        pairwise([0, 1, 2], [0, 1])
    with pytest.raises(ValueError, match=r"^labels and truth must be of one length above 0, got 0 and 0$"):
        b_cubed([], [])
