import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clustering import tokens as module
from clustering.attributes import COLOUR_WEIGHT, FOLLOWING_WEIGHT, MEASURE_WEIGHT, VARIANT_WEIGHT, read_attributes
from clustering.tokens import Kind, Tokens, kind_of, read_tokens


def tokens_of(*titles):
    tokens = read_tokens(titles)
    return [sorted(tokens.vocabulary[column] for column in row.indices) for row in tokens.matrix]


@pytest.mark.parametrize(
    ("token", "kind"),
    [
        ("case", Kind.WORD),
        ("grey", Kind.COLOUR),
        ("42", Kind.NUMBER),
        ("5.5", Kind.NUMBER),
        ("64gb", Kind.MEASURE),
        ("5.5in", Kind.MEASURE),
        ("s9", Kind.CODE),
        ("kgn34vw20g", Kind.CODE),
        ("128xyz", Kind.CODE),
    ],
)
def test_each_token_has_its_kind(token, kind):
    assert kind_of(token) == kind


@pytest.mark.parametrize(
    ("title", "tokens"),
    [
        ("Phone 64 GB", ["64gb", "phone"]),
        ("phone 64gigabytes", ["64gb", "phone"]),
        ("Cable, Pack of 3", ["3pack", "cable"]),
        ("Cable (3-Pack)", ["3pack", "cable"]),
        ('TV 5.50" gray', ["5.5in", "grey", "tv"]),
        ("TV 55'' LCD", ["55in", "lcd", "tv"]),
        ("TV 5,5 Zoll", ["5.5in", "tv"]),
        ("Battery 1,299 mAh", ["1299mah", "battery"]),
        ("Canon DSC-W150", ["canon", "dsc", "w150"]),
        ("Women's   5 o'clock", ["5", "clock", "o", "s", "women"]),
        ("one\ntitle\r\non lines", ["lines", "on", "one", "title"]),
        ("", []),
        (" - / - ", []),
        ("Größe Ünïcode 電話", ["größe", "ünïcode", "電話"]),
    ],
)
def test_spellings_of_one_measure_meet_in_one_token(title, tokens):
    assert tokens_of(title) == [tokens]


def test_a_code_spelled_with_gaps_counts_as_the_code_another_title_spells_without():
    assert tokens_of("Liebherr RF 3111 AW", "rf3111aw fridge", "RF 3112 AW") == [
        ["3111", "aw", "liebherr", "rf", "rf3111aw"],
        ["fridge", "rf3111aw"],
        ["3112", "aw", "rf"],
    ]


def test_a_code_is_never_joined_across_two_titles():
    assert tokens_of("charger rf", "3111 cable", "rf3111") == [["charger", "rf"], ["3111", "cable"], ["rf3111"]]


def joined_by_the_book(titles):
    """Add to the words of each title what two or three of them spell together, where another title spells it so."""
    words = [read_tokens([title]) for title in titles]
    words = [[table.vocabulary[word] for word in table.words] for table in words]
    codes = {word for title in words for word in title if kind_of(word) == Kind.CODE and len(word) >= 4}
    found = []
    for title in words:
        runs = [title[at : at + width] for width in (2, 3) for at in range(len(title) - width + 1)]
        runs = [run for run in runs if len("".join(run)) <= 20 and max(map(kind_of, run)) >= Kind.NUMBER]
        found.append(sorted({*title, *(codes & {"".join(run) for run in runs})}))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_codes_spelled_with_gaps_are_found_as_by_trying_all_runs_of_words(monkeypatch, seed):
    monkeypatch.setattr(module, "MIN_STEM", 99)
    rng = np.random.default_rng(seed)
    parts = ["ab", "3", "zz9", "41", "q", "1234567", "x7", "case", "33", "xyz"]
    titles = [
        " ".join("".join(rng.choice(parts, rng.integers(1, 4))) for _ in range(rng.integers(0, 6))) for _ in range(60)
    ]

    assert tokens_of(*titles) == joined_by_the_book(titles)


def test_titles_read_a_few_at_a_time_are_the_titles_read_at_once(monkeypatch):
    titles = ["black case 2 pack", "", "phone\n64 gb", "set of", "3 RF 3111", "rf3111", ""]
    at_once = read_tokens(titles)
    monkeypatch.setattr(module, "TITLES", 2)

    tokens = read_tokens(titles)

    assert tokens.vocabulary == at_once.vocabulary
    assert tokens.rows.tolist() == at_once.rows.tolist() == [0, 0, 0, 2, 2, 3, 3, 4, 4, 4, 5]
    assert tokens.words.tolist() == at_once.words.tolist()
    assert (tokens.matrix != at_once.matrix).nnz == 0


def test_a_code_also_counts_as_every_shorter_code_it_starts_with():
    assert tokens_of("ue32m5520akxxu", "ue32m5520 tv", "ue32m tv", "ue32m5530") == [
        ["ue32m", "ue32m5520", "ue32m5520akxxu"],
        ["tv", "ue32m", "ue32m5520"],
        ["tv", "ue32m"],
        ["ue32m", "ue32m5530"],
    ]


def test_words_keep_their_order():
    tokens = read_tokens(["black case 2 pack", "", "case black"])

    assert [(row, tokens.vocabulary[word]) for row, word in zip(tokens.rows, tokens.words, strict=True)] == [
        (0, "black"),
        (0, "case"),
        (0, "2pack"),
        (2, "case"),
        (2, "black"),
    ]


@given(st.lists(st.text(alphabet="aB1 2-5.\n'\"gé", max_size=20), max_size=8))
def test_any_titles_give_each_token_once_and_depend_on_no_order(titles):
    tokens = read_tokens(titles)
    backwards = tokens_of(*reversed(titles))

    assert tokens.matrix.shape == (len(titles), len(tokens.vocabulary))
    assert len(set(tokens.vocabulary)) == len(tokens.vocabulary)
    assert np.all(tokens.matrix.data == 1)
    assert backwards == list(reversed(tokens_of(*titles)))


def test_a_table_of_tokens_refuses_columns_without_a_name():
    tokens = read_tokens(["black case"])

    with pytest.raises(ValueError, match=r"^2 columns for 1 tokens of 2 kinds$"):
        Tokens(tokens.matrix, ["case"], tokens.kinds, tokens.rows, tokens.words)


def conflict(first, second):
    attributes = read_attributes(read_tokens([first, second]))
    return attributes.conflict(np.array([0]), np.array([1])).tolist()[0]


@pytest.mark.parametrize(
    ("first", "second", "weight"),
    [
        ("phone 64gb", "phone 128 gb", VARIANT_WEIGHT),
        ("phone 64gb", "phone", 0),
        ("phone 4gb 64gb", "phone 64gb", 0),
        ("case, pack of 2", "3-pack case", VARIANT_WEIGHT),
        ("card, multipack of 3", "card, multipack of 4", VARIANT_WEIGHT),
        ("charger 20w", "charger 30 watt", MEASURE_WEIGHT),
        ("black case", "blue case", COLOUR_WEIGHT),
        ("black/blue case", "blue case", 0),
        ("case grey", "gray case", 0),
        ("men watch", "Women's watch", COLOUR_WEIGHT),
        ("mens boots", "Men's boots", 0),
        ("ladies boots", "womens boots", 0),
        ("kids boys shirt", "kids girls shirt", COLOUR_WEIGHT),
        ("galaxy s8", "galaxy s9", FOLLOWING_WEIGHT),
        ("iphone 7 plus", "iphone 8 plus", FOLLOWING_WEIGHT),
        ("iphone 7 plus", "plus 7 iphone", 0),
        ("galaxy s8 64gb black", "galaxy s9 32gb blue", FOLLOWING_WEIGHT + VARIANT_WEIGHT + COLOUR_WEIGHT),
        ("", "galaxy s9", 0),
    ],
)
def test_titles_conflict_where_both_fill_a_slot_and_share_no_value(first, second, weight):
    assert conflict(first, second) == pytest.approx(weight)
    assert conflict(second, first) == pytest.approx(weight)


def test_no_titles_have_no_attributes():
    assert read_attributes(read_tokens([])).slots.shape[0] == 0
    assert read_attributes(read_tokens([""])).conflict(np.array([0]), np.array([0])).tolist() == [0]
