from dataclasses import replace
from threading import Event

import pytest

from indexer.catalogue import CatalogueError
from indexer.indexing import index_products
from indexer.products import Product, Rejected
from indexer.store import open_store


@pytest.fixture
def store(tmp_path):
    with open_store(str(tmp_path / "store"), create=True) as opened:
        yield opened


def test_a_first_run_embeds_everything(store, shop, embedder):
    summary = index_products(shop, store, embedder)
    assert (summary.read, summary.new, summary.embedded, summary.unchanged) == (5, 5, 5, 0)
    assert len(embedder.embedded) == 5


def test_a_second_run_embeds_nothing(store, shop, embedder):
    index_products(shop, store, embedder)
    embedder.embedded.clear()
    summary = index_products(shop, store, embedder)
    assert (summary.new, summary.embedded, summary.updated, summary.unchanged) == (0, 0, 0, 5)
    assert embedder.embedded == []


def test_a_changed_title_is_embedded_again_and_a_changed_price_only_written(store, shop, embedder):
    index_products(shop, store, embedder)
    embedder.embedded.clear()
    shop[0], shop[1] = replace(shop[0], title="another phone"), replace(shop[1], price=1.0)
    summary = index_products(shop, store, embedder)
    assert embedder.embedded == ["another phone"]
    assert (summary.new, summary.embedded, summary.updated, summary.unchanged) == (0, 1, 1, 3)
    assert store.get(["P2"])["P2"]["price"] == 1.0


def test_the_richer_of_two_records_wins_in_either_order_and_across_batches(store, embedder):
    poor, rich = Product("1", title="case"), Product("1", title="case", description="clear", price=2.0)
    for records, size in (([poor, rich], 10), ([rich, poor], 10), ([poor, rich], 1), ([rich, poor], 1)):
        summary = index_products(records, store, embedder, batch_size=size)
        assert summary.duplicates == 1
        assert store.get(["1"])["1"]["price"] == 2.0


def test_rejected_lines_are_counted_by_reason_and_handed_on(store, embedder):
    lines = [Rejected(1, "not JSON"), Product("1", title="case"), Rejected(3, "not JSON"), Rejected(4, "no product id")]
    kept = []
    summary = index_products(lines, store, embedder, on_rejected=kept.append)
    assert summary.rejected == {"not JSON": 2, "no product id": 1}
    assert [rejected.line for rejected in kept] == [1, 3, 4]
    assert store.records.runs()[-1].results["rejected"] == summary.rejected
    assert summary.read == 4
    assert store.count() == 1


def test_a_product_with_nothing_to_embed_is_rejected_by_name(store, embedder):
    kept = []
    lines = [Product("bare", price=2.0, file="a.csv", line=7), Product("1", title="case", line=8)]
    summary = index_products(lines, store, embedder, on_rejected=kept.append)
    assert summary.rejected == {"no title, description, brand, category or feature": 1}
    assert (kept[0].file, kept[0].line, kept[0].text) == ("a.csv", 7, "product_id bare")
    assert store.count() == 1


def test_a_catalogue_that_breaks_off_keeps_what_came_before_and_deletes_nothing(store, shop, embedder, tmp_path):
    index_products(shop, store, embedder)

    def breaking():
        yield Product("NEW", title="new case")
        raise CatalogueError(tmp_path / "cut.gz", "is cut off: download it again", line=2)

    summary = index_products(breaking(), store, embedder, delete_missing=True)
    assert summary.failure.endswith("cut.gz, line 2: is cut off: download it again")
    assert summary.deleted == 0
    assert sorted(store.take().ids) == ["C1", "C2", "NEW", "P1", "P2", "P3"]
    assert store.records.runs()[-1].state == "failed"


def test_missing_products_are_deleted_only_on_request(store, shop, embedder):
    index_products(shop, store, embedder)
    assert index_products(shop[:2], store, embedder).deleted == 0
    assert store.count() == 5
    assert index_products(shop[:2], store, embedder, delete_missing=True).deleted == 3
    assert sorted(store.take().ids) == ["P1", "P2"]


def test_another_model_is_refused_with_the_way_out(store, shop, embedder):
    index_products(shop, store, embedder)
    embedder.name = "other"
    with pytest.raises(ValueError, match="was made with text model 'words', got 'other': use --text-model words, or"):
        index_products(shop, store, embedder)


def test_other_text_fields_are_refused_with_the_way_out(store, shop, embedder):
    index_products(shop, store, embedder)
    with pytest.raises(
        ValueError, match="was made with text fields 'title,description', got 'title': use --text-fields"
    ):
        index_products(shop, store, embedder, text_fields=("title",))


def test_a_batch_size_below_one_is_refused(store, embedder):
    with pytest.raises(ValueError, match="batch size must be at least 1, got 0"):
        index_products([], store, embedder, batch_size=0)


def test_the_run_is_recorded_with_what_it_did(store, shop, embedder):
    index_products(shop, store, embedder, parameters={"sources": ["shop.csv"]})
    (run,) = store.records.runs()
    assert (run.kind, run.state) == ("index", "done")
    assert run.parameters == {"sources": ["shop.csv"], "model": "words", "text_fields": ["title", "description"]}
    assert run.results["new"] == 5
    assert run.seconds >= 0


def test_a_run_stopped_between_batches_is_picked_up_without_embedding_again(store, shop, embedder):
    class PowerCut(Exception):
        pass

    def cut():
        yield from shop[:3]
        raise PowerCut

    with pytest.raises(PowerCut):
        index_products(cut(), store, embedder, batch_size=1)
    embedder.embedded.clear()
    summary = index_products(shop, store, embedder, batch_size=1)
    assert (summary.unchanged, summary.embedded) == (3, 2)
    assert len(embedder.embedded) == 2
    assert [run.state for run in store.records.runs()] == ["running", "done"]


def test_progress_counts_every_line_once(store, shop, embedder):
    done = []
    index_products([*shop, Rejected(6, "not JSON")], store, embedder, batch_size=4, progress=done.append)
    assert done == [4, 2]


def test_the_vector_is_that_of_the_record_that_won_whatever_their_order(store, embedder):
    poor, rich = Product("1", title="cable"), Product("1", title="red leather case", description="soft", price=2.0)
    for records in ([poor, rich], [rich, poor]):
        embedder.embedded.clear()
        index_products(records, store, embedder)
        assert "cable" not in embedder.embedded
    (vector,) = embedder.embed(["red leather case. soft"])
    assert float(store.take(vector="text").vectors[0] @ vector) == pytest.approx(1, abs=1e-5)


def test_a_poorer_record_in_an_earlier_batch_is_not_embedded_again_by_the_next_run(store, embedder):
    records = [Product("1", title="cable"), Product("2", title="lamp"), Product("1", title="usb cable", price=2.0)]
    index_products(records, store, embedder, batch_size=1)
    embedder.embedded.clear()
    summary = index_products(records, store, embedder, batch_size=1)
    assert embedder.embedded == []
    assert (summary.embedded, summary.unchanged, summary.duplicates) == (0, 2, 1)
    assert store.get(["1"])["1"]["title"] == "usb cable"


def test_a_product_that_says_nothing_this_time_is_not_taken_for_missing(store, shop, embedder):
    index_products(shop, store, embedder)
    summary = index_products([*shop[1:], Product("P1", price=1.0)], store, embedder, delete_missing=True)
    assert summary.deleted == 0
    assert store.count() == 5


def test_payload_indexes_that_a_kill_left_unmade_are_made_by_the_next_run(tmp_path, shop, embedder, monkeypatch):
    from indexer.store.embedded import EmbeddedEngine

    with open_store(str(tmp_path / "s"), create=True) as store:
        with monkeypatch.context() as patch:
            patch.setattr(EmbeddedEngine, "create_indexes", lambda self, kinds: None)
            index_products(shop, store, embedder)
        index_products(shop, store, embedder)
        assert {"brand", "categories", "price", "source"} <= set(store._engine._open.info().payload_schema)


def test_the_next_batch_is_embedded_while_one_is_written(store, shop, embedder, monkeypatch):
    both = Event()
    upsert, embed = store.upsert, embedder.embed
    monkeypatch.setattr(embedder, "embed", lambda texts: (embedder.embedded and both.set(), embed(texts))[1])
    monkeypatch.setattr(store, "upsert", lambda points, there: both.wait(60) and upsert(points, there=there))
    index_products(shop, store, embedder, batch_size=3)
    assert store.count() == 5


def test_a_store_that_was_empty_is_only_asked_for_what_the_run_has_seen(store, embedder, monkeypatch):
    asked = []
    stored = store.stored
    monkeypatch.setattr(store, "stored", lambda ids: (asked.extend(ids), stored(ids))[1])
    records = [Product(i, title="case") for i in "12"] + [Product("1", title="case", price=2.0)]
    index_products(records, store, embedder, batch_size=2)
    assert asked == ["1"]
    index_products(records, store, embedder, batch_size=2)
    assert sorted(asked) == ["1", "1", "1", "2"]


def test_what_was_read_before_a_stop_is_written(store, shop, embedder):
    class Stop(KeyboardInterrupt):
        pass

    def stopped():
        yield from shop[:2]
        raise Stop

    with pytest.raises(Stop):
        index_products(stopped(), store, embedder, batch_size=2)
    assert sorted(store.take().ids) == ["P1", "P2"]


def test_a_failed_write_is_told_and_not_tried_again(store, shop, embedder, monkeypatch):
    tried = []

    def full(points, there):
        tried.append(len(points))
        raise OSError("no space left")

    monkeypatch.setattr(store, "upsert", full)
    with pytest.raises(OSError, match="no space left"):
        index_products(shop, store, embedder, batch_size=2)
    assert tried == [2]


def test_a_record_that_says_nothing_does_not_make_way_for_a_poorer_one(store, embedder):
    rich, poor = Product("1", title="usb cable", price=2.0), Product("1", title="cable")
    index_products([rich, Product("1", price=1.0), poor], store, embedder, batch_size=1)
    assert store.get(["1"])["1"]["title"] == "usb cable"


def test_the_run_records_how_long_each_stage_worked(store, shop, embedder):
    index_products(shop, store, embedder)
    (run,) = store.records.runs()
    assert set(run.results["stages"]) == {"reading", "embedding", "writing"}
    assert all(seconds > 0 for seconds in run.results["stages"].values())
