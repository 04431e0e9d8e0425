import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.metrics.cluster import expected_mutual_information as scikit_learn_expects

from clustering.extrinsic import adjusted_mutual_information, agreement, confusion, expected_mutual_information
from clustering.metrics import b_cubed, pairwise

NAMES = (
    "ari", "ami", "nmi", "fowlkes_mallows", "homogeneity", "completeness", "v_measure", "purity",
    "pairwise_precision", "pairwise_recall", "pairwise_f1", "b_cubed_precision", "b_cubed_recall", "b_cubed_f1",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("k", "classes"), [(6, 4), (60, 90), (3, 150)])
def test_every_measure_is_that_of_scikit_learn(seed, k, classes):
    rng = np.random.default_rng(seed)
    labels, truth = rng.integers(0, k, 200), rng.integers(0, classes, 200)
    truth[:120] = labels[:120] % classes

    found = agreement(labels, [f"class {number}" for number in truth])

    assert tuple(found) == NAMES
    assert found["ari"] == pytest.approx(metrics.adjusted_rand_score(truth, labels))
    assert found["ami"] == pytest.approx(metrics.adjusted_mutual_info_score(truth, labels))
    assert found["nmi"] == pytest.approx(metrics.normalized_mutual_info_score(truth, labels))
    assert found["fowlkes_mallows"] == pytest.approx(metrics.fowlkes_mallows_score(truth, labels))
    assert found["homogeneity"] == pytest.approx(metrics.homogeneity_score(truth, labels))
    assert found["completeness"] == pytest.approx(metrics.completeness_score(truth, labels))
    assert found["v_measure"] == pytest.approx(metrics.v_measure_score(truth, labels))
    cells = metrics.cluster.contingency_matrix(truth, labels)
    assert found["purity"] == pytest.approx(cells.max(axis=0).sum() / 200)
    assert found["pairwise_f1"] == pytest.approx(pairwise(labels, truth).f1)
    assert found["b_cubed_f1"] == pytest.approx(b_cubed(labels, truth).f1)


def test_noise_counts_as_clusters_of_one_row():
    labels, truth = np.array([0, 0, 1, -1, -1, 3]), np.array([0, 0, 1, 1, 1, 2])

    assert agreement(labels, truth) == agreement(np.array([0, 0, 1, 5, 6, 3]), truth)
    assert agreement(labels, truth)["b_cubed_precision"] == 1.0


@pytest.mark.parametrize("labels", [[0, 1, 2], [4, 4, 4]])
def test_the_truth_itself_is_perfect_and_fowlkes_mallows_asks_for_pairs(labels):
    found = agreement(np.array(labels), labels)
    pairs = len(set(labels)) < 3
    assert found == dict.fromkeys(NAMES, 1.0) | {"fowlkes_mallows": float(pairs)}


partitions = st.integers(1, 40).flatmap(lambda n: st.tuples(*[st.lists(st.integers(0, 8), min_size=n, max_size=n)] * 2))


@settings(max_examples=60, deadline=None)
@given(partitions)
def test_expected_information_by_sizes_is_that_by_clusters(rows):
    labels, truth = (np.unique(each, return_inverse=True)[1] for each in rows)
    sizes, others = np.bincount(labels), np.bincount(truth)
    cells = metrics.cluster.contingency_matrix(truth, labels)

    expected = expected_mutual_information(sizes, others)

    assert expected == pytest.approx(scikit_learn_expects(cells, len(labels)), abs=1e-9)
    assert adjusted_mutual_information(labels, truth) == pytest.approx(
        metrics.adjusted_mutual_info_score(truth, labels), abs=1e-6
    )


def test_large_clusters_expect_what_scikit_learn_expects_though_only_likely_overlaps_are_summed():
    sizes, others = np.array([30_000, 20_000, 7, 1]), np.array([25_000, 24_993, 15])
    rows = np.repeat(np.arange(4), sizes), np.repeat(np.arange(3), others)
    cells = metrics.cluster.contingency_matrix(*rows)

    assert expected_mutual_information(sizes, others) == pytest.approx(
        scikit_learn_expects(cells.astype(np.int64), int(sizes.sum())), rel=1e-9
    )


def test_confusion_counts_classes_in_clusters_with_the_others_summed_and_noise_apart():
    labels = np.array([7, 7, 7, 7, 2, 2, 2, 5, 5, 9, -1])
    truth = np.array([0, 0, 0, 3, 3, 3, 1, 1, 2, 2, 3])

    found = confusion(labels, truth, most=2)

    assert (found.classes.tolist(), found.clusters.tolist()) == ([3, 0], [7, 2])
    assert found.counts.tolist() == [
        [1, 2, 0, 1],
        [3, 0, 0, 0],
        [0, 1, 3, 0],
    ]
    assert found.counts.sum() == len(labels)


@pytest.mark.parametrize("seed", range(3))
def test_a_confusion_of_all_clusters_is_scikit_learns_contingency(seed):
    rng = np.random.default_rng(seed)
    labels, truth = rng.integers(0, 6, 80), rng.integers(0, 5, 80)

    found = confusion(labels, truth)

    cells = metrics.cluster.contingency_matrix(truth, labels)
    assert found.counts[:-1, :-2].tolist() == cells[found.classes][:, found.clusters].tolist()
    assert found.counts[-1].sum() == found.counts[:, -2:].sum() == 0


def test_a_confusion_where_all_is_noise_has_only_that_column():
    assert confusion(np.array([-1, -1]), np.array([0, 0])).counts.tolist() == [[0, 2], [0, 0]]


def test_what_does_not_fit_together_is_refused():
    with pytest.raises(ValueError, match=r"^labels and truth must be of one length, got 2 and 1$"):
        confusion(np.array([0, 1]), np.array([0]))
    with pytest.raises(ValueError, match=r"^a confusion matrix shows at least 1 cluster, got most=0$"):
        confusion(np.array([0]), np.array([0]), most=0)
    with pytest.raises(ValueError, match=r"^labels and truth must be of one length above 0, got 3 and 2$"):
        agreement(np.array([0, 1, 1]), [0, 1])
