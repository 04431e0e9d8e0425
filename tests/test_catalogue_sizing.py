import gzip
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from indexer.catalogue import estimate_lines


def test_a_short_file_is_counted_exactly(tmp_path):
    (tmp_path / "a.csv").write_text("a\nb\nc\n")
    assert estimate_lines(tmp_path / "a.csv") == 3


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_long_file_is_estimated_within_a_tenth(tmp_path, name):
    random = Random(7)
    text = "".join(
        f'{{"asin": "B{number:09d}", "title": "case {random.random()} {random.random()}"}}\n'
        for number in range(200_000)
    )
    data = text.encode()
    (tmp_path / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith("gz") else data)
    assert estimate_lines(tmp_path / name) == pytest.approx(200_000, rel=0.1)


def test_parquet_says_itself(tmp_path):
    pq.write_table(pa.table({"id": list(range(7))}), tmp_path / "a.parquet")
    assert estimate_lines(tmp_path / "a.parquet") == 7


def test_what_cannot_be_read_counts_nothing(tmp_path):
    (tmp_path / "cut.gz").write_bytes(gzip.compress(b"a\n" * 1000)[:20])
    assert estimate_lines(tmp_path / "cut.gz") == 0
    assert estimate_lines(tmp_path / "absent") == 0
