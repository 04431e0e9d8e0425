from collections import Counter

import numpy as np
import pytest

from clustering import standing_out as module
from clustering.standing_out import standing_out

LABELS = np.repeat([0, 1, 2], 20)


def tracks(genres, energies):
    """Twenty products a cluster, each with its genre and about its energy."""
    pairs = [pair for pair in zip(genres, energies, strict=True) for _ in range(20)]
    return [{"genre": genre, "energy": energy + at % 5 / 100} for at, (genre, energy) in enumerate(pairs)]


def test_clusters_are_called_by_their_commonest_rare_value_and_where_their_numbers_lie():
    fields = tracks(["jazz", "metal", "pop"], [0.1, 0.9, 0.5])
    assert standing_out(fields, LABELS, [0, 1, 2]) == {0: "jazz, low energy", 1: "metal, high energy", 2: "pop"}


def test_only_clusters_that_are_asked_for_get_a_name_and_noise_none():
    fields = tracks(["jazz", "metal", "pop"], [0.5, 0.5, 0.5])
    labels = np.where(LABELS == 2, -1, LABELS)
    assert standing_out(fields, labels, [1]) == {1: "metal"}


def test_where_nothing_stands_out_there_is_no_name():
    assert standing_out(tracks(["pop"] * 3, [0.5] * 3), LABELS, [0, 1, 2]) == {}
    assert standing_out([None] * 60, LABELS, [0, 1, 2]) == {}


def test_clusters_that_differ_in_nothing_else_are_numbered():
    fields = tracks(["jazz", "jazz", "pop"], [0.5, 0.5, 0.5])
    fields += tracks(["pop"] * 3, [0.5] * 3)
    labels = np.concatenate([LABELS, LABELS + 3])
    assert standing_out(fields, labels, [0, 1]) == {0: "jazz", 1: "jazz 2"}


def test_a_text_that_every_product_has_of_its_own_is_no_kind_and_missing_values_are_left_out():
    fields = [{"track": f"t{at}", "genre": "jazz" if at < 20 else None, "tempo": None} for at in range(60)]
    fields[59]["genre"] = "pop"
    assert standing_out(fields, LABELS, [0, 1, 2]) == {0: "jazz"}


def test_of_very_many_clusters_the_first_are_named(monkeypatch):
    monkeypatch.setattr(module, "MOST_CLUSTERS", 2)
    assert set(standing_out(tracks(["jazz", "metal", "pop"], [0.1, 0.9, 0.5]), LABELS, [0, 1, 2])) == {0, 1}


@pytest.mark.parametrize("clusters", [1, 3])
def test_a_column_is_counted_as_a_whole_once_whatever_the_number_of_clusters(monkeypatch, clusters):
    sizes = []

    def counted(values):
        sizes.append(len(values := list(values)))
        return Counter(values)

    monkeypatch.setattr(module, "Counter", counted)
    standing_out(tracks(["jazz", "metal", "pop"], [0.1, 0.9, 0.5]), LABELS, range(clusters))
    assert sizes.count(60) == 1
