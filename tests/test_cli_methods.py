import json
import re

import pytest
from click.testing import CliRunner

from service.cli import main


@pytest.fixture
def run(tmp_path, monkeypatch, embedder):
    """A store of two kinds of product, indexed with word vectors, and the command line on it."""
    monkeypatch.setattr("service.cli.index.TextEmbedder", lambda name, on_load: embedder)
    monkeypatch.setattr("service.predicting.TextEmbedder", lambda name: embedder)
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    words = {"case": "clear case cover shell", "lamp": "desk lamp warm light"}
    lines = [
        {"asin": f"{kind}{n}", "title": f"{title} item{kind}{n}", "brand": kind}
        for n in range(8)
        for kind, title in words.items()
    ]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert invoke("index", "shop.jsonl").exit_code == 0
    return invoke


def test_any_name_is_a_label_that_a_method_makes(run):
    done = run("cluster", "shelf", "--method", "kmeans", "--k", "2")
    assert done.exit_code == 0, done.stderr
    assert done.stdout.splitlines()[0].split() == ["label", "clusters", "largest", "singletons", "noise"]
    assert done.stdout.splitlines()[1].split() == ["shelf", "2", "8", "0", "0"]
    (listed,) = json.loads(run("labels", "--json").stdout)
    assert (listed["label"], listed["clusters"], listed["products"]) == ("shelf", 2, 16)


def test_a_kind_may_be_made_by_a_method_too(run):
    done = run("cluster", "identity", "--method", "agglomerative", "--set", "threshold=0.5", "--set", "linkage=average")
    assert done.exit_code == 0, done.stderr
    assert [row["label"] for row in json.loads(run("labels", "--json").stdout)] == ["identity"]


def test_the_help_of_a_label_lists_the_methods(run):
    done = run("cluster", "shelf", "--help")
    assert done.exit_code == 0
    for name in ("umap+hdbscan", "depict", "leiden", "gmm"):
        assert f"  {name} " in done.stdout


def test_predict_says_how_many_products_it_placed_and_asks_nothing_twice(run, tmp_path):
    run("cluster", "shelf", "--method", "kmeans", "--k", "2")
    (tmp_path / "new.jsonl").write_text(json.dumps({"asin": "case9", "title": "clear case cover shell itemnew"}))
    assert run("index", "new.jsonl").exit_code == 0
    assert run("predict", "shelf").stdout == "1 products put into clusters of 'shelf', 0 noise\n"
    assert run("predict", "shelf").stdout == "0 products put into clusters of 'shelf', 0 noise\n"
    shown = json.loads(run("show", "case9", "--json").stdout)
    asked = json.loads(run("predict", "shelf", "--text", "clear case cover", "--json").stdout)
    found = {"cluster": shown["shelf"], "name": shown["shelf_name"], "membership": None}
    assert asked == [{"text": "clear case cover", **found}]
    assert found["name"]


def test_a_model_is_written_to_a_file_and_read_into_another_collection(run, tmp_path):
    run("cluster", "shelf", "--method", "kmeans", "--k", "2")
    assert run("model", "export", "shelf", "shelf.safetensors").exit_code == 0
    assert (tmp_path / "shelf.safetensors").stat().st_size > 100
    run("index", "shop.jsonl", "--collection", "other")
    done = run("model", "import", "rack", "shelf.safetensors", "--collection", "other")
    assert done.stderr == "next: assort predict rack, which puts products into its 2 clusters\n"
    done = run("predict", "rack", "--collection", "other")
    assert done.stdout == "16 products put into clusters of 'rack', 0 noise\n"


def test_answers_show_the_labels_that_products_have(run):
    columns = ["product_id", "price", "brand", "title"]
    assert run("products").stdout.split()[:4] == columns
    for label in ("shelf", "aisle"):
        run("cluster", label, "--method", "kmeans", "--k", "2")
    header = run("products", "--limit", "2").stdout.splitlines()[0]
    assert header.split() == ["product_id", "aisle", "shelf", *columns[1:]]
    run("cluster", "identity", "--k", "2")
    header = run("products", "--limit", "2").stdout.splitlines()[0]
    assert header.split() == ["product_id", "identity", "similarity", "complementary", "aisle", "shelf", *columns[1:]]


@pytest.mark.parametrize("command", ["labels", "name"])
def test_clusters_that_are_not_shown_are_counted(run, command):
    run("cluster", "shelf", "--method", "kmeans", "--k", "3")
    assert run(command, "shelf", "--limit", "2").stderr == "2 of 3 clusters; --limit shows more\n"
    for more in (["--limit", "3"], ["--limit", "2", "--quiet"], ["--limit", "2", "--json"], []):
        assert run(command, "shelf", *more).stderr == ""


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["cluster", "shelf"], 2, "Error: Missing option '--method'. Choose from:"),
        (
            ["cluster", "shelf", "--method", "kmeans"],
            1,
            "Error: kmeans needs k, the number of clusters: set k, or ask `assort choose-k` for one\n",
        ),
        (["cluster", "shelf", "--method", "kmeans", "--k", "17"], 1, "Error: k must be between 1 and 16"),
        (["cluster", "shelf", "--method", "kmeans", "--k", "few"], 1, "Error: k is a whole number, got 'few'\n"),
        (
            ["cluster", "shelf", "--method", "hdbscan", "--set", "min_cluster=3"],
            1,
            "Error: hdbscan has no setting 'min_cluster', did you mean 'min_cluster_size': it has min",
        ),
        (
            ["cluster", "shelf", "--method", "leiden", "--set", "resolution=much"],
            1,
            "Error: resolution is a number, got 'much'\n",
        ),
        (["cluster", "shelf", "--method", "hdbscan", "--set", "size"], 2, "'size' is not PARAM=VALUE"),
        (["cluster", "shelf", "--method", "kmeans", "--k", "2", "--on", "image"], 1, "has no vector 'image': run"),
        (
            ["cluster", "shelf", "--method", "kmeans", "--k", "2", "--on", "features"],
            1,
            "has no vector 'features': run",
        ),
        (["cluster", "brand", "--method", "kmeans", "--k", "2"], 1, "Error: 'brand' is a field of the products"),
        (["predict", "shelf"], 1, "Error: there is no label 'shelf'"),
        (["model", "import", "rack", "shop.jsonl"], 1, "Error: this is no model that assort wrote"),
    ],
)
def test_a_wrong_ask_is_answered_with_what_to_do(run, arguments, code, message):
    done = run(*arguments)
    assert done.exit_code == code
    assert message in done.stderr


@pytest.mark.parametrize("command", ["cluster shelf --method kmeans --k 2", "choose-k", "taxonomy", "compare kmeans"])
@pytest.mark.parametrize(
    ("titles", "message"),
    [
        (["a lamp"], r"at least \d (rows|products)"),
        (["a lamp"] * 9, r"identical|the same vector"),
        ([], "holds no products"),
    ],
)
def test_what_cannot_be_grouped_is_said(run, tmp_path, command, titles, message):
    lines = [{"asin": f"L{n}", "title": title} for n, title in enumerate(titles)] or [{"asin": "L0", "title": "a lamp"}]
    (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("index", "odd.jsonl", "--collection", "odd").exit_code == 0
    if not titles:
        assert run("delete", "L0", "--collection", "odd").exit_code == 0
    done = run(*command.split(), "--collection", "odd")
    assert done.exit_code == 1
    assert re.search(message, done.stderr.splitlines()[-1]), done.stderr
