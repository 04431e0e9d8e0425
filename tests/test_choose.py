import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris, make_blobs
from sklearn.metrics import calinski_harabasz_score, davies_bouldin_score, silhouette_score

from clustering.choose import around, choose_k, grid
from clustering.cuts import CUTTERS
from clustering.gap import Gap
from clustering.scores import Scores
from clustering.verdict import verdict


def blobs(k, *, seed, n=None, dim=10):
    rows = make_blobs(n or max(120, 12 * k), dim, centers=k, cluster_std=1.0, center_box=(-10, 10), random_state=seed)
    return rows[0].astype(np.float32)


def chosen(rows, ks=(2, 45), *, method="kmeans", seed=0, references=2, **options):
    fit = CUTTERS[method].seeded(seed)
    ks = (ks[0], min(ks[-1], len(rows) - 1)) if not options.get("closed") else ks
    return choose_k(rows, ks, fit=fit, seed=seed, references=references, **{"sample": 10_000, **options})


@pytest.mark.parametrize(("k", "seed"), [(3, 0), (5, 1), (8, 2), (13, 3), (30, 4)])
def test_the_number_of_blobs_is_found(k, seed):
    found = chosen(blobs(k, seed=seed), (max(2, k - 15), k + 12))
    assert found.verdict.k == k
    assert {found.verdict.picks[name] for name in ("silhouette", "gap")} == {k}


@pytest.mark.parametrize(("shape", "seed"), [("box", 0), ("box", 1), ("ball", 2), ("sphere", 3)])
def test_noise_has_no_clusters(shape, seed):
    rng = np.random.default_rng(seed)
    rows = rng.uniform(size=(150, 6)) if shape == "box" else rng.normal(size=(150, 6))
    if shape == "sphere":
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    found = chosen(rows.astype(np.float32), (2, 9), references=4).verdict
    assert (found.k, found.between, found.picks["gap"]) == (None, None, 1)
    assert found.reason.startswith(
        "no clusters: whatever the number, rows without any are as tight (the largest gap is "
    )


def test_no_number_of_irises_is_clear():
    found = chosen(load_iris().data.astype(np.float32), (2, 12)).verdict
    assert (found.k, found.between) == (None, (2, 3))
    assert found.reason.startswith("no clear number, most of them between 2 and 3: silhouette 2, ")


@pytest.mark.parametrize(("true", "others"), [(5, (5, 35)), (35, (5, 35)), (4, (3, 4, 9))])
def test_the_better_supported_of_a_few_numbers_is_named(true, others):
    found = chosen(blobs(true, seed=7, n=300), others, closed=True)
    assert [each.k for each in found.scores] == list(others)
    assert found.verdict.k == true
    assert "elbow" not in found.verdict.picks


@pytest.mark.parametrize("method", ["minibatch-kmeans", "gmm", "agglomerative"])
def test_every_method_finds_four_blobs(method):
    found = chosen(blobs(4, seed=1, n=200, dim=3), (2, 6), method=method)
    assert found.verdict.k == 4
    assert ("bic" in found.verdict.picks) == (method == "gmm")
    assert found.verdict.picks.get("bic", 4) == 4


def test_scores_are_those_of_scikit_learn():
    rows = blobs(6, seed=2)
    labels = KMeans(6, n_init=6, random_state=0, max_iter=100).fit(rows).labels_
    (score,) = chosen(rows, (6,), closed=True).scores
    assert score.silhouette == pytest.approx(silhouette_score(rows, labels), abs=1e-4)
    assert score.davies_bouldin == pytest.approx(davies_bouldin_score(rows, labels), rel=1e-4)
    assert score.calinski_harabasz == pytest.approx(calinski_harabasz_score(rows, labels), rel=1e-4)
    assert score.silhouette_chance < 0.3 < score.silhouette


def test_a_sample_is_scored_and_said():
    found = chosen(blobs(4, seed=3, n=900), (2, 8), sample=200)
    assert (found.rows, found.of, found.verdict.k) == (200, 900, 4)


def test_the_seed_suffices_and_matters():
    rows = blobs(5, seed=0)
    first, again, other = (chosen(rows, (3, 6), seed=seed, sample=100) for seed in (1, 1, 2))
    assert first == again
    assert first.scores != other.scores


def test_without_reference_sets_there_is_no_gap_and_the_others_decide():
    found = chosen(blobs(5, seed=0), (2, 9), references=0)
    assert {each.gap for each in found.scores} == {None}
    assert found.verdict.k == 5


def test_each_number_tried_is_told_once():
    told = []
    found = chosen(blobs(5, seed=0), (2, 9), progress=told.append)
    assert told == [1] * len(found.scores)
    assert len({each.k for each in found.scores}) == len(found.scores)


def test_a_grid_runs_from_end_to_end_in_growing_steps():
    assert grid(2, 2) == [2]
    assert grid(2, 6) == [2, 3, 4, 5, 6]
    wide = grid(2, 200)
    assert (wide[0], wide[-1]) == (2, 200)
    assert 18 <= len(wide) <= 25
    assert (np.diff(wide, 2) >= -1).all()


def test_around_a_number_are_those_up_to_its_neighbours():
    assert around([2, 5, 20], 5) == [2, 4, 6, 8, 10, 12, 14, 16, 18, 20]
    assert around([2, 4], 4) == [2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "ks", "message"),
    [
        (np.zeros((3, 2)), (2, 2), "at least 4 products are needed to choose a number of clusters, got 3"),
        (np.ones((9, 2)), (2, 3), "all 9 rows are identical, there is nothing to tell apart: choose other vectors"),
        (
            np.full((9, 2), np.nan),
            (2, 3),
            "9 rows hold a value that is no finite number, the first is row 0: fill in or leave out such rows first",
        ),
        (
            np.eye(9),
            (2, 9),
            "k must be between 2 and 8 for 9 rows, got 2 to 9: give another --range",
        ),
    ],
)
def test_what_nothing_can_be_chosen_from_is_refused(rows, ks, message):
    if len(rows) == 3:
        rows = rows + np.arange(3)[:, None]
    with pytest.raises(ValueError) as error:
        choose_k(rows.astype(np.float32), ks, fit=CUTTERS["kmeans"].seeded(0), seed=0, sample=100)
    assert str(error.value) == message


def test_a_range_beyond_the_sample_says_so():
    with pytest.raises(ValueError) as error:
        chosen(blobs(3, seed=0, n=300), (2, 60), sample=50)
    assert str(error.value) == (
        "k must be between 2 and 49 for 50 of 300 rows, got 2 to 60: give another --range, or a larger --sample"
    )


@pytest.mark.parametrize(
    ("rows", "sample", "message"),
    [
        (np.eye(9), 3, "a sample must be at least 4 to choose a number of clusters by, got 3"),
        (np.eye(500)[:, :1], 5, "all 5 rows of the sample are identical: set a larger sample"),
    ],
)
def test_a_sample_that_says_nothing_is_blamed_and_not_the_catalogue(rows, sample, message):
    with pytest.raises(ValueError) as error:
        choose_k(rows.astype(np.float32), (2, 3), fit=CUTTERS["kmeans"].seeded(0), seed=0, sample=sample)
    assert str(error.value) == message


def scored(*rows):
    names = ("k", "silhouette", "gap", "calinski_harabasz", "davies_bouldin", "inertia")
    return [
        Scores(**dict(zip(names, row, strict=True)), silhouette_error=0.01, silhouette_chance=0.1, gap_error=0.01)
        for row in rows
    ]


def test_criteria_that_improve_to_the_end_have_no_opinion():
    rising = scored((2, 0.1, 1.0, 10, 3, 9), (3, 0.2, 1.1, 20, 2, 8), (4, 0.3, 1.2, 30, 1, 7))
    found = verdict(rising, Gap(0.5, 0.01))
    assert (found.k, found.reason) == (None, "no clear number: all still improve at 4")
    assert set(found.picks.values()) == {None}


def test_agreement_on_clusters_no_better_than_chance_recommends_nothing():
    weak = scored((2, 0.11, 1.0, 10, 3, 9), (3, 0.14, 1.5, 20, 2, 4), (4, 0.12, 1.4, 15, 3, 3.9))
    found = verdict(weak, Gap(0.5, 0.01))
    assert (found.k, found.between) == (None, (3, 3))
    assert found.reason == (
        "no clear number: silhouette, gap statistic, Calinski-Harabasz and Davies-Bouldin say 3, "
        "but its silhouette 0.14 (0.010 standard error, without clusters it would be 0.10) is hardly above chance"
    )


def test_the_gap_decides_between_numbers_that_mean_the_same():
    near = scored((10, 0.5, 1.0, 5, 3, 9), (20, 0.8, 2.9, 9, 1, 3), (21, 0.7, 3.0, 10, 2, 2), (40, 0.3, 2, 5, 4, 1.9))
    found = verdict(near, Gap(0.5, 0.01))
    assert (found.picks["silhouette"], found.picks["gap"], found.k) == (20, 21, 21)


def test_silhouettes_too_close_to_tell_apart_have_no_say_between_two_numbers():
    close = scored((5, 0.40, 1.0, 10, 2, 9), (35, 0.41, 1.5, 9, 1, 4))
    found = verdict(close, Gap(0.5, 0.01), closed=True)
    assert found.picks == {"silhouette": None, "gap": 35, "calinski_harabasz": 5, "davies_bouldin": 35}
    assert (found.k, found.between) == (None, (5, 35))
