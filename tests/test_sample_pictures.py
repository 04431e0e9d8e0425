import csv
import hashlib
from collections import Counter, defaultdict
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from indexer.sample import sample_products, write_sample
from indexer.sample.drawing import PAINTS, SHAPES, look_of
from indexer.sample.kinds import ACCESSORIES, PHONE
from indexer.sample.pen import shade
from indexer.sample.pictures import State, write_pictures

SEED = 7


@pytest.fixture(scope="module")
def world():
    return {product.product_id: product for product in sample_products(300, seed=SEED)}


@pytest.fixture(scope="module")
def drawn(world, tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return write_pictures(world.values(), folder / "pictures", truth=folder / "pictures.csv", seed=SEED)


@pytest.fixture(scope="module")
def rows(drawn):
    with drawn.truth.open(encoding="utf-8", newline="") as file:
        return {row["product_id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def pixels(drawn, rows):
    """The whole pictures that no other product shares, float (224, 224, 3) by product id."""
    own = [i for i, row in rows.items() if row["state"] == "whole" and not row["stock_photo"]]
    return {i: np.asarray(Image.open(drawn.folder / f"{i}.jpg"), dtype=float) for i in own}


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def written(folder, seed, products=60):
    stock = sample_products(products, seed=1)
    return write_pictures(stock, folder / "pictures", truth=folder / "pictures.csv", seed=seed)


def test_the_same_arguments_draw_the_same_bytes_anywhere(tmp_path):
    one, two = written(tmp_path / "one", 3), written(tmp_path / "two", 3)
    assert digests(one.folder) == digests(two.folder)
    assert one.truth.read_bytes() == two.truth.read_bytes()
    other = written(tmp_path / "three", 4)
    same = digests(one.folder).items() & digests(other.folder).items()
    assert len(same) <= one.states[State.EMPTY] + one.states[State.TEXT]


def test_every_product_has_a_row_and_the_file_its_state_says(world, drawn, rows):
    assert list(rows) == list(world)
    assert {path.stem for path in drawn.folder.iterdir()} == {i for i, row in rows.items() if row["state"] != "missing"}
    for i, row in rows.items():
        file = drawn.folder / f"{i}.jpg"
        if row["state"] == "whole":
            with Image.open(file) as picture:
                picture.load()
                assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (224, 224))
        elif row["state"] == "truncated":
            with Image.open(file) as picture, pytest.raises(OSError, match="image file is truncated"):
                picture.load()
        elif row["state"] == "empty":
            assert file.read_bytes() == b""
        elif row["state"] == "text":
            assert file.read_bytes().startswith(b"<!DOCTYPE html>")


def test_the_summary_counts_what_was_written(drawn, rows):
    assert drawn.states == Counter(row["state"] for row in rows.values())
    assert {state: count for state, count in drawn.states.items() if state != "whole"} == {
        "truncated": 1,
        "empty": 1,
        "text": 1,
        "missing": 8,
    }
    assert drawn.files == len(list(drawn.folder.iterdir())) == 292
    assert drawn.broken == 3
    assert drawn.stock_photos == len({row["stock_photo"] for row in rows.values()} - {""})


def test_a_stock_photo_is_the_same_bytes_for_several_products_and_no_other_picture_is(world, drawn, rows):
    served = defaultdict(list)
    for i, row in rows.items():
        if row["stock_photo"]:
            served[row["stock_photo"]].append(world[i])
    found = digests(drawn.folder)
    for products in served.values():
        assert len({found[f"{product.product_id}.jpg"] for product in products}) == 1
        assert len({product.identity for product in products}) > 1
        assert len({product.category for product in products}) == 1
    assert any(len({product.goes_with for product in products}) > 1 for products in served.values())
    assert any(len({product.variant_group for product in products}) == 1 for products in served.values())
    shown = defaultdict(set)
    for i, row in rows.items():
        if row["state"] == "whole" and not row["stock_photo"]:
            shown[found[f"{i}.jpg"]].add(world[i].identity)
    assert all(len(identities) == 1 for identities in shown.values())


def test_offers_of_one_product_look_more_alike_than_products_of_other_kinds(world, pixels):
    def apart(pairs):
        return np.mean([np.abs(pixels[one] - pixels[other]).mean() for one, other in pairs])

    ids = list(pixels)
    offers = [pair for pair in combinations(ids, 2) if world[pair[0]].identity == world[pair[1]].identity]
    strangers = [pair for pair in combinations(ids[::9], 2) if world[pair[0]].category != world[pair[1]].category]
    assert len(offers) > 50
    assert apart(offers) < 0.5 * apart(strangers)


def test_some_sellers_show_the_makers_photo_before_a_background_of_their_own(world, pixels):
    pairs = [pair for pair in combinations(pixels, 2) if world[pair[0]].identity == world[pair[1]].identity]
    apart = np.array(
        [np.median(np.abs(pixels[one][40:-40, 40:-40] - pixels[other][40:-40, 40:-40])) for one, other in pairs]
    )
    assert 0.05 < np.mean(apart < 1) < 0.6


@pytest.mark.parametrize("category", ["phone", "case", "earbuds", "headphones", "holder"])
def test_where_colour_is_what_varies_the_picture_shows_it(world, pixels, category):
    shown = [product for product in world.values() if product.category == category and product.product_id in pixels]
    for product in shown:
        close = np.abs(pixels[product.product_id] - PAINTS[product.colour]).max(axis=2) < 16
        assert close.mean() > 0.02, product


def test_every_kind_is_drawn_and_stays_within_its_picture(world, pixels):
    assert set(SHAPES) == {kind.name for kind in (PHONE, *ACCESSORIES)}
    for i, picture in pixels.items():
        edge = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
        assert edge.min() > 215, world[i]
        assert picture.min() < 190


def test_what_a_variant_holds_is_printed_on_it(world):
    card = next(product for product in world.values() if product.category == "memory card")
    assert look_of(replace(card, variant="64GB")).label == "64GB"
    protector = next(product for product in world.values() if product.category == "screen protector")
    assert look_of(replace(protector, variant="3 Pack")).amount == 3


def test_a_phone_and_what_is_made_for_it_share_a_model_and_a_generic_photo_names_nobody(world):
    case = next(product for product in world.values() if product.category == "case")
    phone = next(product for product in world.values() if product.goes_with == case.goes_with)
    assert look_of(case).phone == look_of(phone).phone == case.goes_with
    generic = look_of(case, generic=True)
    assert (generic.brand, generic.label, generic.phone, generic.amount) == ("", "", "", 1)
    assert generic.paint == PAINTS[case.colour]


def test_shades_go_from_black_through_the_colour_to_white():
    assert [shade((100, 50, 200), light) for light in (0, 0.5, 1, 1.5, 2)] == [
        (0, 0, 0), (50, 25, 100), (100, 50, 200), (178, 152, 228), (255, 255, 255),
    ]  # fmt: skip


def test_pictures_of_an_earlier_sample_are_removed_and_other_files_stay(tmp_path):
    written(tmp_path, 3, products=80)
    (tmp_path / "pictures" / "mine.jpg").write_bytes(b"mine")
    again = written(tmp_path, 4)
    with again.truth.open(encoding="utf-8", newline="") as file:
        expected = {row["product_id"] for row in csv.DictReader(file) if row["state"] != "missing"}
    assert {path.stem for path in again.folder.iterdir()} == expected | {"mine"}
    assert again.files == len(expected)


def test_a_sample_with_pictures_is_the_same_sample_and_counts_each_product_once(tmp_path):
    steps = []
    plain = write_sample(tmp_path / "plain", products=60, seed=SEED)
    pictured = write_sample(tmp_path / "pictured", products=60, seed=SEED, pictures=True, progress=steps.append)
    assert plain.pictures is None
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) == ["catalogue.jsonl.gz", "truth.csv"]
    assert plain.catalogue.read_bytes() == pictured.catalogue.read_bytes()
    assert plain.truth.read_bytes() == pictured.truth.read_bytes()
    assert sum(steps) == 60
    assert pictured.pictures.folder == tmp_path / "pictured" / "pictures"
    assert pictured.pictures.truth == tmp_path / "pictured" / "pictures.csv"
    assert sum(pictured.pictures.states.values()) == 60


def test_the_command_says_what_it_drew(tmp_path):
    from service.cli import main

    folder = tmp_path / "shop"
    done = CliRunner().invoke(main, ["sample", str(folder), "--products", "60", "--seed", "7", "--pictures"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[2] == (
        f"{folder / 'pictures'}: 59 pictures, 3 of them broken on purpose; 3 stock photos serve several products"
    )
