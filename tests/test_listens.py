import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from indexer.catalogue import CatalogueError, Catalogues
from indexer.catalogue.listens import Aggregate, read_listens

LINES = "user,artist,plays,country\nu1,a,3,PT\nu2,b,1,UK\nu1,b,4,PT\nu1,a,2,FR\n"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "music" / "lastfm_user_artists.dat.gz"


@pytest.fixture
def read(tmp_path):
    def reading(text, over="artist", times="plays", name="listens.csv", **options):
        (tmp_path / name).write_text(text)
        mapping = {"product_id": ("user",), "country": ("country",)}
        catalogues = Catalogues((tmp_path / name,), {"mapping": mapping, **options})
        return read_listens(catalogues, Aggregate(over, times))

    return reading


def test_lines_of_a_product_are_added_up_and_the_first_gives_its_fields(read):
    listens = read(LINES)
    assert [(each.product_id, dict(each.fields), each.line) for each in listens.products] == [
        ("u1", {"country": "PT"}, 2),
        ("u2", {"country": "UK"}, 3),
    ]
    assert (listens.values, listens.counts.toarray().tolist()) == (["a", "b"], [[5, 4], [0, 1]])
    assert (listens.lines, listens.rejected) == (4, [])


def test_a_line_takes_few_bytes_until_all_are_added_up(read):
    lines = 20_000
    text = "user,artist,plays,country\n" + "u1,a,3,PT\n" * lines
    tracemalloc.start()
    listens = read(text)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert listens.counts.toarray().tolist() == [[3 * lines]]
    assert peak < 100 * lines


def test_swapping_the_columns_makes_a_product_of_each_artist(read):
    listens = read(LINES, over="user", mapping={"product_id": ("artist",)})
    assert [each.product_id for each in listens.products] == ["a", "b"]
    assert (listens.values, listens.counts.toarray().tolist()) == (["u1", "u2"], [[5, 0], [4, 1]])


@pytest.mark.parametrize("count", ["", "many", "nan", "inf", "-2", "0"])
def test_a_line_that_does_not_say_how_often_is_rejected(read, count):
    listens = read(LINES + f"u3,a,{count},PT\n")
    (rejected,) = listens.rejected
    assert (rejected.line, rejected.reason) == (6, "plays is no number above 0")
    assert rejected.text == f"product_id u3, artist a, plays {count}"
    assert len(listens.products) == 2


def test_a_line_without_what_was_played_or_without_its_product_is_rejected(read):
    listens = read(LINES + "u3,,7,PT\n,a,7,PT\n")
    assert [each.reason for each in listens.rejected] == ["no artist", "no product id"]
    assert listens.lines == 6


def test_numbers_are_read_however_they_are_written(read):
    assert read("user,artist,plays\nu1,007,1e3\nu1,7,.5\n", mapping={}).counts.toarray().tolist() == [[1000, 0.5]]


def test_the_product_is_the_column_that_is_left_or_the_one_that_says_it_holds_ids(read):
    assert [each.product_id for each in read("user,artist,plays\nu1,a,3\n", mapping={}).products] == ["u1"]
    text = "song,product_id,user,plays\nx,p1,u1,3\n"
    assert [each.product_id for each in read(text, over="user", mapping={}).products] == ["p1"]
    with pytest.raises(CatalogueError, match=r"no column holds a product id, there are 'user', .*: add `--id COLUMN`"):
        read(LINES, mapping={})


def test_what_is_counted_is_never_taken_for_the_product(read):
    listens = read("user,item_id,plays\nu1,i1,3\n", over="item_id", mapping={})
    assert ([each.product_id for each in listens.products], listens.values) == (["u1"], ["i1"])
    with pytest.raises(CatalogueError, match="no column holds a product id"):
        read("who,item_id,plays,country\nu1,i1,3,PT\n", over="item_id", mapping={})


def test_a_column_that_is_not_there_is_named_with_the_one_that_is_meant(read):
    with pytest.raises(CatalogueError) as error:
        read(LINES, times="play")
    assert str(error.value).endswith(
        "listens.csv, line 1: there is no column 'play' for --aggregate, there are 'user', 'artist', 'plays', "
        "'country': did you mean 'plays'?"
    )


def test_a_table_of_which_no_line_can_be_used_is_refused(read):
    with pytest.raises(CatalogueError, match=r"no line says how often, the last was rejected as 'plays is no number"):
        read("user,artist,plays,country\nu1,a,x,PT\n")
    with pytest.raises(CatalogueError, match="holds no product"):
        read("user,artist,plays,country\n")


def test_lines_of_json_are_read_too(read):
    lines = '{"user": "u1", "artist": "a", "plays": 3}\n{"user": "u1", "artist": "b", "plays": 2.5}\n'
    listens = read(lines, name="listens.jsonl", mapping={"product_id": ("user",)})
    assert listens.counts.toarray().tolist() == [[3, 2.5]]


@pytest.mark.skipif(not SHARED.exists(), reason="the real listens are not here")
def test_the_listens_of_last_fm_make_a_product_of_each_listener(tmp_path):
    lines = gzip.decompress(SHARED.read_bytes()).decode().splitlines()[2:10_002]
    (tmp_path / "plays.tsv").write_text("\n".join(lines))
    catalogues = Catalogues((tmp_path / "plays.tsv",), {"header": False})
    listens = read_listens(catalogues, Aggregate("2", "3"))
    table = np.array([line.split("\t") for line in lines], dtype=int)
    assert len(listens.products) == len(set(table[:, 0]))
    assert listens.counts.sum() == table[:, 2].sum()
    assert listens.rejected == []
