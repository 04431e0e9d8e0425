import pytest

from clustering.distinct import told_apart


def distinct(*names, **options):
    return list(told_apart(dict(enumerate(names)), **options).values())


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["Case", "Lamp"], ["Case", "Lamp"]),
        (["Cases 2", "Cases", "Cases"], ["Cases 2", "Cases", "Cases 3"]),
        (["Cases", "Cases", "Cases 2", "case"], ["Cases", "Cases 3", "Cases 2", "case 4"]),
        (["Case", "Case", "Case 2", "Case 2"], ["Case", "Case 3", "Case 2", "Case 2 2"]),
        ([], []),
    ],
)
def test_a_number_is_raised_until_no_other_name_ends_in_it(names, told):
    assert distinct(*names) == told


def test_only_names_of_one_group_have_to_differ():
    assert distinct("Case", "Case", "Case", groups={0: 7, 1: 8, 2: 8}) == ["Case", "Case", "Case 2"]


def test_names_are_cut_before_their_number_and_differ_still():
    assert distinct("long name one", "long name two", "x", longest=9) == ["long name", "long na 2", "x"]


def test_ten_thousand_of_one_name_are_numbered_one_after_another():
    told = distinct(*["Case"] * 10_000)
    assert (told[0], told[-1], len(set(told))) == ("Case", "Case 10000", 10_000)


def test_the_first_of_those_alike_keeps_its_name_wherever_its_number_stands():
    assert told_apart({5: "Phones", 1: "Phone"}) == {5: "Phones", 1: "Phone 2"}
