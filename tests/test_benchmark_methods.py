import importlib
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def script(monkeypatch):
    """Import a script by its name, as its siblings do."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return lambda name="": importlib.import_module(f"benchmark_methods{name and '_'}{name}")


def test_inertia_is_the_sum_of_squared_distances_to_the_means(script):
    from sklearn.cluster import KMeans

    rows = np.random.default_rng(0).normal(size=(200, 5)).astype(np.float32)
    peer = KMeans(7, n_init=1, random_state=0).fit(rows)
    assert script()._euclidean(rows, peer.labels_.astype(np.int64)) == pytest.approx(peer.inertia_, rel=1e-4)


def test_a_row_of_compare_becomes_scores_without_what_is_not_known(script):
    known = {"clusters": 3.0, "noise": 0, "seconds": 1.5, "memory_mb": 211.7, "silhouette": 0.1}
    failed = {**dict.fromkeys(script().FIGURES), "name": "b"}
    rows = [{**failed, **known, "name": "a"}, failed]
    assert script()._rows(rows) == {
        "a": {"clusters": 3, "noise": 0, "seconds": 1.5, "memory_mb": 212, "silhouette": 0.1},
        "b": {},
    }


def test_the_page_says_what_is_met(script):
    from benchmark_quality_cases import Case

    cases = [
        Case("offers", "Offers", "What was done.", {"both": {"seconds": 950.0, "memory, GB": 1.1}}),
        Case("inertia", "k-means", "What was done.", {"worst": {"inertia / scikit-learn's": 1.004}}),
    ]
    page = script("table").markdown(cases, {"seed": "0"})
    assert "2 of 3 targets met." in page
    assert "| met | **no** | yes |" in page
    assert script("table").missed(cases) == ["offers: seconds is 950.000, target ≤ 900"]


def test_a_true_level_is_graded_against_the_level_with_the_nearest_number_of_clusters(script):
    levels = np.stack([np.arange(60) % 3, np.arange(60) % 12, np.arange(60) % 30])
    nearest = script("taxonomy")._nearest
    assert nearest(levels, np.arange(60) % 4).tolist() == levels[0].tolist()
    assert nearest(levels, np.where(np.arange(60) < 50, np.arange(60) % 14, -1)).tolist() == levels[1].tolist()


def test_a_figure_is_the_median_of_its_seeds_and_a_lead_one_of_medians(script):
    module = script("taxonomy")
    runs = [
        {"assort": {"V, a": ours, "V, b": 0.5}, module.OWN: {"V, a": theirs, "V, b": 0.25}}
        for ours, theirs in ((0.5, 0.75), (0.75, 0.25), (0.625, 0.5))
    ]
    middle = module._medians(runs)
    assert middle == {"assort": {"V, a": 0.625, "V, b": 0.5}, module.OWN: {"V, a": 0.5, "V, b": 0.25}}
    assert module._least_lead(middle, module.OWN, ["a", "b"]) == 0.125
