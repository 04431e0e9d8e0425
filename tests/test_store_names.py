import numpy as np

from indexer.store import open_store
from indexer.store.names import NAMES_A_POINT


def test_names_are_read_as_they_were_saved_and_those_unknown_are_left_out(filled):
    names = filled.records.names("shelf")
    names.save({0: "Cases", 2: "Phones", NAMES_A_POINT + 7: "Cables"})
    assert names.read([NAMES_A_POINT + 7, 0, 1]) == {0: "Cases", NAMES_A_POINT + 7: "Cables"}


def test_names_are_there_when_the_store_is_opened_again(tmp_path):
    with open_store(str(tmp_path / "store"), create=True) as store:
        store.records.names("shelf").save({3: "Cases"})
    with open_store(str(tmp_path / "store"), create=True) as store:
        assert store.records.names("shelf").read([3]) == {3: "Cases"}


def test_a_store_without_records_has_no_names(store):
    assert store.records.names("shelf").read([1, 2]) == {}
    assert store.records.names("shelf").edited() == {}


def test_the_names_of_one_label_are_not_those_of_another(filled):
    filled.records.names("shelf").save({0: "Cases"})
    assert filled.records.names("genre").read([0]) == {}


def test_saving_again_forgets_the_names_of_clusters_that_are_gone(filled):
    names = filled.records.names("shelf")
    names.save({0: "Cases", 5: "Phones", 3 * NAMES_A_POINT: "Cables"})
    names.save({0: "Covers"})
    assert names.read([0, 5, 3 * NAMES_A_POINT]) == {0: "Covers"}


def test_a_name_a_person_gave_wins_and_stays_when_names_are_saved_again(filled):
    names = filled.records.names("shelf")
    names.save({0: "Cases", 1: "Phones"})
    names.edit(0, "Cases for iPhone XR")
    names.save({0: "Covers", 1: "Handsets"})
    assert names.read([0, 1]) == {0: "Cases for iPhone XR", 1: "Handsets"}
    assert names.edited() == {0: "Cases for iPhone XR"}


def test_an_empty_edit_gives_back_the_name_that_was_found(filled):
    names = filled.records.names("shelf")
    names.save({0: "Cases"})
    names.edit(0, "Mine")
    names.edit(0, "")
    assert names.read([0]) == {0: "Cases"}


def test_names_are_no_runs_and_no_settings(filled):
    before = filled.records.runs(), filled.records.settings()
    filled.records.names("shelf").save({0: "Cases"})
    assert (filled.records.runs(), filled.records.settings()) == before


def test_ten_names_among_many_are_read_from_the_points_that_hold_them_alone(filled):
    names = filled.records.names("identity")
    names.save({number: f"Product {number}" for number in range(20 * NAMES_A_POINT)})
    asked = []
    engine = filled.records._engine
    retrieve = engine.retrieve

    class Watched:
        def __getattr__(self, name):
            return getattr(engine, name)

        def retrieve(self, ids, **options):
            asked.extend(ids)
            return retrieve(ids, **options)

    filled.records._engine = Watched()
    numbers = [int(number) for number in np.arange(10) * 37]
    assert filled.records.names("identity").read(numbers) == {number: f"Product {number}" for number in numbers}
    assert len(asked) == 2  # one for the names, one for those a person gave


def test_names_that_are_deleted_are_gone_with_those_a_person_gave(filled):
    names = filled.records.names("shelf")
    names.delete()
    names.save({0: "Cases", 3 * NAMES_A_POINT: "Cables"})
    names.edit(4, "Mine")
    assert names.highest_edited() == 4
    names.delete()
    assert names.read([0, 4, 3 * NAMES_A_POINT]) == names.edited() == {}
    assert names.highest_edited() == -1
