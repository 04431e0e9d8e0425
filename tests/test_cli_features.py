import json

import pytest
from click.testing import CliRunner

from service.cli import main

TRACKS = """id,bpm,energy,genre,mode,notes
a,100,0.5,rock,1,x
b,110,0.6,rock,1,y
c,180,,jazz,1,z
d,abc,0.1,jazz,1,
e,,,,1,
"""
LISTENS = "user_id,track_id,play_count\nu1,t1,5\nu1,t2,4\nu2,t1,6\nu2,t2,3\nu3,t3,7\nu4,t1,none\nu5,,3\n"


@pytest.fixture
def run(tmp_path, monkeypatch, embedder):
    monkeypatch.setattr("service.cli.index.TextEmbedder", lambda name, on_load: embedder)
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tracks.csv").write_text(TRACKS)
    (tmp_path / "listens.csv").write_text(LISTENS)

    def invoke(*arguments):
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return invoke


def nearest(run, product_id):
    done = run("similar", product_id, "--by", "features", "--json")
    return [each["product_id"] for each in json.loads(done.stdout)]


def test_tracks_without_a_title_are_indexed_by_their_numbers_and_found_by_them(run):
    done = run("index", "tracks.csv", "--numeric", "bpm,energy,mode", "--categorical", "genre")
    assert done.exit_code == 0
    assert done.stdout == (
        "5 lines read: 5 new products, 5 embedded, 0 updated without embedding, 0 unchanged, 0 duplicates, 0 rejected\n"
        "the store holds 5 products\n"
        "5 products: 4 feature vectors of 4 columns written, 0 unchanged, 1 products without one\n"
        "  bpm, missing and filled in with the median: 1; no finite number: 1\n"
        "  energy, missing and filled in with the median: 1\n"
        "  left out, the same in all products: mode\n"
    )
    assert nearest(run, "a") == ["b", "d", "c"]
    shown = json.loads(run("show", "a", "--json").stdout)
    assert (shown["title"], shown["fields"]) == ("a", {"bpm": 100, "energy": 0.5, "genre": "rock", "mode": 1})
    assert json.loads(run("info", "--json").stdout)["feature_model"].startswith("columns ")


def test_a_later_run_without_the_options_keeps_the_columns_and_the_scaler(run, tmp_path):
    run("index", "tracks.csv", "--numeric", "bpm", "--categorical", "genre", "--scale", "minmax")
    (tmp_path / "more.csv").write_text("id,bpm,genre\nf,100,polka\n")
    done = run("index", "more.csv", "--json")
    made = json.loads(done.stdout)["features"]
    assert (made["products"], made["written"], made["unchanged"], made["fitted"]) == (6, 1, 4, False)
    assert "features: made as the first run fitted them; --refit fits them again\n" in done.stderr
    (tmp_path / "other.csv").write_text("id,genre\ng,jazz\n")
    done = run("index", "more.csv", "other.csv")
    assert "features: not every SOURCE has bpm, so that this run reads none of it\n" in done.stderr
    assert json.loads(run("show", "f", "--json").stdout)["fields"] == {"genre": "polka"}
    again = run("index", "tracks.csv", "--numeric", "bpm", "--categorical", "genre")  # the scale stays, too
    assert "0 feature vectors of 3 columns written, 6 unchanged, 1 products without one" in again.stdout


def test_refitting_is_said(run):
    run("index", "tracks.csv", "--numeric", "bpm")
    assert "features: fitted again, all vectors are made anew\n" in run("index", "tracks.csv", "--refit").stderr
    done = run("index", "tracks.csv", "--numeric", "bpm,energy")
    assert "features: other columns or another scale than before, so they are fitted again\n" in done.stderr
    assert "4 feature vectors of 2 columns written" in done.stdout


def test_fields_that_the_reader_knows_or_that_are_mapped_will_do(run, tmp_path):
    (tmp_path / "shop.csv").write_text("sku,name,sale price,Beats per minute\nx,one,5.5,100\ny,two,7,120\n")
    mapped = ("--map", "bpm=Beats per minute", "--map", "price=sale price")
    done = run("index", "shop.csv", *mapped, "--numeric", "price,bpm", "--categorical", "title", "--map", "title=name")
    assert "2 feature vectors of 4 columns written" in done.stdout


def test_a_column_that_is_not_there_is_told_before_anything_is_embedded(run, tmp_path, embedder):
    done = run("index", "tracks.csv", "--numeric", "bpm,Enrgy")
    assert (done.exit_code, done.stderr) == (
        1,
        "Error: tracks.csv, line 1: there is no column 'Enrgy' for --numeric, there are 'id', 'bpm', 'energy', "
        "'genre', 'mode', 'notes': did you mean 'energy'?\n",
    )
    (tmp_path / "tracks.jsonl").write_text('{"id": "a", "title": "one", "bpm": 3}\n')
    done = run("index", "tracks.jsonl", "--categorical", "zzz")
    assert done.exit_code == 1
    assert "there is no column 'zzz' for --categorical, there are 'id', 'title', 'bpm': correct --categorical" in (
        done.stderr
    )
    assert run("index", "tracks.csv", "--numeric", "price").exit_code == 1
    assert embedder.embedded == []
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--scale", "minmax"], "--scale is for --numeric and --categorical"),
        (["--numeric", "bpm", "--categorical", "bpm"], "'bpm' is both --numeric and --categorical: give it to one"),
        (["--numeric", "bpm", "--aggregate", "a:b"], "--aggregate makes the features of counts: leave --numeric"),
        (["--numeric", "a b"], "a field's name is letters, digits, - and _, got 'a b': call it otherwise with --map"),
        (["--numeric", "identity"], "'identity' is a label that `assort cluster` writes"),
        (["--aggregate", "user_id"], "'user_id' is not ENTITY:COUNT, for example artist_id:play_count"),
        (["--aggregate", "n:n"], "'n:n' is not ENTITY:COUNT"),
        (["--refit"], "--refit is for features: name their columns with --numeric or --aggregate"),
        (["--id", "id", "--map", "product_id=id"], "--id and --map product_id say the same: give one of them"),
    ],
)
def test_options_that_do_not_go_together_are_wrong_usage(run, options, problem):
    done = run("index", "tracks.csv", *options)
    assert done.exit_code == 2
    assert problem in done.stderr.replace("\n", " ")


def test_constant_columns_alone_are_refused_and_the_products_are_kept(run):
    done = run("index", "tracks.csv", "--numeric", "mode")
    assert done.exit_code == 1
    assert "Error: every column has the same value in all products (mode), so that they tell nothing" in done.stderr
    assert json.loads(run("info", "--json").stdout)["products"] == 5


def test_listens_make_one_product_a_user_or_one_a_track(run):
    done = run("index", "listens.csv", "--id", "user_id", "--aggregate", "track_id:play_count")
    assert done.exit_code == 0
    assert "7 lines make 3 products, by how often (play_count) each of 3 track_id stands with them\n" in done.stderr
    assert done.stdout.startswith("5 products and bad lines read: 3 new products, 3 embedded,")
    assert "  rejected, play_count is no number above 0: 1\n  rejected, no track_id: 1\n" in done.stdout
    assert "3 products: 3 feature vectors of 3 columns written, 0 unchanged, 0 products without one" in done.stdout
    assert nearest(run, "u1") == ["u2", "u3"]
    done = run("index", "listens.csv", "--aggregate", "user_id:play_count", "--collection", "tracks")  # as it is left
    assert "3 new products" in done.stdout
    assert "no column holds" not in done.stderr


def test_listeners_are_grouped_by_what_they_play_where_nobody_says_by_what(run, tmp_path):
    lines = [f"u{n},{kind}{song},{song + 1}" for n, kind in enumerate(8 * ["rock"] + 8 * ["jazz"]) for song in range(3)]
    (tmp_path / "plays.csv").write_text("\n".join(["user_id,track_id,play_count", *lines]))
    done = run("index", "plays.csv", "--id", "user_id", "--aggregate", "track_id:play_count")
    assert done.stderr.endswith("next: assort cluster taste --method leiden\n")
    assert json.loads(run("choose-k", "--range", "2:4", "--json").stdout)["on"] == "features"
    assert {row["product_id"] for row in json.loads(run("similar", "u0", "--limit", "7", "--json").stdout)} == {
        f"u{n}" for n in range(1, 8)
    }
    (row,) = json.loads(run("compare", "kmeans", "--k", "2", "--json").stdout)
    assert row["silhouette"] > 0.99  # which texts that are ids could not have
    assert "taxonomy: 16 products by their features\n" in run("taxonomy", "--levels", "1").stderr
    run("cluster", "taste", "--method", "kmeans", "--k", "2")
    names = {row["name"] for row in json.loads(run("labels", "taste", "--json").stdout)}
    assert names == {"rock2, rock1, rock0", "jazz2, jazz1, jazz0"}


def test_listens_are_put_on_products_that_are_there_under_their_names(run, tmp_path):
    (tmp_path / "names.csv").write_text("id,name\nt1,one song\nt2,another\n")
    run("index", "names.csv")
    done = run("index", "listens.csv", "--id", "track_id", "--aggregate", "user_id:play_count")
    assert "1 new products, 1 embedded, 0 updated without embedding, 2 unchanged" in done.stdout
    found = json.loads(run("similar", "t1", "--by", "features", "--json").stdout)
    assert [each["title"] for each in found] == ["another", "t3"]
    (tmp_path / "one.csv").write_text("id,name\nt9,new song\n")
    done = run("index", "one.csv")
    assert "features are made of user_id:play_count: new products have none before index --aggregate" in done.stderr
    more = run("index", "listens.csv", "--id", "track_id", "--aggregate", "user_id:play_count")
    assert "0 feature vectors of 3 columns written, 3 unchanged" in more.stdout


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (("--map", "shelf=notes"), "shelf"),
        (("--set", "shelf=x"), "shelf"),
        (("--map", "shelf_p=bpm"), "shelf_p"),
        (("--categorical", "genre"), "genre"),
    ],
)
def test_a_field_that_is_called_like_a_label_is_refused_before_anything_is_embedded(run, embedder, options, name):
    run("index", "tracks.csv", "--map", "title=notes")
    label = name.removesuffix("_p")
    assert run("cluster", label, "--method", "kmeans", "--k", "2").exit_code == 0
    embedder.embedded.clear()
    done = run("index", "tracks.csv", "--map", "title=id", *options)
    assert done.exit_code == 2
    assert f"'{name}' belongs to the label '{label}' of this collection: call the field otherwise" in done.stderr
    assert embedder.embedded == []


def test_a_collection_without_features_says_how_to_get_some(run):
    run("index", "tracks.csv", "--map", "title=notes")
    done = run("similar", "a", "--by", "features")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: collection 'products' has no vector 'features', only text: "
        "run `assort index CATALOGUE --numeric COLUMN,...`, or --aggregate for listens\n"
    )


def test_a_product_without_features_says_so(run):
    run("index", "tracks.csv", "--numeric", "bpm")
    done = run("similar", "e", "--by", "features")
    assert done.exit_code == 1
    assert "product 'e' has no vector 'features': ask `--by text`" in done.stderr


def test_an_empty_table_is_named_and_makes_no_store(run, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    for options in (["--numeric", "bpm"], ["--aggregate", "a:b"]):
        done = run("index", "empty.csv", *options)
        assert (done.exit_code, done.stderr) == (1, "Error: empty.csv: is empty: there is nothing to read\n")
    assert not (tmp_path / "store").exists()


def test_clusters_made_on_features_are_named_by_their_columns_and_not_by_titles(run, tmp_path):
    sorts = {"calm": (60, 0.1), "loud": (180, 0.9)}
    lines = [
        f"{mood}{n},feat song ao vivo,{bpm + n},{energy}" for mood, (bpm, energy) in sorts.items() for n in range(9)
    ]
    (tmp_path / "songs.csv").write_text("\n".join(["id,title,bpm,energy", *lines]))
    run("index", "songs.csv", "--numeric", "bpm,energy")
    assert run("cluster", "mood", "--method", "kmeans", "--k", "2", "--on", "features").exit_code == 0
    found = {"low energy, low bpm", "high energy, high bpm"}
    assert {row["name"] for row in json.loads(run("labels", "mood", "--json").stdout)} == found
    assert {row["name"] for row in json.loads(run("name", "mood", "--json").stdout)} == found
