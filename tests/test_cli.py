"""Wrong input of every kind, with the message it gets."""

import gzip
import json

import pytest
from click.testing import CliRunner

from indexer.products import Rejected
from service.cli import main


@pytest.fixture(autouse=True)
def words(monkeypatch, embedder):
    """Index with word vectors: these tests are about messages, not about meaning."""
    monkeypatch.setattr("service.cli.index.TextEmbedder", lambda name, on_load: embedder)
    monkeypatch.setattr("service.lookup.TextEmbedder", lambda name: embedder)


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("ASSORT_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def invoke(*arguments, stdin=None):
        return CliRunner().invoke(main, [str(argument) for argument in arguments], input=stdin)

    return invoke


@pytest.fixture
def shop(run, tmp_path):
    lines = [
        {"asin": "A", "title": "red case", "brand": "Shell", "price": "$5", "also_buy": ["B"]},
        {"asin": "B", "title": "blue case", "brand": "Shell", "price": "$6"},
        {"asin": "C", "title": "usb cable", "brand": "Wire"},
    ]
    (tmp_path / "shop.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert run("index", "shop.jsonl").exit_code == 0
    return run


def test_a_catalogue_that_is_absent_is_named_and_no_store_is_made(run, tmp_path):
    done = run("index", "absent.csv")
    assert (done.exit_code, done.stderr) == (1, "Error: absent.csv: does not exist: check the path\n")
    assert not (tmp_path / "store").exists()


def test_an_empty_catalogue_is_named(run, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    done = run("index", "empty.csv")
    assert done.exit_code == 1
    assert "Error: empty.csv: is empty: there is nothing to read" in done.stderr


def test_a_truncated_archive_keeps_what_was_read_and_says_the_line(run, tmp_path):
    lines = "".join(json.dumps({"asin": f"A{n}", "title": f"case number {n * 7919}"}) + "\n" for n in range(2000))
    packed = gzip.compress(lines.encode())
    (tmp_path / "cut.jsonl.gz").write_bytes(packed[: len(packed) // 2])
    done = run("index", "cut.jsonl.gz")
    assert done.exit_code == 1
    assert "the compressed file ends too early: get it again" in done.stderr
    assert "Everything before it is in the store." in done.stderr
    kept = int(run("info", "--json").stdout.split('"products": ')[1].split(",")[0])
    assert 200 < kept < 2000


def test_a_wrong_encoding_names_the_line_and_the_way_out(run, tmp_path):
    (tmp_path / "latin.csv").write_bytes("id,title\n1,case\n2,caf\xe9\n".encode("latin-1"))
    done = run("index", "latin.csv")
    assert done.exit_code == 1
    assert "latin.csv, line 3: is not utf-8 text: name the file's encoding, such as `--encoding latin-1`" in done.stderr
    assert run("index", "latin.csv", "--encoding", "latin-1").exit_code == 0


def test_a_missing_column_names_those_that_are_there(run, tmp_path):
    (tmp_path / "a.csv").write_text("sku,label\n1,case\n")
    done = run("index", "a.csv", "--map", "title=name")
    assert done.exit_code == 1
    assert "there is no column 'name' for title, there are 'sku', 'label': correct `--map title=COLUMN`" in done.stderr


@pytest.mark.parametrize("pair", ["title", "=name", "title="])
def test_a_map_that_is_no_pair_is_wrong_usage(run, pair):
    done = run("index", "a.csv", "--map", pair)
    assert done.exit_code == 2
    assert "is not FIELD=COLUMN, for example title=product_name" in done.stderr


def test_a_column_cannot_take_a_labels_name(run):
    done = run("index", "a.csv", "--map", "identity=cluster")
    assert done.exit_code == 2
    assert "'identity' is a label that `assort cluster` writes: map the column to another name" in done.stderr


def test_an_unfinished_catalogue_deletes_nothing(shop, tmp_path):
    (tmp_path / "cut.csv").write_bytes(b"id,title\nZ,case\n1,\xe9\n")
    assert shop("index", "cut.csv", "--delete-missing").exit_code == 1
    assert json.loads(shop("info", "--json").stdout)["products"] == 4


def test_rejected_lines_are_summed_up_and_written_where_asked(run, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"asin": "A", "title": "case"}\nnonsense\n{"title": "no id"}\n')
    done = run("index", "a.jsonl", "--rejects", "bad.jsonl")
    assert "2 rejected" in done.stdout
    assert "rejected, not JSON: 1" in done.stdout
    assert [json.loads(line)["line"] for line in (tmp_path / "bad.jsonl").read_text().splitlines()] == [2, 3]


def test_another_model_is_refused_with_the_way_out(shop, embedder):
    embedder.name = "other"
    done = shop("index", "shop.jsonl", "--text-model", "other")
    assert done.exit_code == 1
    assert "was made with text model 'words', got 'other': use --text-model words, or index into another" in done.stderr


@pytest.mark.parametrize(
    "command",
    [["similar", "A"], ["labels"], ["products"], ["info"], ["cluster", "all"], ["export", "a.csv"], ["search", "x"]],
)
def test_every_question_to_a_store_that_is_not_there_says_what_to_run_first(run, command):
    done = run(*command)
    assert done.exit_code == 1
    assert done.stderr.startswith("Error: there is no collection 'products' at ")
    assert done.stderr.endswith("run `assort index CATALOGUE` first\n")


def test_an_unknown_product_is_named(shop):
    for command in ("similar", "show"):
        done = shop(command, "nobody")
        assert done.exit_code == 1
        assert "product 'nobody' is not in collection 'products': `assort search` finds ids by words" in done.stderr


def test_only_unknown_products_among_several_fail(shop):
    done = shop("similar", "x", "y", "--json")
    assert done.exit_code == 1
    assert "2 of 2 ids are not in the store: x, y" in done.stderr


def test_complements_before_a_run_say_what_to_run(shop):
    done = shop("complements", "A")
    assert done.exit_code == 1
    assert "has no complements: `assort cluster complementary` ranks them, from also_buy" in done.stderr


@pytest.mark.parametrize("expression", ["brand", "price<cheap", "brand="])
def test_a_filter_that_is_none_is_wrong_usage(shop, expression):
    assert shop("products", "--where", expression).exit_code == 2


def test_a_filter_on_a_field_that_is_not_there_names_those_that_are(shop):
    done = shop("products", "--where", "colour=red")
    assert done.exit_code == 1
    assert "there is no field 'colour' to filter on: known are product_id, title, brand" in done.stderr


def test_a_label_that_was_never_made_is_named(shop):
    done = shop("labels", "genre")
    assert done.exit_code == 1
    assert "there is no label 'genre': `assort cluster genre --method METHOD` or `assort cluster all` makes labels" in (
        done.stderr
    )


@pytest.mark.parametrize("k", ["0", "-1", "many"])
def test_a_number_of_cells_that_is_none_is_wrong_usage(shop, k):
    done = shop("cluster", "identity", f"--k={k}")
    assert done.exit_code == 2
    assert f"'{k}' is neither auto nor a whole number from 1" in done.stderr


def test_more_cells_than_products_are_refused(shop):
    done = shop("cluster", "identity", "--k", "4")
    assert (done.exit_code, "k must be between 1 and 3 for 3 products, got 4" in done.stderr) == (1, True)


def test_an_export_to_an_unknown_format_is_refused(shop):
    done = shop("export", "all.xlsx")
    assert done.exit_code == 1
    assert "'all.xlsx' must end in .csv, .parquet, .jsonl, got '.xlsx'" in done.stderr


def test_an_empty_search_is_refused(shop):
    done = shop("search", "  ")
    assert done.exit_code == 1
    assert "the text to search for is empty" in done.stderr


def test_a_path_that_cannot_be_used_is_named_with_what_to_look_at(run, tmp_path):
    (tmp_path / "file").write_text("")
    done = run("sample", "file/shop")
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: 'file/shop' cannot be used (Not a directory): check its path, its rights and the room on the disk\n"
    )


def test_a_sample_too_small_is_refused(run):
    done = run("sample", "s", "--products", "3")
    assert done.exit_code == 1
    assert "products must be at least 50" in done.stderr


def test_a_store_in_use_is_named(shop, tmp_path):
    from indexer.store import open_store

    with open_store(str(tmp_path / "store")):
        done = shop("info")
    assert done.exit_code == 1
    assert "is in use by process" in done.stderr


def test_a_tiny_catalogue_can_be_clustered_and_asked(shop):
    assert shop("cluster", "all", "--quiet").exit_code == 0
    assert json.loads(shop("complements", "A", "--json").stdout)[0]["product_id"] == "B"
    assert len(json.loads(shop("similar", "A", "--json").stdout)) == 2


def test_a_catalogue_without_links_gets_no_complementary_clusters_and_is_told_why(run, tmp_path):
    (tmp_path / "a.csv").write_text("id,title\n1,red case\n2,blue case\n3,cable\n")
    run("index", "a.csv")
    done = run("cluster", "all")
    assert done.exit_code == 0, done.output
    assert "complementary: skipped, no product is linked to another one here by also_buy" in done.stderr
    assert [row["label"] for row in json.loads(run("labels", "--json").stdout)] == [
        "identity_cell",
        "identity",
        "similarity",
    ]
    alone = run("cluster", "complementary")
    assert alone.exit_code == 1
    assert "Error: nothing to cluster: no product is linked to another one here" in alone.stderr


def test_one_product_alone_can_be_clustered(run, tmp_path):
    (tmp_path / "one.csv").write_text("id,title\n1,case\n")
    run("index", "one.csv")
    done = run("cluster", "all")
    assert done.exit_code == 0, done.output
    assert json.loads(run("show", "1", "--json").stdout)["identity"] == 0


def test_a_mistake_of_ours_is_not_dressed_up_as_the_users(shop, monkeypatch):
    def broken(*_, **__):
        raise KeyError("oops")

    monkeypatch.setattr("service.lookup.similar", broken)
    assert isinstance(shop("similar", "A").exception, KeyError)


def test_the_rejects_file_cannot_be_the_catalogue(shop, tmp_path):
    done = shop("index", "shop.jsonl", "--rejects", "./shop.jsonl")
    assert done.exit_code == 2
    assert "'shop.jsonl' is a SOURCE: rejected lines need a file of their own" in done.stderr
    assert (tmp_path / "shop.jsonl").exists()


def test_the_rejects_of_an_earlier_run_go_when_there_are_none_left(run, tmp_path):
    (tmp_path / "a.jsonl").write_text('{"asin": "A", "title": "case"}\nnonsense\n')
    run("index", "a.jsonl", "--rejects", "bad.jsonl")
    assert (tmp_path / "bad.jsonl").exists()
    (tmp_path / "a.jsonl").write_text('{"asin": "A", "title": "case"}\n')
    run("index", "a.jsonl", "--rejects", "bad.jsonl")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.jsonl", "store"]


def test_a_part_of_a_catalogue_cannot_delete_the_rest(shop):
    done = shop("index", "shop.jsonl", "--limit", "1", "--delete-missing")
    assert done.exit_code == 2
    assert "--limit reads only part of a catalogue: --delete-missing would remove the rest" in done.stderr


def test_a_text_field_that_is_not_there_is_wrong_usage(run):
    done = run("index", "a.csv", "--text-fields", "titel")
    assert done.exit_code == 2
    assert "there is no field 'titel' for --text-fields: known are product_id, title" in done.stderr


def test_a_field_name_that_could_not_be_asked_for_is_wrong_usage(run):
    done = run("index", "a.csv", "--map", "my col=year")
    assert done.exit_code == 2
    assert "a field's name is letters, digits, - and _, got 'my col'" in done.stderr


def test_sources_after_one_that_breaks_off_are_named_as_not_read(run, tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "good.csv").write_text("id,title\n1,case\n")
    done = run("index", "empty.csv", "good.csv")
    assert done.exit_code == 1
    assert "Not read: good.csv." in done.stderr


@pytest.mark.parametrize(("value", "message"), [("inf", "got 'inf'"), ("1e30", "got 1e+30"), ("nan", "got 'nan'")])
def test_numbers_no_label_can_have_are_refused(shop, value, message):
    shop("cluster", "all", "--quiet")
    done = shop("products", "--where", f"identity={value}")
    assert (done.exit_code, message in done.stderr) == (1, True)


def test_ids_on_stdin_may_hold_spaces(run, tmp_path):
    (tmp_path / "a.csv").write_text("id,title\nA 1,case\nB,red case\n")
    run("index", "a.csv")
    assert list(json.loads(run("similar", "-", "--json", stdin="A 1\n\nB\n").stdout)) == ["A 1", "B"]


def test_complements_that_are_half_written_are_shown_to_nobody(shop, tmp_path):
    from dataclasses import replace

    from indexer.store import open_store

    shop("cluster", "all", "--quiet")
    with open_store(str(tmp_path / "store")) as store:
        store.records.save_settings(replace(store.records.settings(), unfinished=("complementary",)))
    done = shop("complements", "A")
    assert done.exit_code == 1
    assert "label 'complementary' is half written by a run cut short: run `assort cluster` again" in done.stderr


def test_complementary_labels_are_forgotten_when_the_links_are_gone(shop, tmp_path):
    shop("cluster", "all", "--quiet")
    text = (tmp_path / "shop.jsonl").read_text().replace(', "also_buy": ["B"]', "")
    (tmp_path / "shop.jsonl").write_text(text)
    shop("index", "shop.jsonl")
    shop("cluster", "all", "--quiet")
    assert "complementary" not in shop("labels", "--json").stdout
    assert json.loads(shop("similar", "A", "--json").stdout)[0]["complementary"] is None
    assert "complementary" not in json.loads(shop("show", "A", "--json").stdout)
    assert shop("complements", "A").exit_code == 1


def test_a_run_of_one_kind_does_not_hide_that_another_was_cut_short(shop, tmp_path):
    from indexer.store import new_run, open_store

    with open_store(str(tmp_path / "store")) as store:
        store.records.save_run(new_run("cluster", {"kinds": ["identity"]}))
    shop("cluster", "similarity", "--quiet")
    assert len(json.loads(shop("info", "--json").stdout)["cut_short"]) == 1
    shop("cluster", "identity", "--quiet")
    assert json.loads(shop("info", "--json").stdout)["cut_short"] == []


def test_a_wrong_number_of_cells_leaves_no_run_behind(shop):
    shop("cluster", "identity", "--k", "4")
    assert json.loads(shop("info", "--json").stdout)["runs"] == 1


def test_quiet_says_nothing_but_the_result(shop):
    done = shop("cluster", "all", "--quiet", "--json")
    assert done.stderr == ""
    assert set(json.loads(done.stdout)) == {"identity", "similarity", "complementary"}


def test_index_reports_as_json_too(shop):
    done = shop("index", "shop.jsonl", "--json", "--quiet")
    summary = json.loads(done.stdout)
    assert (summary["unchanged"], summary["products"], summary["rejected"]) == (3, 3, {})


def test_a_label_that_is_not_among_those_made_names_them(shop):
    shop("cluster", "identity", "--quiet")
    assert "there is no label 'genre': there are identity_cell, identity" in shop("labels", "genre").stderr


def test_a_catalogue_without_one_usable_line_fails_and_binds_nothing(run, tmp_path, embedder):
    (tmp_path / "a.csv").write_text("id,label\n1,case\n2,cable\n")
    done = run("index", "a.csv")
    assert done.exit_code == 1
    assert "every line was rejected: check the columns, for example with --map title=COLUMN" in done.stderr
    (tmp_path / "empty.csv").write_text("id,title\n")
    other = run("index", "empty.csv", "--store", "other", "--text-fields", "brand")
    assert other.exit_code == 1
    assert not (tmp_path / "other").exists()


def test_the_model_is_not_loaded_when_nothing_changed(shop, monkeypatch):
    def unavailable(name, on_load):
        class Unloaded:
            dim = property(lambda self: pytest.fail("the model was loaded"))

            def embed(self, texts):
                pytest.fail("the model was loaded")

        unloaded = Unloaded()
        unloaded.name = "words"
        return unloaded

    monkeypatch.setattr("service.cli.index.TextEmbedder", unavailable)
    assert "3 unchanged" in shop("index", "shop.jsonl").stdout


@pytest.mark.parametrize("location", ["htp://x", "ftp://x/y"])
def test_a_location_that_is_no_http_url_is_refused(run, location):
    assert (
        f"a server's URL begins with http:// or https://, got '{location}'" in run("info", "--store", location).stderr
    )


def test_a_push_to_what_is_no_url_is_wrong_usage(shop, tmp_path):
    assert shop("push", "notaurl").exit_code == 2
    assert not (tmp_path / "notaurl").exists()


def test_a_store_path_that_is_a_file_is_named(run, tmp_path):
    (tmp_path / "afile").write_text("")
    assert "store 'afile' is a file: give --store a folder" in run("info", "--store", "afile").stderr


def test_an_export_into_a_folder_that_is_not_there_is_named(shop):
    assert (
        "there is no folder 'no/where' to write 'a.csv' into: make it first" in shop("export", "no/where/a.csv").stderr
    )


def test_a_list_that_is_cut_says_how_many_there_are(shop):
    done = shop("products", "--limit", "2", "--json")
    assert len(json.loads(done.stdout)) == 2
    assert done.stderr == "2 of 3 shown: --limit 3 shows all\n"


def test_products_named_on_stdin_are_removed(shop):
    assert shop("delete", "-", stdin="A\nB\n").stdout == "2 products removed\n"
    assert json.loads(shop("info", "--json").stdout)["products"] == 1


@pytest.mark.parametrize("expression", ["price<nan", "price>=inf"])
def test_what_is_no_finite_number_orders_nothing(shop, expression):
    done = shop("products", "--where", expression)
    assert done.exit_code == 2
    assert "needs one number on the right" in done.stderr


def test_a_resolution_that_is_no_number_is_refused(shop):
    done = shop("cluster", "similarity", "--resolution", "nan")
    assert done.exit_code == 1
    assert "similarity_resolution must be greater than 0, got nan" in done.stderr


def test_a_field_name_close_to_a_known_one_is_remarked(run, tmp_path):
    (tmp_path / "a.csv").write_text("id,title,bar\n1,case,x\n")
    assert (
        "'tilte' is kept as a field of your own: did you mean title?"
        in run("index", "a.csv", "--map", "tilte=bar").stderr
    )


def test_products_without_a_title_are_said_to_stay_alone(run, tmp_path):
    (tmp_path / "a.csv").write_text("id,brand\n1,Shell\n2,Shell\n")
    run("index", "a.csv")
    assert "2 products have no title to know them by and stay alone" in run("cluster", "identity").stderr


def test_info_is_readable_a_part_of_the_last_run_a_line(shop):
    done = shop("info")
    lines = done.stdout.splitlines()
    assert "text_fields       title, description" in lines
    assert "last_index" in lines
    assert "  kind        index" in lines
    assert "    new         3" in lines
    assert "{" not in done.stdout


@pytest.mark.parametrize("rejecting", [True, False])
def test_a_run_that_breaks_off_keeps_what_it_rejected_or_else_the_file_of_the_run_before(
    run, tmp_path, monkeypatch, rejecting
):
    (tmp_path / "shop.jsonl").write_text('{"asin": "A", "title": "case"}\nnot json\n')
    run("index", "shop.jsonl", "--rejects", "rejects.jsonl")
    before = (tmp_path / "rejects.jsonl").read_text()

    def breaking(*args, on_rejected, **options):
        if rejecting:
            on_rejected(Rejected(7, "the last one"))
        raise OSError("the disk is full")

    monkeypatch.setattr("service.cli.index.index_products", breaking)
    done = run("index", "shop.jsonl", "--rejects", "rejects.jsonl")
    assert (done.exit_code, "the disk is full" in done.stderr) == (1, True)
    after = (tmp_path / "rejects.jsonl").read_text()
    assert ("the last one" in after) if rejecting else (after == before)
    assert not (tmp_path / "rejects.jsonl.part").exists()
