import numpy as np
import pytest
from scipy.sparse import csr_array

from indexer.catalogue.listens import Aggregate, Listens
from indexer.embedders.features import on_plane
from indexer.featuring import Columns, columns_of, index_features, index_listens, kept_model
from indexer.indexing import index_products
from indexer.products import Product
from service.push import push
from service.vectors import take_vectors

TEMPO = Columns(("tempo",), ())
BOTH = Columns(("tempo", "price"), ("genre",))


def track(name, price=None, **fields):
    return Product(name, title=f"song {name}", price=price, fields=fields)


TRACKS = [
    track("T1", 1.0, tempo=100, genre="rock"),
    track("T2", 2.0, tempo=110, genre="rock"),
    track("T3", 3.0, tempo=170, genre="jazz"),
    track("T4", 4.0, tempo="fast", genre="jazz"),
    track("T5"),
]


@pytest.fixture
def tracks(store, embedder):
    index_products(TRACKS, store, embedder)
    return store


def columns(store):
    taken = take_vectors(store, "features")
    return {i: row.round(4).tolist() for i, row in zip(taken.ids, taken.vectors, strict=True)}


def test_fields_of_products_become_the_vector_features_and_come_back_from_it(tracks):
    made = index_features(tracks, BOTH)
    assert (made.products, made.written, made.unchanged, made.without, made.columns) == (5, 4, 0, 1, 4)
    assert (made.fitted, made.imputed, made.unreadable) == (True, {"tempo": 1}, {"tempo": 1})
    scaler = kept_model(tracks)
    assert columns_of(scaler) == BOTH
    assert scaler.columns == ("tempo", "price", "genre=jazz", "genre=rock")
    tempo, price = np.array([100, 110, 170]), np.array([1, 2, 3, 4])
    scaled = (np.array([*tempo, 110]) - tempo.mean()) / tempo.std(), (price - price.mean()) / price.std()
    expected = np.column_stack([*scaled, [0, 0, 1, 1], [1, 1, 0, 0]])
    taken = take_vectors(tracks, "features", keys=("genre",))
    assert taken.left_out == ["T5"]
    rows = [taken.ids.index(name) for name in ("T1", "T2", "T3", "T4")]
    np.testing.assert_allclose(taken.vectors[rows], expected, atol=1e-5)
    assert tracks.similar(["T1"], by="features")["T1"][0].product_id == "T2"
    assert tracks.records.settings().feature_model == scaler.name
    run = tracks.records.runs()[-1]
    assert (run.kind, run.state, run.results["written"]) == ("features", "done", 4)


def test_a_second_run_changes_nothing_and_new_products_use_the_scaler_as_it_was(tracks, embedder):
    index_features(tracks, TEMPO)
    before, name = columns(tracks), tracks.records.settings().feature_model
    again = index_features(tracks)
    assert (again.written, again.unchanged, again.fitted) == (0, 3, False)
    index_products([track("T6", tempo=1000)], tracks, embedder)
    assert index_features(tracks, TEMPO).written == 1
    after = columns(tracks)
    assert {i: after[i] for i in before} == before
    assert after["T6"][0] > 20  # by the spread of the first five
    assert tracks.records.settings().feature_model == name


def test_a_refit_makes_all_vectors_anew(tracks, embedder):
    index_features(tracks, TEMPO)
    index_products([track("T6", tempo=1000)], tracks, embedder)
    assert index_features(tracks, TEMPO, refit=True).written == 4
    assert columns(tracks)["T6"][0] < 2


def test_other_columns_or_another_scale_are_fitted_again_whatever_their_number(tracks):
    index_features(tracks, TEMPO)
    made = index_features(tracks, BOTH)
    assert (made.fitted, made.written) == (True, 4)
    assert tracks.dims()["features"] == 5
    assert index_features(tracks, Columns(BOTH.numeric, BOTH.categorical, "minmax")).fitted
    assert columns(tracks)["T1"] == [0, 0, 0, 1]
    assert index_features(tracks, TEMPO).columns == 1
    assert tracks.dims()["features"] == 2
    assert len(columns(tracks)) == 3


def test_a_changed_field_changes_the_vector_and_a_lost_one_takes_it_away(tracks, embedder):
    index_features(tracks, TEMPO)
    changed = [track("T1", 1.0, tempo=170, genre="rock"), track("T2", 2.0, genre="rock")]
    index_products(changed, tracks, embedder)
    made = index_features(tracks)
    assert (made.written, made.unchanged, made.without) == (1, 1, 3)
    found = columns(tracks)
    assert found["T1"] == found["T3"]
    assert "T2" not in found


def test_a_label_of_the_same_name_is_no_field(tracks):
    taken = tracks.take()
    tracks.set_labels(taken.ids, {"genre": np.arange(5)}, {})
    assert index_features(tracks, Columns((), ("genre",))).without == 1
    assert kept_model(tracks).categorical[0].known == ("jazz", "rock")


def test_truths_count_as_1_and_0_and_nothing_else_that_is_no_number(store, embedder):
    values = ["True", "false", "yes", "nan", "1e2", "inf"]
    index_products([track(f"T{n}", loud=value, n=n) for n, value in enumerate(values)], store, embedder)
    made = index_features(store, Columns(("loud", "n"), (), "minmax"))
    assert made.unreadable == {"loud": 2}
    assert made.imputed == {"loud": 3}
    assert [columns(store)[f"T{n}"][0] for n in (0, 1, 4)] == pytest.approx([0.01, 0, 1])


def test_a_constant_column_is_told(store, embedder):
    index_products([track("A", mode=1, tempo=3), track("B", mode=1, tempo=4)], store, embedder)
    made = index_features(store, Columns(("mode", "tempo"), ()))
    assert (made.constant, made.columns) == (("mode",), 1)
    with pytest.raises(ValueError, match=r"every column has the same value in all products \(mode\)"):
        index_features(store, Columns(("mode",), ()))
    assert store.records.runs()[-1].state == "failed"
    assert columns(store) == {"A": [-1], "B": [1]}  # what was there stays


def test_an_empty_collection_and_one_without_features_say_what_to_do(store, embedder):
    with pytest.raises(LookupError, match="holds no products: run `assort index CATALOGUE` first"):
        index_features(store, TEMPO)
    index_products(TRACKS, store, embedder)
    with pytest.raises(LookupError, match="has no features: name columns with --numeric or --categorical"):
        index_features(store)


def test_a_column_without_any_number_is_refused(tracks):
    with pytest.raises(ValueError, match="no product has a number in column 'genre'"):
        index_features(tracks, Columns(("genre",), ()))


def listens_of(*products, values=("a", "b", "c"), counts=((5, 4, 0), (6, 3, 0), (0, 0, 7))):
    table = csr_array(np.array(counts, dtype=float))
    return Listens([Product(name) for name in products], list(values), table, [], len(products))


PLAYS = Aggregate("artist", "plays")


@pytest.fixture
def users(store, embedder):
    index_products([Product(f"U{n}") for n in range(1, 5)], store, embedder, name_by_id=True)
    return store


def test_counts_become_the_vector_features_of_the_products_they_are_about(users):
    made = index_listens(users, listens_of("U1", "U2", "U3"), PLAYS, seed=0)
    assert (made.written, made.without, made.columns, made.fitted) == (3, 0, 3, True)
    hits = users.similar(["U1"], by="features")["U1"]
    assert [hit.product_id for hit in hits] == ["U2", "U3"]
    assert hits[1].score == pytest.approx(0.5, abs=1e-5)  # nothing in common
    assert hits[0].title == "U2"


def test_later_listens_are_placed_in_the_model_that_is_kept(users):
    index_listens(users, listens_of("U1", "U2", "U3"), PLAYS, seed=0)
    later = listens_of("U4", "U3", values=("a", "new"), counts=((5, 1), (0, 2)))
    made = index_listens(users, later, PLAYS, seed=0)
    assert (made.fitted, made.written, made.without, made.unknown) == (False, 1, 1, 1)
    assert users.similar(["U4"], by="features")["U4"][0].product_id == "U2"
    assert set(columns(users)) == {"U1", "U2", "U4"}  # nothing of what U3 now plays is known


def test_a_refit_forgets_products_that_are_not_among_the_listens(users):
    index_listens(users, listens_of("U1", "U2", "U3"), PLAYS, seed=0)
    made = index_listens(users, listens_of("U2", "U3", "U4"), PLAYS, seed=0, refit=True)
    assert (made.fitted, made.written) == (True, 3)
    assert set(columns(users)) == {"U2", "U3", "U4"}
    assert index_listens(users, listens_of("U1", "U2", "U3"), Aggregate("song", "plays"), seed=0).fitted


def test_columns_take_the_place_of_counts(users, embedder):
    index_listens(users, listens_of("U1", "U2", "U3"), PLAYS, seed=0)
    with pytest.raises(LookupError, match="has no features: name columns"):
        index_features(users)
    index_products(TRACKS, users, embedder)
    assert index_features(users, TEMPO).fitted
    assert set(columns(users)) == {"T1", "T2", "T3"}


def test_an_id_alone_takes_nothing_from_a_product_that_says_more(tracks, embedder):
    summary = index_products([Product("T1"), Product("T9")], tracks, embedder, name_by_id=True)
    assert (summary.new, summary.unchanged, summary.updated) == (1, 1, 0)
    found = tracks.get(["T1", "T9"])
    assert (found["T1"]["title"], found["T9"]["title"]) == ("song T1", "T9")
    assert index_products([Product("T9", title="nine")], tracks, embedder).embedded == 1


def test_the_scaler_goes_along_when_a_store_is_pushed(tracks, tmp_path):
    from indexer.store import open_store

    index_features(tracks, TEMPO)
    with open_store(str(tmp_path / "target"), create=True) as target:
        push(tracks, target)
        assert kept_model(target) == kept_model(tracks)
        assert index_features(target).unchanged == 3
        assert columns(target) == columns(tracks)


def test_what_the_engine_keeps_is_what_was_made(tracks):
    index_features(tracks, TEMPO)
    block = tracks.vectors("features")
    has = ~np.isnan(block[:, 0])
    np.testing.assert_allclose(np.linalg.norm(block[has], axis=1), 1, atol=1e-6)
    assert on_plane(np.asarray(block[has])).shape == (3, 1)


def test_the_same_columns_in_another_order_keep_the_scaler_and_all_vectors(tracks):
    index_features(tracks, BOTH)
    before, name = columns(tracks), tracks.records.settings().feature_model
    made = index_features(tracks, Columns(BOTH.numeric[::-1], BOTH.categorical, BOTH.scale))
    assert (made.fitted, made.written, made.unchanged) == (False, 0, 4)
    assert (columns(tracks), tracks.records.settings().feature_model) == (before, name)


def test_categories_that_the_scaler_has_never_seen_are_counted(tracks, embedder):
    index_features(tracks, BOTH)
    index_products([track("T6", 2.0, tempo=100, genre="polka"), track("T7", 2.0, tempo=100)], tracks, embedder)
    assert index_features(tracks).unseen == {"genre": 1}
    assert index_features(tracks, BOTH, refit=True).unseen == {}
