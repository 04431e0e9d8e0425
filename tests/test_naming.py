import numpy as np
import pytest

from clustering.naming import Described, central_titles, name_clusters, sampled_rows
from clustering.phrases import common_form, fold, read_phrases

ADJECTIVES = ("soft", "light", "warm", "cool", "fine", "round", "long", "short", "wide", "deep")


def titles(pattern, count=20):
    return [pattern.format(ADJECTIVES[at % 10], at) for at in range(count)]


def named(*patterns, brands=(), categories=(), parents=None):
    """Name clusters of twenty titles each, made from patterns."""
    lines = [title for pattern in patterns for title in titles(pattern)]
    labels = np.repeat(np.arange(len(patterns)), 20)
    groups = None if parents is None else np.repeat(np.array(parents), 20)
    names = name_clusters(Described(lines, categories, brands), labels, groups)
    return [names[cluster] for cluster in range(len(patterns))]


def test_a_phrase_that_titles_share_names_a_cluster_in_the_form_they_write_it():
    assert named("{} Cases for iPhone XR number{}", "{} desk lamp with bulb{}") == ["Cases for iPhone XR", "Desk Lamp"]


def test_words_that_all_clusters_share_name_none_of_them():
    assert named("{} product phone", "{} product case", "{} product lamp") == ["Phone", "Case", "Lamp"]


def test_units_and_sizes_are_in_no_name():
    assert named("{} usb cable 64 gb", "{} screw 5mm pack of 20", "{} tape 2 m") == ["Usb Cable", "Screw", "Tape"]


def test_a_model_number_names_a_cluster_only_where_nearly_all_share_it():
    lines = [f"{word} galaxy s8 case" for word in ADJECTIVES * 2]
    mixed = [f"{word} pixel {number % 5} cover" for number, word in enumerate(ADJECTIVES * 2)]
    names = name_clusters(Described([*lines, *mixed]), np.repeat([0, 1], 20))
    assert names == {0: "Galaxy S8 Case", 1: "Cover"}


def test_a_brand_names_a_cluster_only_where_nearly_all_share_it():
    one = [f"Nova {word} thing" for word in ADJECTIVES * 2]
    several = [f"{brand} {word} thing" for brand in ("Shell", "Hide") for word in ADJECTIVES]
    brands = ["Nova"] * 20 + ["Shell"] * 10 + ["Hide"] * 10
    other = [f"{word} lamp" for word in ADJECTIVES * 2]
    names = name_clusters(Described([*one, *several, *other], (), [*brands, *[""] * 20]), np.repeat([0, 1, 2], 20))
    assert names == {0: "Nova", 1: "Thing", 2: "Lamp"}


def test_a_word_that_titles_begin_with_is_taken_for_a_brand_where_no_brand_is_known():
    mixed = [f"{brand} {word} shirt" for brand in ("Puma", "Nike") for word in ADJECTIVES]
    names = name_clusters(Described([*mixed, *titles("{} lamp")]), np.repeat([0, 1], 20))
    assert names == {0: "Shirt", 1: "Lamp"}


@pytest.mark.parametrize(("branded", "name"), [(20, "Gini and Jony"), (14, "Frock & Skirt")])
def test_a_brand_of_several_words_names_a_cluster_whole_or_not_at_all(branded, name):
    kinds = [f"{word} {kind}" for word in ADJECTIVES for kind in ("frock", "skirt")]
    lines = [f"Gini and Jony {words}" if at < branded else words for at, words in enumerate(kinds)]
    assert name_clusters(Described([*lines, *titles("{} lamp")]), np.repeat([0, 1], 20)) == {0: name, 1: "Lamp"}


def test_no_two_siblings_share_a_name_what_sets_them_apart_is_added():
    assert named("{} shirt checked", "{} shirt striped", "{} lamp", "{} desk", "{} rug")[:2] != ["Shirt", "Shirt"]
    names = named("{} shirt", "{} shirt", "{} shirt")
    assert names == ["Shirt", "Shirt 2", "Shirt 3"]


def test_children_of_different_parents_may_share_a_name():
    assert named("{} shirt", "{} shirt", parents=[0, 1]) == ["Shirt", "Shirt"]


def test_a_cluster_of_two_kinds_is_called_by_both():
    lines = [*titles("{} wallet", 10), *titles("{} belt", 10), *titles("{} lamp")]
    assert name_clusters(Described(lines), np.repeat([0, 1], 20)) == {0: "Wallet & Belt", 1: "Lamp"}


def test_categories_name_clusters_whose_titles_say_nothing():
    lines = [f"x{at}y" for at in range(40)]
    categories = [("Toys", "Model Trains")] * 20 + [("Toys", "Hand Puppets")] * 20
    names = name_clusters(Described(lines, categories), np.repeat([0, 1], 20))
    assert names == {0: "Model Trains", 1: "Hand Puppets"}


def test_a_phrase_is_not_cut_short_where_its_words_go_together():
    assert named("{} Star Wars figure", "{} lamp", "{} star{}")[0] == "Star Wars Figure"


def test_noise_has_no_name():
    lines = [*titles("{} lamp"), *titles("{} desk", 5)]
    assert name_clusters(Described(lines), np.repeat([4, -1], [20, 5])) == {4: "Lamp"}
    assert name_clusters(Described(lines), np.full(25, -1)) == {}


def test_small_clusters_are_called_by_their_most_central_title():
    lines = ["nova x2 phone 64gb black", "nova x2 phone", "nova x2 phone 64gb refurbished offer", "clear case", ""]
    assert name_clusters(Described(lines), np.array([7, 7, 7, 2, 9])) == {7: "nova x2 phone", 2: "clear case"}


def test_small_siblings_share_no_name_and_children_of_different_parents_may():
    lines, labels = ["clear case", "clear case", "clear case"], np.array([0, 1, 2])
    assert name_clusters(Described(lines), labels) == {0: "clear case", 1: "clear case 2", 2: "clear case 3"}
    parted = name_clusters(Described(lines), labels, np.array([0, 1, 1]))
    assert parted == {0: "clear case", 1: "clear case", 2: "clear case 2"}


def test_many_clusters_of_few_titles_are_named_one_by_one():
    labels = np.arange(30_000) // 3
    names = central_titles([f"item {label} offer" for label in labels], labels)
    assert (len(names), names[9_999]) == (10_000, "item 9999 offer")


def test_rows_are_sampled_evenly_and_noise_is_left_out():
    labels = np.array([1, 0, 1, -1, 1, 1, 1])
    assert sampled_rows(labels, 3).tolist() == [1, 0, 4, 6]


@pytest.mark.parametrize(
    ("word", "folded"),
    [("Shirts", "shirt"), ("dress", "dress"), ("Men's", "men"), ("bus", "bus"), ("T-Shirts", "t-shirt")],
)
def test_words_are_compared_without_case_and_plural(word, folded):
    assert fold(word) == folded


def test_phrases_neither_cross_punctuation_nor_begin_or_end_with_a_stop_word():
    phrases = read_phrases(["Case for Phone, Red"] * 2)
    assert sorted(phrases.spellings) == ["case", "case for phone", "phone", "red"]


@pytest.mark.parametrize(
    ("texts", "form"),
    [
        (["usb CABLE", "USB Cable", "USB Cable"], "USB Cable"),
        (["USB CABLE"], "Usb Cable"),
        (["usb cable"], "Usb Cable"),
        (["usb cables", "usb cables", "usb cable"], "Usb Cables"),
        ([], "Usb Cable"),
    ],
)
def test_a_phrase_is_written_as_most_titles_write_it_and_reads_well(texts, form):
    assert common_form("usb cable", texts) == form


def test_what_most_clusters_share_names_none_of_them():
    kinds = ["Chargers", "Cables", "Holders", "Earbuds", "Lamps", "Cards"]
    labels = np.repeat(np.arange(6), 12)
    titles = [f"item {row}" for row in range(72)]
    categories = [("Cell Phones & Accessories", kinds[label]) for label in labels]
    named = name_clusters(Described(titles, categories, [""] * 72), labels)
    assert [named[cluster] for cluster in range(6)] == kinds
