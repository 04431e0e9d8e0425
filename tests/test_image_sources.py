"""Where a product's picture is found: by address, in a folder, or among kept bytes."""

import io
from pathlib import Path

import pytest
from PIL import Image

from indexer.images import KEPT, BadPicture, Downloads, FirstOf, FromFolder, FromUrls, Kept, keep_bytes
from indexer.images.kept import digest, kept_file, write_whole


def png(colour="red"):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(file, "PNG")
    return file.getvalue()


def told(found):
    """Make answers comparable: files by path, reasons by their words."""
    answers = list(found)
    assert len({product_id for product_id, _ in answers}) == len(answers)
    return {product_id: str(found) if isinstance(found, BadPicture) else found for product_id, found in answers}


def folder_of(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png())
    return root


def products(*ids, **fields):
    return [{"product_id": product_id, **({"fields": fields} if fields else {})} for product_id in ids]


class Shelf:
    """Stands in for downloads: what is on it is a picture, all else is not there."""

    def __init__(self, **files):
        self.files, self.rounds = files, []

    def fetch(self, urls):
        self.rounds.append(sorted(urls))
        for url in reversed(self.rounds[-1]):  # in another order than asked for
            yield url, self.files.get(url, BadPicture(f"no {url}"))


def listing(**urls):
    return [{"product_id": product_id, "image_urls": listed} for product_id, listed in urls.items()]


def test_of_the_addresses_a_product_lists_the_first_that_is_a_picture_counts():
    shelf = Shelf(a=Path("A"), b=Path("B"), c=Path("C"))
    found = FromUrls(shelf).pictures(listing(P1=["a", "b"], P2=["x", "b"], P3=["y", "x", "z"], P4=["x", "y", "c"]))
    assert told(found) == {"P1": Path("A"), "P2": Path("B"), "P3": "no z", "P4": Path("C")}
    assert shelf.rounds == [["a", "x", "y"], ["b", "x", "y"], ["c", "z"]]


def test_a_picture_that_several_products_share_is_fetched_once():
    shelf = Shelf(a=Path("A"))
    assert told(FromUrls(shelf).pictures(listing(P1=["a"], P2=["a"]))) == {"P1": Path("A"), "P2": Path("A")}
    assert shelf.rounds == [["a"]]


def test_a_product_that_lists_no_address_gets_no_answer():
    shelf = Shelf(a=Path("A"))
    bare = [{"product_id": "P1"}, *listing(P2=[], P3=[f"{KEPT}00"])]
    assert told(FromUrls(shelf).pictures(bare)) == {}
    assert shelf.rounds == []


def test_addresses_are_really_downloaded(tmp_path):
    """Nothing listens there: what counts is that the parts fit together."""
    downloads = Downloads(tmp_path, private=True, tries=1)
    found = told(FromUrls(downloads).pictures(listing(P1=["http://127.0.0.1:9/a.png"], P2=["picture.png"])))
    assert found == {"P1": "no connection", "P2": "no http address"}


def test_files_are_found_by_product_id_whatever_their_ending(tmp_path):
    names = [
        "1.jpg",
        "2.JPEG",
        "3.png",
        "4.webp",
        "5.gif",
        "6.bmp",
        "7.tif",
        "8.TIFF",
        "sub/9.jpg",
        "10.txt",
        "B.Q.png",
    ]
    folder = folder_of(tmp_path, *names)
    found = told(FromFolder(folder).pictures(products(*map(str, range(1, 13)), "B.Q", "B")))
    assert {product_id: path.relative_to(tmp_path).as_posix() for product_id, path in found.items()} == {
        **{str(n): name for n, name in enumerate(names[:9], 1)},
        "B.Q": "B.Q.png",
    }


def test_capital_and_small_letters_are_alike_unless_both_are_there(tmp_path):
    folder = folder_of(tmp_path, "b00abc.jpg", "x.jpg", "X.jpg", "straße.png")
    found = told(FromFolder(folder).pictures(products("B00ABC", "x", "X", "STRASSE")))
    assert {product_id: path.name for product_id, path in found.items()} == {
        "B00ABC": "b00abc.jpg",
        "x": "x.jpg",
        "X": "X.jpg",
        "STRASSE": "straße.png",
    }


def test_of_several_files_the_nearest_and_likeliest_counts(tmp_path):
    folder = folder_of(tmp_path, "a/1.jpg", "1.png", "1.gif", "b/2.jpg", "a/2.jpg", "a/b/3.jpg", "c/3.png")
    found = told(FromFolder(folder).pictures(products("1", "2", "3", "b/2", "a/1")))
    assert {product_id: path.relative_to(tmp_path).as_posix() for product_id, path in found.items()} == {
        "1": "1.png",
        "2": "a/2.jpg",
        "3": "c/3.png",
        "b/2": "b/2.jpg",
        "a/1": "a/1.jpg",
    }


def test_hidden_files_and_folders_are_no_pictures(tmp_path):
    folder = folder_of(tmp_path, ".1.jpg", ".cache/2.jpg")
    assert told(FromFolder(folder).pictures(products(".1", "1", "2"))) == {}


def test_a_column_names_the_file(tmp_path):
    folder = folder_of(tmp_path, "a.jpg", "sub/b.png", "7.jpg", "blob")
    source = FromFolder(folder, "photo")
    for name, file in {
        "a.jpg": "a.jpg",
        "./sub/../a.jpg": "a.jpg",
        "sub/b.png": "sub/b.png",
        "b": "sub/b.png",
        "sub/b": "sub/b.png",
        "blob": "blob",
        7: "7.jpg",
        str(tmp_path / "a.jpg"): "a.jpg",
    }.items():
        assert told(source.pictures(products("P", photo=name))) == {"P": tmp_path / file}
    assert told(source.pictures(products("P", photo="c.jpg"))) == {"P": "no such file"}
    assert told(source.pictures(products("P", photo="sub"))) == {"P": "no such file"}
    assert told(source.pictures(products("P", photo="x" * 5000))) == {"P": "no such file"}
    assert told(source.pictures(products("P", photo="a\0.jpg"))) == {"P": "no such file"}
    assert told(source.pictures([*products("P"), *products("Q", photo=""), *products("R", other="a.jpg")])) == {}


@pytest.mark.parametrize(
    "name", ["../secret.jpg", "sub/../../secret.jpg", "{outside}/secret.jpg", "../inside-not/a.jpg"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(tmp_path, name):
    folder_of(tmp_path, "secret.jpg", "inside-not/a.jpg")
    folder = folder_of(tmp_path / "inside", "a.jpg", "sub/b.jpg")
    name = name.replace("{outside}", str(tmp_path))
    assert told(FromFolder(folder, "photo").pictures(products("P", photo=name))) == {
        "P": "path leads out of the folder"
    }
    assert told(FromFolder(folder).pictures(products(name))) == {}


def test_a_link_that_its_owner_put_into_the_folder_is_followed(tmp_path):
    folder_of(tmp_path, "elsewhere/a.jpg")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "1.jpg").symlink_to(tmp_path / "elsewhere" / "a.jpg")
    (tmp_path / "linked").symlink_to(tmp_path / "folder")
    for folder in ("folder", "linked"):
        assert told(FromFolder(tmp_path / folder).pictures(products("1"))) == {"1": tmp_path / folder / "1.jpg"}
        assert told(FromFolder(tmp_path / folder, "photo").pictures(products("P", photo="1.jpg"))) == {
            "P": tmp_path / folder / "1.jpg"
        }


def test_the_current_folder_will_do(tmp_path, monkeypatch):
    monkeypatch.chdir(folder_of(tmp_path, "1.jpg"))
    assert told(FromFolder(Path()).pictures(products("1"))) == {"1": tmp_path / "1.jpg"}


def test_a_folder_that_is_not_there_is_said_at_once(tmp_path):
    with pytest.raises(NotADirectoryError, match=r"^'.*/absent' is no folder: name the one that holds the pictures$"):
        FromFolder(tmp_path / "absent")


def test_the_same_bytes_are_kept_once(tmp_path):
    red, blue = keep_bytes(png("red"), tmp_path), keep_bytes(png("blue"), tmp_path)
    written = red.stat().st_mtime_ns
    assert keep_bytes(png("red"), tmp_path) == red
    assert red.stat().st_mtime_ns == written
    assert (red.read_bytes(), blue.read_bytes()) == (png("red"), png("blue"))
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == sorted([red, blue])


def test_kept_pictures_are_found_by_what_the_product_lists(tmp_path):
    cache = tmp_path / "a" / "b"
    red, blue = keep_bytes(png("red"), cache), keep_bytes(png("blue"), cache)
    listed = listing(
        P1=[KEPT + red.name, KEPT + blue.name],
        P2=["http://shop.example/a.png", KEPT + "0" * 32, KEPT + blue.name],
        P3=[KEPT + "0" * 32],
        P4=["http://shop.example/a.png"],
        P5=[f"{KEPT}../secret.jpg", f"{KEPT}/etc/hostname"],
    )
    (tmp_path / "secret.jpg").write_bytes(png())  # where the path of P5 leads
    assert told(Kept(cache).pictures(listed)) == {
        "P1": red,
        "P2": blue,
        "P3": "not in the picture cache",
        "P5": "not in the picture cache",
    }


def test_a_file_that_cannot_be_written_leaves_no_part_of_it(tmp_path):
    (tmp_path / "ab" / "abcd").mkdir(parents=True)
    with pytest.raises(OSError, match=r"cannot be written \(Is a directory\): give ASSORT_CACHE a folder that you may"):
        write_whole(tmp_path / "ab" / "abcd", b"content")
    assert list((tmp_path / "ab").iterdir()) == [tmp_path / "ab" / "abcd"]


class Fixed:
    """A source whose answers are given."""

    def __init__(self, **answers):
        self.answers, self.asked = answers, []

    def pictures(self, products):
        ids = [product["product_id"] for product in products]
        self.asked.append(ids)
        return ((product_id, self.answers[product_id]) for product_id in ids if product_id in self.answers)


def test_sources_are_asked_one_after_another_for_what_is_still_wanted():
    first = Fixed(P1=Path("A"), P2=BadPicture("gone"), P3=BadPicture("gone"))
    second = Fixed(P1=Path("not asked for"), P2=Path("B"), P4=Path("D"), P5=BadPicture("torn"))
    found = FirstOf([first, second]).pictures(products("P1", "P2", "P3", "P4", "P5", "P6"))
    assert told(found) == {"P1": Path("A"), "P2": Path("B"), "P3": "gone", "P4": Path("D"), "P5": "torn"}
    assert second.asked == [["P2", "P3", "P4", "P5", "P6"]]


def test_a_kept_file_that_is_no_picture_gives_way_to_the_next(tmp_path):
    first, second = keep_bytes(b"torn", tmp_path / "cache"), keep_bytes(png(), tmp_path / "cache")
    (own := tmp_path / "own.png").write_bytes(b"torn")
    source, product = Kept(tmp_path / "cache"), listing(P1=[f"{KEPT}{first.name}", f"{KEPT}{second.name}"])
    assert told(source.pictures(product)) == {"P1": first}
    for file in (first, own):
        source.refuse(file, BadPicture("torn"))
    assert told(source.pictures(product)) == {"P1": second}
    assert own.exists()


def test_a_download_that_is_no_picture_gives_way_to_the_next_address_until_the_next_run(tmp_path):
    urls = ["http://127.0.0.1:9/a", "http://127.0.0.1:9/b"]
    files = [write_whole(kept_file(tmp_path, digest(url.encode())), png()) for url in urls]
    source, product = FromUrls(Downloads(tmp_path, private=True, tries=1)), listing(P1=urls)
    assert told(source.pictures(product)) == {"P1": files[0]}
    source.refuse(files[0], BadPicture("torn"))
    source.refuse(tmp_path / "elsewhere" / files[1].name, BadPicture("not mine"))
    assert told(source.pictures(product)) == {"P1": files[1]}
    source.refuse(files[1], BadPicture("empty"))
    assert told(source.pictures(product)) == {"P1": "empty"}
    assert not any(file.exists() for file in files)
    assert told(FromUrls(Downloads(tmp_path, private=True, tries=1)).pictures(product)) == {"P1": "no connection"}


def test_each_source_knows_its_own_pictures_that_are_gone(tmp_path):
    folder = folder_of(tmp_path / "photos", "1.jpg")
    cache = tmp_path / "cache"
    bare, listed = {"product_id": "2"}, {"product_id": "2", "image_urls": ["http://x/2"]}
    by_folder, by_urls = FromFolder(folder), FirstOf([Kept(cache), FromUrls(Downloads(cache))])
    photo, download = folder / "2.jpg", kept_file(cache, "ab" * 16)
    assert [source.withdrawn(bare, photo) for source in (by_folder, by_urls)] == [True, False]
    assert [source.withdrawn(bare, download) for source in (by_folder, by_urls)] == [False, True]
    assert not by_urls.withdrawn(listed, download)
    (folder / "1.jpg").unlink()
    assert not FromFolder(folder).withdrawn(bare, photo)
