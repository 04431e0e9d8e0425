import json

import click
import pytest
from click.testing import CliRunner

from indexer.indexing import index_products
from indexer.products import Product
from indexer.store import open_store
from service.cli.taxonomy import COMMANDS

TYPES = {"phones": ("nova", "orbit"), "lamps": ("desk", "floor"), "shirts": ("checked", "striped")}


@click.group()
def main():
    """The commands alone."""


for command in COMMANDS:
    main.add_command(command)


@pytest.fixture
def location(tmp_path, embedder):
    folder = str(tmp_path / "store")
    with open_store(folder, create=True) as store:
        products = [
            Product(f"{kind}-{sort}-{n}", title=f"{kind} {kind}a {kind}b {sort} {sort}a {sort}b item{sort}{n}")
            for kind, sorts in TYPES.items()
            for sort in sorts
            for n in range(18)
        ]
        index_products(products, store, embedder)
    return folder


def run(*arguments, code=0):
    result = CliRunner().invoke(main, [*arguments])
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def made(location, tmp_path):
    out = tmp_path / "out"
    result = run("taxonomy", "--levels", "2", "--out", str(out), "--json", "--quiet", "--store", location)
    return json.loads(result.stdout), out


def test_taxonomy_prints_its_levels_and_the_tree_as_json(made):
    said, _ = made
    assert [figures["clusters"] for figures in said["levels"].values()] == [3, 6]
    assert [twig["size"] for twig in said["tree"]] == [36, 36, 36]
    assert {child["level"] for twig in said["tree"] for child in twig["children"]} == {2}


def test_taxonomy_writes_a_page_that_needs_nothing_and_a_dendrogram(made):
    said, out = made
    assert said["files"] == [str(out / "taxonomy.html"), str(out / "dendrogram.png")]
    page = (out / "taxonomy.html").read_text(encoding="utf-8")
    assert "taxonomy_1=" in page
    assert "http" not in page.replace("http://www.w3.org", "")
    assert (out / "dendrogram.png").read_bytes().startswith(b"\x89PNG")


def test_taxonomy_shows_what_is_there_as_text(made, location):
    said, _ = made
    lines = run("taxonomy", "--show", "--store", location).stdout.splitlines()
    assert len(lines) == 9
    first = said["tree"][0]
    assert lines[0].startswith(f"   {first['number']}  {first['name']}  (36)  e.g. ")


def test_name_lists_and_edits(made, location):
    rows = json.loads(run("name", "taxonomy_1", "--json", "--store", location).stdout)
    assert len(rows) == 3
    number = rows[0]["cluster"]
    run("name", "taxonomy_1", str(number), "Cases for iPhone XR", "--store", location)
    again = json.loads(run("name", "taxonomy_1", "--json", "--store", location).stdout)
    assert [row["name"] for row in again if row["edited"]] == ["Cases for iPhone XR"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("taxonomy", "--levels", "5..2"),
            "'5..2' is neither a number of levels, such as 3, nor a range, such as 2..5",
        ),
        (
            ("taxonomy", "--show", "--levels", "3", "--within", "taxonomy_1=3"),
            "--show shows the whole taxonomy as it is: leave --levels and --within away",
        ),
        (
            ("taxonomy", "--levels", "3", "--within", "taxonomy_1=3"),
            "below a branch there are as many levels as before: leave --levels away",
        ),
        (("taxonomy", "--within", "shelf=3"), "'shelf=3' is no branch: write for example taxonomy_1=3"),
        (("name", "shelf", "3"), 'give the cluster a name: assort name similarity 12 "Cases for iPhone XR"'),
    ],
)
def test_wrong_usage_is_explained(arguments, message, location):
    assert message in run(*arguments, "--store", location, code=2).output
