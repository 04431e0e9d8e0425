"""`assort evaluate` and `assort validate` as a person or a program meets them."""

import json

import pytest
from click.testing import CliRunner

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service import marking
from service.cli import main
from service.cli.grading import COMMANDS
from service.runs import KINDS, ClusterOptions, cluster


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("grading") / "store"


@pytest.fixture
def run(folder, embedder):
    """Invoke a command on a small clustered store, made by the first test."""
    if not folder.exists():
        words = ("phone", "case", "cable")
        stock = [
            Product(
                f"{word}{n}", title=f"{word} {word} {'abcdefgh'[n]}x", brand=word, also_buy=(f"{word}{(n + 1) % 8}",)
            )
            for word in words
            for n in range(8)
        ]
        with open_store(str(folder), create=True) as store:
            index_products(stock, store, embedder)
            cluster(store, KINDS, ClusterOptions(seed=0, neighbours=4))
    group = type(main)(commands=list(COMMANDS))  # turns errors into messages

    def invoke(*arguments):
        return CliRunner().invoke(group, [*map(str, arguments), "--store", str(folder)], prog_name="assort")

    return invoke


def test_evaluate_prints_a_table_a_group_with_a_line_a_label(run):
    done = run("evaluate", "similarity", "identity", "--truth", "brand")

    assert done.exit_code == 0
    titles = [line for line in done.stdout.splitlines() if line and not line.startswith(("label", "simil", "ident"))]
    assert titles == [
        "by their own vectors",
        "by their graphs",
        "against brand, 0 products without it left out",
        "the same by pairs, and by products (B-cubed)",
    ]
    header = done.stdout.splitlines()[2].split()
    assert header[:5] == ["label", "method", "on", "products", "clusters"]
    assert [line.split()[0] for line in done.stdout.splitlines()[3:5]] == ["similarity", "identity"]


def test_evaluate_without_names_grades_all_labels_and_gives_one_json(run):
    done = run("evaluate", "--truth", "categories:1", "--json")
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: 'categories:1' tells of none of the 24 products here, grades need 2: name another --truth\n",
    )

    graded = json.loads(run("evaluate", "--truth", "brand", "--json", "--stability", 1).stdout)

    assert [each["label"] for each in graded] == ["identity_cell", "identity", "similarity", "complementary"]
    assert list(graded[2]) == [
        "label", "method", "on", "products", "unlabelled", "sizes", "intrinsic", "graph", "truth", "confusion",
        "stability", "notes",
    ]  # fmt: skip
    assert graded[2]["truth"]["name"] == "brand"
    assert len(graded[2]["stability"]["seeds"]["values"]) == 1
    assert sum(map(sum, graded[2]["confusion"]["counts"])) == 24


def test_stability_has_a_table_of_its_own(run):
    done = run("evaluate", "similarity", "--stability", 2)
    assert "made again: adjusted Rand index with the label" in done.stdout
    assert "seeds_mean  seeds_low  seeds_high  samples_mean  samples_low  samples_high" in done.stdout


def test_a_truth_file_is_a_truth_and_confusions_are_drawn_where_asked(run, tmp_path):
    truth = tmp_path / "truth.csv"
    truth.write_text("product_id,label\nphone1,a\nphone2,a\ncase1,b\nelse,b\n")

    done = run("evaluate", "similarity", "--truth", truth, "--out", tmp_path / "out")

    assert "against truth.csv, 21 products without it left out, 1 in the file that are not here" in done.stdout
    assert done.stderr.endswith(f"{tmp_path / 'out' / 'confusion_similarity.png'} written\n")
    assert (tmp_path / "out" / "confusion_similarity.png").stat().st_size > 1000


def test_pictures_without_a_truth_are_wrong_usage(run, tmp_path):
    done = run("evaluate", "--out", tmp_path)
    assert done.exit_code == 2
    assert "--out draws clusters against a truth: give --truth, too" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["genre"], "there is no label 'genre': there are identity_cell, identity, similarity, complementary"),
        (
            ["--truth", "colour"],
            "there is no field 'colour' to grade by, only brand, categories, source: `assort index SOURCE --map "
            "colour=COLUMN` keeps a column of the catalogue\n",
        ),
    ],
)
def test_what_is_not_there_is_named(run, arguments, message):
    done = run("evaluate", *arguments)
    assert done.exit_code == 1
    assert f"Error: {message}" in done.stderr


def test_validate_lists_every_check_and_ends_well_when_nothing_is_broken(run):
    done = run("validate", "--json")
    checks = json.loads(done.stdout)

    assert done.exit_code == 0
    assert list(checks[0]) == ["check", "verdict", "found", "of", "share", "examples", "rule"]
    assert not [check for check in checks if check["verdict"] == "broken"]
    lines = run("validate", "--all").stdout.splitlines()
    assert lines[0].split() == ["verdict", "check", "found", "of", "share", "examples"]
    well = sum(check["verdict"] == "ok" for check in checks)
    assert len(lines) == len(checks) + 2
    assert lines[-1] == f"{well} of {len(checks)} checks found nothing wrong"
    shown = run("validate").stdout.splitlines()
    assert len(shown) == (len(checks) - well + 1 if well < len(checks) else 0) + 1
    assert shown[-1] == f"{lines[-1]}: --all lists them"


def test_validate_says_what_is_broken_and_ends_with_1(run, folder):
    with open_store(str(folder)) as store:
        marking.begin(store, ["similarity"])
    try:
        done = run("validate")
    finally:
        with open_store(str(folder)) as store:
            settings = store.records.settings()
            marking.finish(store, ["similarity"], settings.labels["similarity"])

    assert done.exit_code == 1
    assert done.stderr.endswith("Error: broken: labels half written\n")
    assert "labels half written: broken, for the rule is: none may be" in done.stderr
    assert run("validate").exit_code == 0
