import numpy as np
import pytest

from clustering.compounds import find_compounds, leading_words
from clustering.tokens import read_tokens


def phrases_of(*titles):
    tokens = read_tokens(titles)
    members = {}
    for word, phrase in zip(tokens.vocabulary, find_compounds(tokens).tolist(), strict=True):
        members.setdefault(phrase, set()).add(word)
    return {" ".join(sorted(words)) for words in members.values() if len(words) > 1}


def leading(*titles):
    tokens = read_tokens(titles)
    leads = leading_words(tokens, find_compounds(tokens))
    return {word for word, leads in zip(tokens.vocabulary, leads, strict=True) if leads}


def test_words_that_only_come_together_are_one_phrase():
    titles = ["Ocean Tree red mug", "Ocean Tree blue mug", "red hat of Ocean Tree", "hat blue", "mug hat"]

    assert phrases_of(*titles) == {"ocean tree"}


def test_words_of_the_same_titles_that_stand_apart_are_no_phrase():
    assert phrases_of("ocean red tree", "ocean blue tree", "red x", "blue y", "x y") == set()


@pytest.mark.parametrize(("alone", "phrases"), [(1, {"ocean tree"}), (2, set())])
def test_a_word_may_now_and_then_come_alone(alone, phrases):
    titles = [f"ocean tree {word}" for word in ("a", "b", "a b", "b a")] + ["tree a b"] * alone + ["a", "b"] * 9

    assert phrases_of(*titles) == phrases


def test_numbers_and_colours_are_no_part_of_a_phrase():
    assert phrases_of("flint 4 black", "flint 4 black") == set()


def test_words_that_titles_start_with_lead_and_the_rest_of_their_phrase_with_them():
    titles = ["Ocean Tree red mug", "Ocean Tree blue mug", "mug hat", "hat blue Ocean Tree", "red hat", "a mug"]

    assert leading(*titles) == {"ocean", "tree", "a"}


@pytest.mark.parametrize("titles", [[], [""], ["", "one"]])
def test_titles_without_neighbours_have_no_phrases(titles):
    tokens = read_tokens(titles)

    phrases = find_compounds(tokens)

    assert phrases.tolist() == list(range(len(tokens.vocabulary)))
    assert phrases.dtype == np.int64
    assert leading_words(tokens, phrases).tolist() == [True] * len(tokens.vocabulary)
