"""Catalogues that stop the reading: what was readable comes first, then an error that says where and what to do."""

import bz2
import gzip
import json
import random
import re
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.catalogue import CatalogueError, Catalogues, read_catalogue
from indexer.products import Product, Rejected


def read_until_error(path: Path, **options: Any) -> tuple[list[Product | Rejected], CatalogueError]:
    items: list[Product | Rejected] = []
    with pytest.raises(CatalogueError) as caught:
        items.extend(read_catalogue(path, **options))
    assert caught.value.path == path
    return items, caught.value


def words(error: CatalogueError) -> str:
    """Take the path off the message."""
    text = str(error)
    assert text.startswith(str(error.path))
    return text.removeprefix(str(error.path))


def lines_of(count: int) -> bytes:
    draw = random.Random(7)
    return b"".join(b'{"asin": "A%d", "title": "%x"}\n' % (n, draw.getrandbits(800)) for n in range(1, count + 1))


def test_an_absent_file_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError) as caught:
        read_catalogue(tmp_path / "meta.json")
    assert words(caught.value) == ": does not exist: check the path"
    assert caught.value.line is None


def test_a_directory_is_said_at_once(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=": is a directory: there is no file in it"):
        read_catalogue(tmp_path)
    (tmp_path / "b.csv").touch()
    (tmp_path / "a.csv").touch()
    with pytest.raises(CatalogueError, match=r": is a directory: name a file in it, such as 'a\.csv'"):
        read_catalogue(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"\n \n\n", gzip.compress(b"", mtime=0), b"\xef\xbb\xbf"])
@pytest.mark.parametrize("name", ["empty.csv", "empty.json.gz"])
def test_an_empty_file_is_an_error(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    items, error = read_until_error(path)
    assert (items, words(error)) == ([], ": is empty: there is nothing to read")


@pytest.mark.parametrize(
    ("content", "wrong"),
    [
        (b"id,name\n", ": holds no product, there is only a header row: check `--format` and `--map`"),
        (b",,,\n", ": is empty: there is nothing to read"),
    ],
)
def test_a_table_without_rows_is_an_error(tmp_path: Path, content: bytes, wrong: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(content)
    items, error = read_until_error(path)
    assert (items, words(error)) == ([], wrong)


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("count", [3, 5000])
def test_everything_before_the_cut_of_a_packed_file_is_read(
    tmp_path: Path, compress: Callable[[bytes], bytes], count: int
) -> None:
    path = tmp_path / "meta.json.gz"
    packed = compress(lines_of(count))
    path.write_bytes(packed[: len(packed) * 9 // 10])
    items, error = read_until_error(path)
    assert [item.product_id for item in items if isinstance(item, Product)] == [f"A{n + 1}" for n in range(len(items))]
    assert error.line == len(items) + 1
    problem = "the compressed file ends too early: get it again, all lines before this one were read"
    assert words(error) == f", line {error.line}: {problem}"
    if compress is gzip.compress:
        readable = zlib.decompressobj(31).decompress(path.read_bytes())
        assert len(items) == readable.count(b"\n")


def test_a_damaged_gz_says_where(tmp_path: Path) -> None:
    path = tmp_path / "meta.json.gz"
    packed = bytearray(gzip.compress(lines_of(5000)))
    packed[-8] ^= 1  # the checksum
    path.write_bytes(packed)
    items, error = read_until_error(path)
    assert len(items) == 5000
    assert words(error).startswith(", line 5001: is damaged or unreadable (CRC check failed")
    assert words(error).endswith("): get it again")


def test_a_cut_json_file_rejects_its_last_line_only(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(lines_of(3)[:-5])
    items = list(read_catalogue(path))
    assert [type(item) for item in items] == [Product, Product, Rejected]


def test_a_table_in_another_encoding_stops_at_the_line_that_shows_it(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes("id,name\n1,Lamp\n2,Café\n3,Desk\n".encode("latin-1"))
    items, error = read_until_error(path)
    assert items == [Product("1", title="Lamp")]
    assert words(error) == ", line 3: is not utf-8 text: name the file's encoding, such as `--encoding latin-1`"
    assert error.line == 3


def test_utf_16_is_recognised_by_its_mark(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes("id,name\n1,Lamp\n".encode("utf-16"))
    items, error = read_until_error(path)
    assert (items, words(error)) == ([], ", line 1: is utf-16 text: add `--encoding utf-16`")


def test_a_named_encoding_that_is_wrong_is_said(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes("id,name\n1,Lamp\n".encode("utf-16-le") + b"\x00\xd8 \x00")
    _, error = read_until_error(path, encoding="utf-16-le")
    assert words(error).endswith(": is not utf-16-le text: name the file's encoding, such as `--encoding utf-8`")


def test_a_table_without_an_id_names_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("number,name\n1,Lamp\n")
    items, error = read_until_error(path)
    assert items == []
    assert words(error) == (
        ", line 1: no column holds a product id, there are 'number', 'name': add `--map product_id=COLUMN`"
    )


def test_a_mapped_column_that_is_missing_is_said_with_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text("id,name\n1,Lamp\n")
    items, error = read_until_error(path, mapping={"title": "nmae"})
    assert items == []
    assert words(error) == (
        ", line 1: there is no column 'nmae' for title, there are 'id', 'name': correct `--map title=COLUMN`"
    )
    items, error = read_until_error(path, mapping={"product_id": "1", "title": "3"}, header=False)
    assert words(error) == (
        ", line 1: there is no column '3' for title, there are '1', '2', numbered from 1 as there is no header row: "
        "correct `--map title=COLUMN`"
    )


def test_many_columns_are_not_all_listed(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text(",".join(f"c{n}" for n in range(25)) + "\n")
    _, error = read_until_error(path)
    assert "'c19' and 5 more: add" in words(error)


def test_a_mapped_path_that_no_object_has_is_said_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text('{"id": 1, "a": {"b": 2}}\n{"id": 2, "c": 3}\n')
    items, error = read_until_error(path, mapping={"x": "a.b", "y": "c", "z": ["a.nothing", "d"]})
    assert items == [Product("1", fields={"x": 2}), Product("2", fields={"y": 3})]
    assert words(error) == ": no line has 'a.nothing', 'd': correct `--map`"


def test_a_mapped_product_id_that_no_object_has_is_said_first(tmp_path: Path) -> None:
    path = tmp_path / "shop.jsonl"
    path.write_text('{"id": 1}\n')
    items, error = read_until_error(path, mapping={"product_id": "sku"})
    assert items == []
    assert words(error) == (
        ", line 1: no column holds the mapped product id, there are 'id': add `--map product_id=COLUMN`"
    )


def test_a_file_of_nothing_but_junk_is_rejected_and_then_an_error(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text("junk\n" * 1000)
    items, error = read_until_error(path)
    assert items == [Rejected(line, "not JSON", str(path), "junk") for line in range(1, 301)]
    assert words(error) == (
        ": none of its first 300 lines is an object: check that it is a catalogue, with one JSON object a line"
    )


def test_a_file_where_every_line_is_rejected_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text('{"asin": ""}\n' * 3)
    items, error = read_until_error(path)
    assert [item.line for item in items if isinstance(item, Rejected)] == [1, 2, 3]
    assert words(error) == (
        ": holds no product, every line was rejected, the last one as 'no product id': check `--format` and `--map`"
    )


def test_one_json_list_is_told_how_to_become_lines(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_text(json.dumps([{"asin": "A"}]))
    items, error = read_until_error(path)
    assert items == []
    assert words(error) == ", line 1: is one JSON list: write one object a line, such as with `jq -c '.[]' meta.json`"


@pytest.mark.parametrize(
    ("start", "wrong"),
    [
        (b"PK\x03\x04", ": is a zip archive or a spreadsheet: unpack it, or save it as CSV"),
        (b"\xfd7zXZ", ": is compressed with xz: run `unxz` on it"),
    ],
)
def test_foreign_files_are_known_by_their_first_bytes(tmp_path: Path, start: bytes, wrong: str) -> None:
    path = tmp_path / "shop.csv"
    path.write_bytes(start + b"\x00" * 50)
    items, error = read_until_error(path)
    assert (items, words(error)) == ([], wrong)


def test_a_quote_that_swallows_the_file_is_said_where_it_opens(tmp_path: Path) -> None:
    path = tmp_path / "shop.csv"
    path.write_text('id,name\n1,Lamp\n2,"Desk\n' + ("x" * 1023 + "\n") * (2**14 + 1))
    items, error = read_until_error(path)
    assert items == [Product("1", title="Lamp")]
    assert words(error) == (
        ", line 3: the row that begins here cannot be read (field larger than field limit (16777216)): "
        "is a quote never closed?"
    )


def test_a_cut_parquet_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "shop.parquet"
    pq.write_table(pa.table({"id": ["1", "2"]}), path)
    path.write_bytes(path.read_bytes()[:-20])
    items, error = read_until_error(path)
    assert items == []
    assert words(error).startswith(": cannot be read as Parquet (")
    assert words(error).endswith("): get it again")


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"format": "xml"}, "format must be one of auto, amazon, table, images, got 'xml'"),
        ({"separator": "::"}, "separator must be one character or 'tab', got '::'"),
        ({"limit": 0}, "limit must be at least 1, got 0"),
        ({"encoding": "latin-x"}, "there is no text encoding 'latin-x': try 'utf-8', 'latin-1' or 'utf-16'"),
        ({"encoding": "rot13"}, "there is no text encoding 'rot13': try 'utf-8', 'latin-1' or 'utf-16'"),
    ],
)
def test_options_that_cannot_be_are_refused_at_once(tmp_path: Path, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(wrong)}$"):
        read_catalogue(tmp_path, **options)


def test_a_long_file_is_streamed_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "meta.json.gz"
    line = json.dumps({"asin": "A", "description": "w" * 2_000}).encode() + b"\n"
    path.write_bytes(gzip.compress(line * 5_000, compresslevel=1))  # 10 MB unpacked
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_catalogue(path)) == 5_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3_000_000


def test_a_reader_that_stops_early_leaves_no_file_open(tmp_path: Path) -> None:
    path = tmp_path / "meta.json"
    path.write_bytes(lines_of(1000))
    assert len(list(read_catalogue(path, limit=3))) == 3
    next(iter(read_catalogue(path)))  # an open file would be a ResourceWarning, and warnings are errors


def test_a_product_knows_the_line_it_was_read_from(tmp_path):
    (tmp_path / "a.csv").write_text("id,title\n1,case\n2,cable\n")
    assert [(item.line, item.file) for item in read_catalogue(tmp_path / "a.csv")] == [
        (2, str(tmp_path / "a.csv")),
        (3, str(tmp_path / "a.csv")),
    ]


def test_a_column_that_only_later_lines_have_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "late.jsonl"
    lines = [{"product_id": str(n), "title": f"song {n}", **({"tempo": n} if n >= 300 else {})} for n in range(400)]
    file.write_text("\n".join(map(json.dumps, lines)))
    for asked_by in ("--numeric", ""):
        kept = Catalogues((file,)).keeping(("tempo",), asked_by=asked_by)
        assert [product.fields.get("tempo") for product in kept][299:302] == [None, 300, 301]
