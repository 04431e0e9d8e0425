import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from clustering.clustering import Clustering
from clustering.methods import (
    METHODS,
    SAMPLE,
    Method,
    check_rows,
    method_named,
    parameters,
    run,
    run_method,
    settings_of,
)
from clustering.models import from_bytes, to_bytes
from clustering.neighbours import NeighbourVote

SETTINGS = {
    "kmeans": {"k": 3},
    "minibatch-kmeans": {"k": 3},
    "hdbscan": {},
    "umap+hdbscan": {},
    "umap+kmeans": {"k": 3},
    "evoc": {"min_cluster_size": 30},
    "dbscan": {},
    "agglomerative": {"k": 3},
    "gmm": {"k_most": 5},
    "depict": {"k": 3, "pretraining": 5, "epochs": 2},
}
SOFT = {"hdbscan", "umap+hdbscan", "evoc", "gmm", "depict"}


def world(*, seed, unit, size=50):
    """Three groups, told apart by direction and by distance."""
    truth = np.repeat(np.arange(3), size)
    middles = 8 * np.eye(6)[:3]
    rows = middles[truth] + np.random.default_rng(seed).normal(size=(3 * size, 6))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True) if unit else rows).astype(np.float32), truth


@cache
def found(name, unit=False):
    return run(name, world(seed=1, unit=unit)[0], seed=0, settings=SETTINGS[name])


def test_every_method_is_tried_here():
    assert set(SETTINGS) == set(METHODS)


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_three_groups_of_rows_of_length_one_and_of_any_other(name, unit):
    truth = world(seed=1, unit=unit)[1]

    clustering = found(name, unit)

    assert clustering.labels.dtype == np.int64
    assert (clustering.labels >= 0).mean() > 0.7
    assert adjusted_rand_score(clustering.labels, truth) > 0.6
    assert (clustering.memberships is not None) == (name in SOFT)
    if name in SOFT:
        assert clustering.memberships.dtype == np.float32
        assert 0 <= clustering.memberships.min() <= clustering.memberships.max() <= 1


@pytest.mark.parametrize("unit", [True, False])
@pytest.mark.parametrize("name", METHODS)
def test_every_model_puts_new_rows_where_they_belong(name, unit):
    vectors, truth = world(seed=2, unit=unit)

    labels, memberships = found(name, unit).model.predict(vectors)

    assert labels.dtype == np.int64
    assert adjusted_rand_score(labels, truth) > 0.6
    assert memberships is None or (memberships.dtype, len(memberships)) == (np.float32, len(vectors))
    own = found(name, unit)
    assert (own.model.predict(world(seed=1, unit=unit)[0])[0] == own.labels).mean() > 0.8


@pytest.mark.parametrize("name", METHODS)
def test_every_model_survives_as_bytes_bit_for_bit(name):
    model = found(name).model
    vectors, _ = world(seed=2, unit=False)

    content = to_bytes(model, {"on": "text"})
    again, about = from_bytes(content)

    assert type(again) is type(model)
    assert about == {"on": "text"}
    assert to_bytes(again, about) == content
    for one, other in zip(model.predict(vectors), again.predict(vectors), strict=True):
        assert (one is None and other is None) or one.tobytes() == other.tobytes()


@pytest.mark.parametrize("name", METHODS)
def test_the_same_seed_and_rows_make_the_same_model(name):
    vectors, _ = world(seed=1, unit=False)

    again = run(name, vectors, seed=0, settings=SETTINGS[name])

    assert again.labels.tolist() == found(name).labels.tolist()
    assert to_bytes(again.model, {}) == to_bytes(found(name).model, {})


@pytest.mark.parametrize("name", METHODS)
def test_fitted_on_a_sample_a_method_predicts_the_rest_and_says_so(name):
    vectors, truth = world(seed=3, unit=False, size=80)

    sampled = run(name, vectors, seed=0, settings={**SETTINGS[name], SAMPLE: 150})

    assert sampled.figures["sampled"] == 150
    assert len(sampled.labels) == 240
    assert adjusted_rand_score(sampled.labels, truth) > 0.6
    assert (sampled.memberships is not None) == (name in SOFT)


@pytest.mark.parametrize("sample", [1, 0])
def test_a_sample_too_small_is_blamed_and_not_the_catalogue(sample):
    with pytest.raises(ValueError, match=f"^sample must be at least 2, got {sample}$"):
        run("kmeans", np.eye(4, dtype=np.float32), seed=0, settings={"k": 1, SAMPLE: sample})
    with pytest.raises(ValueError, match=f"^sample must be at least 2, got {sample}$"):
        settings_of(METHODS["kmeans"], {"sample": str(sample)})


def test_a_sample_of_nothing_but_copies_is_blamed():
    vectors = np.zeros((1000, 3), np.float32)
    vectors[0] = 1
    with pytest.raises(ValueError) as error:
        run("kmeans", vectors, seed=0, settings={"k": 2, SAMPLE: 10})
    assert str(error.value) == "all 10 rows of the sample are identical: set a larger sample"


def test_a_sample_of_all_rows_is_no_sample():
    vectors, _ = world(seed=1, unit=False)
    assert "sampled" not in run("kmeans", vectors, seed=0, settings={"k": 3, SAMPLE: 150}).figures


def test_nothing_heavy_is_loaded_before_a_method_runs():
    code = (
        "import sys, clustering.methods as m; [m.parameters(method) for method in m.METHODS.values()];"
        "print(sorted({'torch', 'sklearn', 'faiss', 'umap', 'hdbscan', 'evoc', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout == "[]\n"


def test_what_can_be_set_is_read_from_the_signature():
    known = parameters(METHODS["kmeans"])

    assert list(known) == ["k", "iterations", "sample"]
    assert (known["iterations"].type, known["iterations"].default) == (int, 20)
    assert str(known["sample"].type) == "int | None"


def test_settings_are_read_from_text():
    agglomerative = METHODS["agglomerative"]

    assert settings_of(agglomerative, {"threshold": "0.5", "linkage": "complete", "sample": "none"}) == {
        "threshold": 0.5,
        "linkage": "complete",
        "sample": None,
    }
    assert settings_of(agglomerative, {"k": "12"}) == {"k": 12}


@pytest.mark.parametrize(
    ("name", "pair", "said"),
    [
        ("kmeans", ("kk", "3"), "kmeans has no setting 'kk', did you mean 'k': it has k, iterations, sample"),
        ("kmeans", ("colour", "3"), "kmeans has no setting 'colour': it has k, iterations, sample"),
        ("kmeans", ("k", "many"), "k is a whole number, got 'many'"),
        ("kmeans", ("k", "2.5"), "k is a whole number, got '2.5'"),
        ("kmeans", ("k", "0"), "k must be at least 1, got 0"),
        ("kmeans", ("k", "none"), "k is a whole number, got 'none'"),
        ("hdbscan", ("min_cluster_size", "1"), "min_cluster_size must be at least 2, got 1"),
        ("hdbscan", ("selection", "best"), "selection is one of eom, leaf, got 'best'"),
        ("dbscan", ("eps", "0"), "eps must be above 0, got 0"),
        ("dbscan", ("eps", "nan"), "eps must be above 0, got nan"),
        ("evoc", ("noise_level", "-1"), "noise_level must be at least 0, got -1"),
        ("evoc", ("noise_level", "little"), "noise_level is a number, got 'little'"),
    ],
)
def test_a_wrong_setting_is_refused(name, pair, said):
    with pytest.raises(ValueError) as error:
        settings_of(METHODS[name], dict([pair]))
    assert str(error.value) == said


def yes_or_no(vectors, *, seed, whole: bool = True):
    return Clustering(np.zeros(len(vectors), np.int64), NeighbourVote(vectors, np.zeros(len(vectors), np.int64)))


def test_a_method_from_outside_has_the_same_shape():
    method = Method("one", yes_or_no, "all rows in one cluster", 10)

    assert settings_of(method, {"whole": "False"}) == {"whole": False}
    with pytest.raises(ValueError, match=r"^whole is true or false, got 'maybe'$"):
        settings_of(method, {"whole": "maybe"})
    assert run_method(method, np.eye(4, dtype=np.float32), seed=0, settings={}).k == 1
    with pytest.raises(ValueError) as error:
        run_method(method, np.eye(11, dtype=np.float32), seed=0, settings={})
    assert str(error.value) == (
        "one takes at most 10 rows, got 11: set sample=10 to fit it on so many and predict the rest"
    )


def test_an_unknown_method_is_refused_with_the_nearest_name():
    with pytest.raises(ValueError) as error:
        method_named("hdbscann")
    assert str(error.value) == (
        "there is no method 'hdbscann', did you mean 'hdbscan': choose one of kmeans, minibatch-kmeans, hdbscan, "
        "umap+hdbscan, umap+kmeans, evoc, dbscan, agglomerative, gmm, depict"
    )


def test_past_its_limit_a_method_says_what_it_would_take():
    vectors = np.random.default_rng(0).normal(size=(20_001, 2)).astype(np.float32)

    with pytest.raises(ValueError) as error:
        run("agglomerative", vectors, seed=0, settings={"k": 2})
    assert str(error.value) == (
        "agglomerative takes at most 20,000 rows, got 20,001, it would need 3.2 GB: "
        "set sample=20000 to fit it on so many and predict the rest"
    )


def test_hdbscan_takes_any_number_of_narrow_rows_and_fewer_wide_ones():
    assert (METHODS["hdbscan"].most_rows, METHODS["hdbscan"].narrow) == (50_000, 60)
    method = Method("one", yes_or_no, "all rows in one cluster", 10, narrow=3)

    assert run_method(method, np.eye(11, 3, dtype=np.float32), seed=0, settings={}).k == 1
    with pytest.raises(ValueError) as error:
        run_method(method, np.eye(11, 4, dtype=np.float32), seed=0, settings={})
    assert str(error.value) == (
        "one takes at most 10 rows of more than 3 columns, got 11: "
        "set sample=10 to fit it on so many and predict the rest"
    )


def test_k_left_out_leads_to_choose_k():
    with pytest.raises(ValueError) as error:
        run("kmeans", np.eye(3, dtype=np.float32), seed=0, settings={})
    assert str(error.value) == "kmeans needs k, the number of clusters: set k, or ask `assort choose-k` for one"


@pytest.mark.parametrize("name", [name for name in METHODS if "k" in SETTINGS[name]])
def test_a_k_beyond_the_rows_or_the_sample_is_refused(name):
    with pytest.raises(ValueError, match=r"^k must be between 1 and 6 for 6 vectors, got 7$"):
        run(name, np.eye(6, dtype=np.float32), seed=0, settings={"k": 7})
    with pytest.raises(ValueError, match=r"^k must be between 1 and 4 for 4 vectors, got 5$"):
        run(name, np.eye(6, dtype=np.float32), seed=0, settings={"k": 5, "sample": 4})


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (np.ones((0, 4)), "clusters need at least 2 rows, got 0: index more products"),
        (np.ones((1, 4)), "clusters need at least 2 rows, got 1: index more products"),
        (np.ones((3, 0)), "rows need at least 1 value each, got an array of shape (3, 0): give rows of values"),
        (np.ones((12, 4)), "all 12 rows are identical, there is nothing to tell apart: choose other vectors"),
        (
            np.array([[1, 2], [np.nan, 1], [np.inf, 2]]),
            "2 rows hold a value that is no finite number, the first is row 1: fill in or leave out such rows first",
        ),
        (
            np.array([[1, 2], [1, -1e20], [3, 2]]),
            "values must be between -1e+15 and 1e+15, got 1e+20 in row 1, and 1 such rows: scale the columns, or leave "
            "out such rows first",
        ),
    ],
)
def test_rows_that_no_method_can_group_are_refused(name, rows, said):
    with pytest.raises(ValueError) as error:
        run(name, rows.astype(np.float32), seed=0, settings=SETTINGS[name])
    assert str(error.value) == said


@pytest.mark.parametrize("name", METHODS)
def test_constant_columns_are_told_of_and_do_no_harm(name):
    vectors, truth = world(seed=1, unit=False)
    vectors = np.insert(vectors, 2, 7, axis=1)

    clustering = run(name, vectors, seed=0, settings=SETTINGS[name])

    assert clustering.figures["constant_columns"] == [2]
    assert adjusted_rand_score(clustering.labels, truth) > 0.6
    assert "constant_columns" not in found(name).figures


def test_progress_reaches_methods_that_can_tell_of_it():
    vectors, _ = world(seed=1, unit=False)
    placed = []

    run("kmeans", vectors, seed=0, settings={"k": 3}, progress=placed.append)
    run("agglomerative", vectors, seed=0, settings={"k": 3}, progress=placed.append)

    assert sum(placed) == len(vectors)


def test_progress_counts_all_rows_where_only_a_sample_is_fitted():
    vectors, _ = world(seed=1, unit=False)
    placed = []

    run("kmeans", vectors, seed=0, settings={"k": 3, SAMPLE: 40}, progress=placed.append)

    assert sum(placed) == len(vectors)


def test_rows_are_checked_where_others_ask_for_it():
    check_rows(np.eye(2, dtype=np.float32))
