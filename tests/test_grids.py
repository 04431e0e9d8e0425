"""Grids of pictures: which are chosen, where they stand, and what stands where there is none."""

import json
from dataclasses import replace
from random import Random

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageColor

from indexer.store import NewPoint, open_store
from indexer.store.engine import Terms
from service.pictures import common_words, gather
from service.report import Cluster, Tile, Typeface, choosing, grids, layout, write_grids

COLOURS = ("red", "green", "blue", "yellow", "cyan", "magenta", "orange", "brown", "olive", "navy")
WHITE = (255, 255, 255)


def on_a_circle(*degrees):
    """Vectors of length 1 at these angles; None is a row of NaN."""
    radians = np.radians([np.nan if angle is None else angle for angle in degrees])
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


def shown(chosen):
    return [(part.heading, part.rows.tolist()) for part in chosen]


# Which are chosen


def test_the_most_central_the_most_diverse_and_the_farthest_of_a_known_world():
    # The centre lies at 8.6 degrees; 80 and -40 are the farthest two, and beside them 44 and -20 fill the largest gaps.
    vectors = on_a_circle(0, 2, 4, 6, 80, -40, 8, 44, 12, -20)
    assert shown(choosing.parts(vectors, 6)) == [
        ("most central", [6, 3]),
        ("most diverse", [7, 9]),
        ("farthest from the centre", [4, 5]),
    ]


@pytest.mark.parametrize(("count", "sizes"), [(5, [2, 2, 1]), (10, [4, 3, 3]), (15, [5, 5, 5]), (25, [9, 8, 8])])
def test_each_part_gets_a_third_and_no_product_is_shown_twice(count, sizes):
    vectors = on_a_circle(*Random(count).sample(range(180), 40))
    chosen = choosing.parts(vectors, count)
    assert [len(part.rows) for part in chosen] == sizes
    assert len({row for part in chosen for row in part.rows.tolist()}) == count


def test_a_small_cluster_is_shown_whole_from_its_centre_outwards():
    assert shown(choosing.parts(on_a_circle(90, 0, 10), 5)) == [("all, the most central first", [2, 1, 0])]
    assert choosing.parts(np.empty((0, 2), np.float32), 5) == []


def test_of_equals_the_first_row_comes_first_and_rows_of_nan_come_last():
    assert choosing.from_the_centre(on_a_circle(None, 30, 30, 30, None)).tolist() == [1, 2, 3, 0, 4]
    assert choosing.from_the_centre(on_a_circle(None, None)).tolist() == [0, 1]


def test_one_photo_for_all_products_shows_each_of_them_once():
    assert shown(choosing.parts(on_a_circle(*[30] * 40), 9)) == [
        ("most central", [0, 1, 2]),
        ("most diverse", [3, 4, 5]),
        ("farthest from the centre", [39, 38, 37]),
    ]


@pytest.mark.parametrize("seed", range(4))
def test_the_most_diverse_are_those_that_asking_every_pair_finds(seed):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(30, 5)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    among, chosen = rng.permutation(28)[:20], [28, 29]
    for _ in range(6):
        free = [row for row in among.tolist() if row not in chosen]
        nearest = {row: max(float(vectors[row] @ vectors[other]) for other in chosen) for row in free}
        chosen.append(min(free, key=nearest.get))
    found = choosing.most_diverse(vectors, 6, among=among, beside=np.array([28, 29]))
    assert found.tolist() == chosen[2:]


def test_roles_are_shown_the_most_frequent_first_each_by_its_centre_and_its_extremes():
    names = ["case", "phone", "case", "phone", "case", "case", "cable"]
    vectors = on_a_circle(0, 90, 10, 95, 50, None, 180)
    assert shown(choosing.roles(vectors, names, 15)) == [
        ("case · 4", [2, 4, 0]),
        ("phone · 2", [1, 3]),
        ("cable · 1", [6]),
    ]
    assert shown(choosing.roles(vectors, names, 5)) == [("case · 4", [2]), ("phone · 2", [1]), ("cable · 1", [6])]


def test_a_role_shows_products_without_a_vector_only_where_nothing_else_is_left():
    names = ["case", "case", "cable", "cable"]
    chosen = choosing.roles(on_a_circle(None, 0, None, None), names, 15)
    assert shown(chosen) == [("cable · 2", [2, 3]), ("case · 2", [1, 0])]


def test_roles_stop_where_the_page_is_full():
    names = [f"kind {row}" for row in range(8)]
    chosen = choosing.roles(on_a_circle(*range(8)), names, 5)
    shown = [f"kind {row} · 1" for row in range(4)]
    assert [part.heading for part in chosen] == [*shown, "kind 4 · 1; and 3 of other kinds"]


# Letters


@pytest.fixture
def face():
    return Typeface()


def test_a_title_is_broken_between_words_and_cut_with_an_ellipsis(face):
    title = "Leather wallet case with a strap and room for six cards"
    width = face.at(13).getlength("Leather wallet case")
    assert face.lines(title, 13, width, 2) == ["Leather wallet case", "with a strap and …"]
    assert face.lines("Case", 13, width, 2) == ["Case"]
    assert face.lines("", 13, width, 2) == [""]
    (line,) = face.lines("Unbreakablescreenprotectorfoil", 13, 80, 1)
    assert line.startswith("Unbreak")
    assert line.endswith("…")


@pytest.mark.parametrize("seed", range(5))
def test_no_line_is_wider_than_its_room(face, seed):
    rng = Random(seed)
    words = ["".join(rng.choices("abcdefghWM", k=rng.randint(1, 30))) for _ in range(12)]
    lines = face.lines(" ".join([*words, "w" * 9000]), 13, 148, 3)
    assert len(lines) <= 3
    assert max(face.at(13).getlength(line) for line in lines) <= 148


def test_accents_are_left_out_and_what_no_letter_is_known_for_is_drawn_all_the_same(face):
    assert face.lines("Crème\nbrûlée", 13, 200, 1) == ["Creme brulee"]
    tile = Tile("手机", "Жук 手机 \ud83d \x00 🙂 شاحن", None)
    assert layout.missing(tile, "no picture", 148, face).size == (148, 148)


def test_a_file_that_is_no_font_is_named(tmp_path):
    file = tmp_path / "font.ttf"
    file.write_text("no font")
    with pytest.raises(ValueError) as refused:
        Typeface(file)
    assert str(refused.value) == f"'{file}' is no font that can be read: give a .ttf or .otf file"


# Where they stand


def tile(name):
    return Tile(name, f"title of {name}", None)


def colour_at(page, column, row):
    """The middle of the picture in this place of a page, by the layout's own measures."""
    side, gap, caption, heading = 148, 12, 54, 30
    left = 20 + column * (side + gap) + side // 2
    return page.getpixel((left, 70 + heading + row * (heading + side + caption + gap) + side // 2))


def test_sections_stand_side_by_side_where_there_is_room(face):
    names = "abcdefg"
    tiles = {name: tile(name) for name in names}
    pictures = {tiles[name]: Image.new("RGB", (148, 148), colour) for name, colour in zip(names, COLOURS, strict=False)}
    sections = [layout.Section(some, [tiles[name] for name in some]) for some in ("abc", "de", "fg")]
    page = layout.draw_grid("title", "note", sections, pictures, columns=5, face=face)
    assert page.size == (20 + 5 * 160 - 12 + 20, 70 + 2 * (30 + 148 + 54 + 12) - 12 + 20)
    found = [colour_at(page, column, row) for row in range(2) for column in range(5)]
    assert found == [*(ImageColor.getrgb(colour) for colour in COLOURS[:7]), WHITE, WHITE, WHITE]


def test_a_section_longer_than_a_row_goes_on_below(face):
    tiles = [tile(str(number)) for number in range(7)]
    pictures = dict.fromkeys(tiles, Image.new("RGB", (148, 148)))
    page = layout.draw_grid("t", "n", [layout.Section("all", tiles)], pictures, columns=5, face=face)
    assert page.height == 70 + 30 + 2 * (148 + 54 + 12) - 12 + 20


def test_a_picture_is_shown_whole_with_white_beside_it():
    small = layout.thumbnail(Image.new("RGB", (400, 200), "red"), 148)
    assert small.size == (148, 148)
    assert [small.getpixel((74, y)) for y in (36, 37, 110, 111)] == [WHITE, (255, 0, 0), (255, 0, 0), WHITE]
    large = layout.thumbnail(Image.new("RGB", (3000, 4), "red"), 148)
    assert [large.getpixel((74, y)) for y in (72, 73, 74)] == [WHITE, (255, 0, 0), WHITE]


def test_a_mosaic_shows_four_a_single_picture_fills_it_and_two_stand_in_the_middle():
    plain = [Image.new("RGB", (148, 148), colour) for colour in COLOURS[:5]]
    corners = [(36, 36), (112, 36), (36, 112), (112, 112)]
    red, green, blue, yellow = (ImageColor.getrgb(colour) for colour in COLOURS[:4])
    assert [layout.mosaic(plain).getpixel(corner) for corner in corners] == [red, green, blue, yellow]
    assert [layout.mosaic(plain[:1]).getpixel(corner) for corner in corners] == [red] * 4
    assert [layout.mosaic(plain[:2]).getpixel(corner) for corner in [(36, 74), (112, 74)]] == [red, green]


# Pages


def paint(folder, name):
    """Write a picture of one colour."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (60, 60), name).save(folder / f"{name}.png")
    return folder / f"{name}.png"


@pytest.fixture
def painted(tmp_path):
    """Make clusters of plain pictures: one colour a product."""

    def cluster(number, colours, degrees=None, roles=()):
        folder = tmp_path / "pictures" / str(number)
        tiles = [Tile(f"{number}-{name}", f"a {name} thing", paint(folder, name)) for name in colours]
        return Cluster(number, tiles, on_a_circle(*(degrees or range(len(tiles)))), roles)

    return cluster


def test_every_cluster_gets_a_page_with_its_products_in_order_and_all_get_a_sheet(painted, tmp_path):
    world = painted(7, COLOURS, (0, 2, 4, 6, 80, -40, 8, 44, 12, -20))
    steps = []
    drawn = write_grids(
        [world, painted(40, ["red"])],
        tmp_path / "out",
        label="similarity",
        names={7: "things"},
        per_cluster=6,
        progress=steps.append,
    )
    assert drawn == grids.GridSummary(tmp_path / "out", 2, (tmp_path / "out" / "similarity-sheet.png",), 7, {})
    assert steps == [1, 1]
    assert sorted(path.name for path in drawn.folder.iterdir()) == [
        "similarity-0007.png", "similarity-0040.png", "similarity-sheet.png",
    ]  # fmt: skip
    with Image.open(drawn.folder / "similarity-0007.png") as page:
        assert (page.format, page.mode, page.width) == ("PNG", "RGB", 828)
        found = [colour_at(page, column, row) for row, column in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (1, 1)]]
    chosen = [COLOURS[row] for row in (6, 3, 7, 9, 4, 5)]
    assert found == [ImageColor.getrgb(colour) for colour in chosen]
    with Image.open(drawn.sheets[0]) as sheet:
        faces = [sheet.getpixel((20 + x, 70 + y)) for y in (36, 112) for x in (36, 112)]
        assert faces == [ImageColor.getrgb(colour) for colour in chosen[:4]]
        assert sheet.getpixel((20 + 160 + 74, 70 + 74)) == (255, 0, 0)


def test_the_same_clusters_draw_the_same_bytes(painted, tmp_path):
    world = painted(1, COLOURS[:6])
    pages = [
        write_grids([world], tmp_path / name, label="l", names={}).folder / "l-0001.png" for name in ("one", "two")
    ]
    assert pages[0].read_bytes() == pages[1].read_bytes()


def test_pictures_that_are_missing_or_broken_are_grey_tiles_counted_by_reason(painted, tmp_path):
    world = painted(3, COLOURS[:5])
    (tmp_path / "pictures" / "3" / "green.png").write_bytes(b"")
    (tmp_path / "pictures" / "3" / "blue.png").unlink()
    tiles = [replace(each, picture=None) if "yellow" in each.title else each for each in world.tiles]
    drawn = write_grids([Cluster(3, tiles, world.vectors)], tmp_path / "out", label="l", names={})
    assert drawn.pictures == 2
    assert drawn.missing == {"empty file": 1, "no such file": 1, "no picture": 1}
    with Image.open(drawn.folder / "l-0003.png") as page:
        found = [colour_at(page, column, 0) for column in range(5)]
    assert sorted(found) == sorted([(255, 0, 0), (0, 255, 255), *[(226, 227, 230)] * 3])
    with Image.open(drawn.sheets[0]) as sheet:  # pictures stand for the cluster before grey tiles do
        assert {sheet.getpixel((56, 106)), sheet.getpixel((132, 106))} == {(255, 0, 0), (0, 255, 255)}


def test_products_without_a_vector_stand_below_the_others_or_alone(painted, tmp_path):
    world = painted(3, COLOURS[:4], (None, 0, 1, None))
    page = grids._plan(world, 5)
    assert [(section.heading, [each.product_id for each in section.tiles]) for section in page.sections] == [
        ("all, the most central first", ["3-green", "3-blue"]),
        ("without a usable picture · 2", ["3-red", "3-yellow"]),
    ]
    nobody = grids._plan(painted(4, COLOURS, [None] * 10), 7)
    assert [(section.heading, len(section.tiles)) for section in nobody.sections] == [
        ("without a usable picture · 10", 7)
    ]
    assert write_grids([world], tmp_path / "out", label="l", names={}).pictures == 4


def test_a_cluster_of_roles_is_shown_by_them_with_one_of_each_on_the_sheet(painted):
    world = painted(3, COLOURS[:5], None, ["case", "case", "case", "phone", "cable"])
    page = grids._plan(world, 15)
    assert [section.heading for section in page.sections] == ["case · 3", "cable · 1", "phone · 1"]
    assert [each.product_id for each in page.faces] == ["3-green", "3-cyan", "3-yellow", "3-red", "3-blue"]
    assert page.columns == 6


@pytest.mark.parametrize(
    ("box", "colour"),
    [
        ((20, 0, 40, 20), "blue"),
        ((0, 0, 20, 20), "red"),
        ((20, 0, 99, 99), "blue"),
        ((50, 0, 60, 20), "red"),
        (None, "red"),
    ],
)
def test_what_the_model_saw_is_what_is_shown(tmp_path, box, colour):
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (20, 0, 40, 20))
    picture.save(tmp_path / "half.png")
    world = Cluster(1, [Tile("P1", "half", tmp_path / "half.png", box)], on_a_circle(0))
    drawn = write_grids([world], tmp_path / "out", label="l", names={})
    with Image.open(drawn.folder / "l-0001.png") as page:
        x, y = 20 + 20, 70 + 30 + 74  # towards the left of the picture
        assert page.getpixel((x, y)) == ImageColor.getrgb(colour)


def test_many_clusters_take_several_sheets(painted, tmp_path, monkeypatch):
    monkeypatch.setattr(grids, "ON_A_SHEET", 2)
    drawn = write_grids((painted(number, ["red"]) for number in range(5)), tmp_path / "out", label="l", names={})
    assert [sheet.name for sheet in drawn.sheets] == ["l-sheet.png", "l-sheet-2.png", "l-sheet-3.png"]
    assert drawn.grids == 5


def test_a_cluster_is_called_by_its_number_on_its_page_and_on_the_sheet(painted, tmp_path, monkeypatch):
    pages, sheets = [], []
    draw_grid, draw_sheet = grids.draw_grid, grids.draw_contact_sheet

    def page(title, note, *rest, **options):
        pages.append((title, note))
        return draw_grid(title, note, *rest, **options)

    def sheet(title, note, entries, **options):
        sheets.append((title, note, [(entry.name, entry.note) for entry in entries]))
        return draw_sheet(title, note, entries, **options)

    monkeypatch.setattr(grids, "draw_grid", page)
    monkeypatch.setattr(grids, "draw_contact_sheet", sheet)
    monkeypatch.setattr(grids, "ON_A_SHEET", 2)
    world = [painted(7, ["red", "blue"]), painted(0, ["red"]), painted(3, ["red"])]
    write_grids(world, tmp_path / "out", label="kind", names={7: "shoes"})
    assert sorted(pages) == [
        ("kind cluster 0", "1 product"),
        ("kind cluster 3", "1 product"),
        ("shoes", "kind cluster 7 · 2 products"),
    ]
    assert sheets == [
        ("kind", "2 clusters", [("shoes", "cluster 7 · 2 products"), ("", "cluster 0 · 1 product")]),
        ("kind", "sheet 2, 1 cluster", [("", "cluster 3 · 1 product")]),
    ]


@pytest.mark.parametrize("count", [4, 26])
def test_a_page_shows_between_5_and_25_products(tmp_path, count):
    with pytest.raises(ValueError, match=f"^pictures a cluster must be between 5 and 25, got {count}$"):
        write_grids([], tmp_path / "out", label="l", names={}, per_cluster=count)
    assert not (tmp_path / "out").exists()


def test_a_cluster_needs_a_vector_a_product():
    with pytest.raises(ValueError) as refused:
        Cluster(3, [tile("a"), tile("b")], on_a_circle(0))
    assert str(refused.value) == (
        "cluster 3 needs as many tiles as vectors and roles, and one at least, got 2, 1 and 0"
    )


# From the store


PRODUCTS = {
    # title, categories, similarity, complementary, picture, its angle
    "P1": ("nova phone black 64 gb", ["Phones"], 0, 0, "red", 0),
    "P2": ("nova phone white 64 gb", ["Phones"], 0, 0, "green", 10),
    "P3": ("nova phone for travel", ["Phones"], 0, 0, None, None),
    "C1": ("clear case for nova", ["Accessories", "Cases"], 1, 0, "blue", 90),
    "C2": ("leather case, nova", [], 1, 0, "yellow", 100),
    "X1": ("", ["Phones", "Spares"], 2, 1, None, None),
}

BOXES = {"C1": [1, 2, 30, 40]}


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    """A store with image vectors and labels, but P3 and X1 have no picture."""
    folder = tmp_path_factory.mktemp("shop")
    pictured = {i: row for i, row in PRODUCTS.items() if row[4]}
    with open_store(str(folder / "store"), create=True) as store:
        store.create({"text": 2})
        store.upsert(
            [
                NewPoint(i, {"product_id": i, "title": title, "categories": path}, vector, Terms((), ()), "t", "r")
                for (i, (title, path, *_)), vector in zip(PRODUCTS.items(), on_a_circle(*range(6)), strict=True)
            ]
        )
        vectors = on_a_circle(*(row[5] for row in pictured.values()))
        store.set_vectors(
            "image",
            dict(zip(pictured, vectors, strict=True)),
            {
                i: {"picture": str(paint(folder, row[4])), "picture_box": BOXES.get(i, [])}
                for i, row in pictured.items()
            },
        )
        columns = {"similarity": 2, "complementary": 3}
        labels = {label: np.array([row[at] for row in PRODUCTS.values()]) for label, at in columns.items()}
        store.set_labels(list(PRODUCTS), labels, {})
        settings = store.records.settings()
        store.records.save_settings(replace(settings, labels=dict.fromkeys(columns, "run")))
    return str(folder / "store")


def test_clusters_come_from_the_store_largest_first_with_pictures_vectors_and_names(shop):
    steps = []
    with open_store(shop) as store:
        gathered = gather(store, "similarity", progress=steps.append)
    phones, cases, spare = gathered.clusters
    assert (gathered.of_all, gathered.names) == (3, {0: "nova phone", 1: "case nova", 2: "phones spares"})
    assert sum(steps) == 6
    assert spare.tiles == [Tile("X1", "Phones > Spares", None)]
    found = {each.product_id: each.picture and each.picture.stem for each in phones.tiles}
    assert found == {"P1": "red", "P2": "green", "P3": None}
    (lacking,) = [row for row, each in enumerate(phones.tiles) if each.product_id == "P3"]
    assert np.isnan(phones.vectors).all(axis=1).tolist() == [row == lacking for row in range(3)]
    assert (cases.number, len(cases.tiles), list(cases.roles)) == (1, 2, [])
    assert {each.product_id: each.box for each in cases.tiles} == {"C1": (1, 2, 30, 40), "C2": None}


def test_complementary_clusters_have_roles_by_category_or_else_by_similarity_cluster(shop):
    with open_store(shop) as store:
        together, _ = gather(store, "complementary").clusters
    roles = {each.product_id: role for each, role in zip(together.tiles, together.roles, strict=True)}
    assert roles == dict.fromkeys(["P1", "P2", "P3"], "Phones") | {
        "C1": "Cases",
        "C2": "leather case nova (similarity 1)",
    }


def test_clusters_can_be_named_or_counted(shop):
    with open_store(shop) as store:
        assert list(gather(store, "similarity", clusters=[1]).names) == [1]
        assert list(gather(store, "similarity", limit=1).names) == [0]
        with pytest.raises(LookupError) as refused:
            gather(store, "similarity", clusters=[1, 9])
        assert str(refused.value) == "label 'similarity' has no cluster 9: `assort labels similarity` lists them"
        with pytest.raises(LookupError, match="^there is no label 'identity': there are similarity, complementary$"):
            gather(store, "identity")


def test_without_any_picture_there_is_nothing_to_draw(shop):
    with open_store(shop) as store, pytest.raises(LookupError) as refused:
        gather(store, "similarity", clusters=[2])
    assert str(refused.value) == (
        "no product of these clusters has a picture: run `assort index CATALOGUE --images download` first, "
        "or --images FOLDER"
    )


def test_clusters_are_named_by_the_words_their_titles_share():
    assert common_words(["Red Case for Nova 2", "red case, clear", "case (red) for Luna"]) == "red case"
    assert common_words(["alpha", "beta", "gamma", "delta"]) == "alpha"
    assert common_words(["", "12 34"]) == ""
    assert common_words([]) == ""


def command(*arguments):
    from service.cli.grids import grids as assort_grids

    return CliRunner().invoke(assort_grids, [str(argument) for argument in arguments])


def test_the_command_draws_and_says_what(shop, tmp_path):
    out = tmp_path / "out"
    done = command("similarity", "--store", shop, "--out", out)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == (
        f"3 pages in {out}, together on {out / 'similarity-sheet.png'}: 4 pictures; drawn without one: no picture 2\n"
    )
    pages = {file.name for file in out.iterdir()}
    done = command("similarity", "--store", shop, "--out", out, "--clusters", "0")
    assert done.stdout.startswith(f"1 page in {out}, together on {out / 'similarity-chosen.png'}: ")
    assert {file.name for file in out.iterdir()} == {*pages, "similarity-chosen.png"}
    done = command("complementary", "--store", shop, "--out", out, "--json", "--clusters", "0")
    assert json.loads(done.stdout) == {
        "folder": str(out), "grids": 1, "sheets": [str(out / "complementary-chosen.png")], "pictures": 4,
        "missing": {"no picture": 1},
    }  # fmt: skip
    done = command("similarity", "--store", shop, "--out", out, "--limit", "1")
    assert done.stderr == "the 1 largest of 3 clusters; --limit shows more\n"


def test_a_cluster_that_is_no_number_is_wrong_usage(shop):
    done = command("similarity", "--store", shop, "--clusters", "3,phones")
    assert done.exit_code == 2
    assert "'phones' is no cluster's number: write for example 3,17,40" in done.stderr


def test_pages_of_clusters_that_are_gone_go_and_other_files_stay(tmp_path):
    names = ["kind-0007.png", "kind-sheet.png", "kind-sheet-2.png", "other-0007.png", "kind-notes.png", "kind-7.png"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    write_grids([], tmp_path, label="kind", names={})
    assert sorted(file.name for file in tmp_path.iterdir()) == ["kind-7.png", "kind-notes.png", "other-0007.png"]
