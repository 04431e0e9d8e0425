import json

import pytest
from click.testing import CliRunner

from service.cli import main
from service.cli.explore import COMMANDS


@pytest.fixture(autouse=True)
def words(monkeypatch, embedder):
    monkeypatch.setattr("service.cli.index.TextEmbedder", lambda name, on_load: embedder)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    group = type(main)("assort", commands={**main.commands, **{command.name: command for command in COMMANDS}})

    def invoke(*arguments):
        return CliRunner().invoke(group, [str(argument) for argument in arguments])

    return invoke


@pytest.fixture
def shop(run, tmp_path):
    lines = [
        {"asin": f"{kind}{n}", "title": f"{kind} " * 5 + str(n), "brand": kind.title(), "price": f"${5 + n}"}
        for kind in ("case", "cable", "phone")
        for n in range(3)
    ]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("index", "shop.jsonl").exit_code == 0
    return run


def test_explore_prints_a_summary_and_writes_a_page_with_its_pictures(shop, tmp_path):
    done = shop("explore")
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        "9 products, 3 fields: title, brand, price",
        "no field has a gap",
        "price: 5 to 7, half between 5 and 7, median 6",
        "brand: 3 values, most often Cable 3, Case 3, Phone 3",
    ]
    assert done.stderr.endswith("written: explore/explore.html and 4 pictures beside it\n")
    assert (tmp_path / "explore" / "explore-prices.png").read_bytes().startswith(b"\x89PNG")


def test_explore_as_json_is_complete_and_nothing_else(shop):
    found = json.loads(shop("explore", "--json", "--out", "here", "--sample", 4, "--quiet").stdout)
    assert (found["products"], found["sampled"]) == (9, 4)
    assert found["files"][0] == "here/explore.html"


def test_explore_names_an_empty_store(run):
    done = run("explore")
    assert done.exit_code == 1
    assert "run `assort index CATALOGUE` first" in done.stderr


@pytest.fixture
def clustered(shop):
    done = shop("cluster", "shelf", "--method", "agglomerative", "--set", "k=3")
    assert done.exit_code == 0, done.output
    return shop


def test_report_writes_the_page_of_a_label(clustered, tmp_path):
    done = clustered("report", "shelf", "--truth", "brand", "--out", "out")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("shelf: 9 products in 3 clusters, silhouette ")
    assert done.stdout.endswith("V-measure 1.000 against brand\n")
    page = (tmp_path / "out" / "shelf.html").read_text()
    assert "<title>Label &#x27;shelf&#x27; of the collection &#x27;products&#x27;</title>" in page
    assert (tmp_path / "out" / "shelf-confusion.png").is_file()


def test_report_as_json_is_complete_and_nothing_else(clustered):
    found = json.loads(clustered("report", "shelf", "--json", "--quiet").stdout)
    assert found["settings"] == {"k": 3}
    assert [each["size"] for each in found["clusters"]] == [3, 3, 3]
    assert found["files"][0] == "report/shelf.html"


def test_report_names_a_label_that_is_not_there(shop):
    done = shop("report", "shelf")
    assert done.exit_code == 1
    assert "there is no label 'shelf'" in done.stderr
