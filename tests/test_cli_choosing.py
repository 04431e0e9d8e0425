import json

import pytest
from click.testing import CliRunner

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.choosing import METHODS
from service.cli.choosing import _SHOWN, choose_k, compare
from service.cli.clusters import cluster
from service.vectors import ON

WORDS = ("red phone", "red phone case", "green tea", "green tea leaves", "oak table", "oak table top")


@pytest.fixture
def run(tmp_path, monkeypatch, embedder):
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    products = [Product(f"P{row}", title=f"{WORDS[row % 6]} {row // 6}") for row in range(36)]
    with open_store(str(tmp_path / "store"), create=True) as store:
        index_products(products, store, embedder)
    return lambda command, *arguments: CliRunner().invoke(command, list(arguments), catch_exceptions=False)


def test_choose_k_prints_a_table_and_one_recommendation(run):
    done = run(choose_k, "--range", "2:5", "--quiet")
    assert done.exit_code == 0
    lines = done.stdout.splitlines()
    assert lines[0].split()[:3] == ["k", "inertia", "silhouette"]
    assert [line.split()[0] for line in lines[1:-1]] == [str(k) for k in range(2, 6)]
    assert lines[-1].startswith(("k = ", "no clear number"))


def test_choose_k_answers_which_of_two_numbers_as_json(run, tmp_path):
    done = run(choose_k, "--range", "3,9", "--json", "--seed", "3", "--out", str(tmp_path / "out"))
    told = json.loads(done.stdout)
    assert (told["method"], told["on"], told["seed"], told["rows"]) == ("kmeans", "text", 3, 36)
    assert [row["k"] for row in told["scores"]] == [3, 9]
    assert told["recommended"] in (3, 9, None)
    assert (tmp_path / "out" / "choose_k.png").is_file()
    assert "written: " in done.stderr


def test_choose_k_profiles_leiden(run):
    told = json.loads(run(choose_k, "--method", "leiden", "--json", "--quiet").stdout)
    assert told["method"] == "leiden"
    assert len(told["points"]) == 17
    lines = run(choose_k, "--method", "leiden", "--quiet").stdout.splitlines()
    assert lines[-1] == f"resolution {told['recommended']:.3g}: {told['reason']}"


def test_the_methods_and_vectors_offered_are_those_there_are():
    options = {parameter.name: parameter.type for parameter in choose_k.params}
    assert tuple(options["method"].choices) == METHODS
    assert tuple(options["on"].choices) == ON


def test_a_range_that_is_none_is_wrong_usage(run):
    done = run(choose_k, "--range", "9:2")
    assert done.exit_code == 2
    assert "a range needs different numbers from 2 on, the smaller first, got '9:2'" in done.stderr


def test_a_list_of_numbers_is_no_range_of_leiden(run):
    done = run(choose_k, "--method", "leiden", "--range", "5,35")
    assert done.exit_code == 2
    assert "Leiden takes a resolution, no number of clusters: ask for --range 5:35" in done.stderr


def test_compare_prints_a_row_a_method(run):
    done = run(compare, "tree=agglomerative", "--set", "tree.k=3")
    assert done.exit_code == 0
    head, row = done.stdout.splitlines()
    assert head.split() == [
        *("name", "method", "seconds", "memory_mb", "clusters", "largest", "noise"),
        *("silhouette", "davies_bouldin", "calinski_harabasz"),
    ]
    assert row.split()[:2] == ["tree", "agglomerative"]
    assert "memory is the most its process held at once" in done.stderr


def test_compare_ends_with_1_when_no_method_could_and_with_0_when_one_could(run):
    done = run(compare, "a=agglomerative", "b=agglomerative", "--k", "37", "--quiet")
    assert (done.exit_code, len(done.stdout.splitlines())) == (1, 3)
    assert done.stderr == "Error: no method could do it: k must be between 1 and 36 for 36 vectors, got 37\n"
    done = run(compare, "a=agglomerative", "b=agglomerative", "--k", "3", "--set", "b.k=37", "--quiet")
    assert done.exit_code == 0


def test_compare_shows_each_score_against_a_truth_once():
    assert _SHOWN[10:15] == ("ari", "ami", "v_measure", "b_cubed_f1", "purity")  # nmi is v_measure


def test_resolution_takes_a_number_or_auto(run):
    done = run(cluster, "similarity", "--resolution", "auto")
    assert done.exit_code == 0
    assert "Leiden runs 51 times" in done.stderr
    assert run(cluster, "similarity", "--resolution", "0.5").exit_code == 0
    for wrong in ("0", "much"):
        assert run(cluster, "similarity", "--resolution", wrong).exit_code == 2
    assert run(cluster, "all", "--resolution", "auto", "--quiet").exit_code == 0
