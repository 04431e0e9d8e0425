import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from indexer import pipeline
from indexer.catalogue import Catalogues
from indexer.indexing import index_products
from indexer.pipeline import Stages, batches
from indexer.preparing import prepare
from indexer.sample import write_sample
from indexer.store import open_store

OPTIONS = {"text_fields": ("title", "description"), "model": "words", "batch_size": 32}


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), products=150, seed=3).catalogue


def lasting(found):
    """Batches without the one thing that differs from run to run."""
    return [(b.lines, b.products, b.silent, b.rejected, b.failure, b.unread) for b in found]


def test_another_process_prepares_the_same_batches_in_the_same_order(catalogue):
    with batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere:
        found = lasting(elsewhere)
    assert found == lasting(prepare(Catalogues((catalogue,)), **OPTIONS))
    assert len(found) == 5


def test_a_small_catalogue_and_any_other_records_are_prepared_here(catalogue, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", None)
    read = list(Catalogues((catalogue,)))
    for records in (Catalogues((catalogue,)), read, iter(read)):
        with batches(records, **OPTIONS) as here:
            assert sum(batch.lines for batch in here) == len(read)


def test_a_catalogue_that_breaks_off_says_so_across_processes_and_names_what_was_not_read(tmp_path, catalogue):
    cut, after = tmp_path / "cut.jsonl.gz", tmp_path / "after.csv"
    cut.write_bytes(catalogue.read_bytes()[:6000])
    after.write_text("id,title\n1,case\n")
    with batches(Catalogues((cut, after)), worth_a_process=0, **OPTIONS) as elsewhere:
        *_, last = elsewhere
    assert "the compressed file ends too early: get it again" in last.failure
    assert last.unread == (str(after),)
    assert last.seconds > 0


def test_a_reading_process_that_dies_is_told_with_the_way_on(catalogue, monkeypatch):
    monkeypatch.setattr(pipeline, "_CHILD", "import os; os.kill(os.getpid(), 9)")
    with (
        batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere,
        pytest.raises(
            ChildProcessError,
            match="the process that reads the catalogue ended with exit status -9: is there memory left[?] "
            "Run the same command again, what was written stays",
        ),
    ):
        list(elsewhere)


def test_a_reading_process_that_fails_has_said_why_itself(catalogue, monkeypatch, capfd):
    monkeypatch.setattr(pipeline, "_CHILD", "raise ValueError('no such thing')")
    with (
        batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere,
        pytest.raises(ChildProcessError) as error,
    ):
        list(elsewhere)
    assert str(error.value) == (
        "the process that reads the catalogue ended with exit status 1: see the error above. "
        "Run the same command again, what was written stays"
    )
    assert capfd.readouterr().err.endswith("ValueError: no such thing\n")


def test_what_lies_in_the_current_folder_is_not_taken_for_a_module(tmp_path, catalogue, monkeypatch):
    (tmp_path / "random.py").write_text("raise RuntimeError('my notes')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    with batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere:
        assert len(list(elsewhere)) == 5


def test_a_caller_that_imports_from_its_folder_can_do_so_in_the_reading_process(tmp_path, catalogue, monkeypatch):
    (tmp_path / "mine_alone.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path])
    monkeypatch.setattr(pipeline, "_CHILD", f"import mine_alone; {pipeline._CHILD}")
    with batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere:
        assert len(list(elsewhere)) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="pipes are widened on Linux only")
def test_a_system_that_allows_no_wide_pipe_reads_through_a_narrow_one(catalogue, monkeypatch):
    asked = []

    def refuse(pipe, command, size):
        asked.append(size)
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("fcntl.fcntl", refuse)
    with batches(Catalogues((catalogue,)), worth_a_process=0, **OPTIONS) as elsewhere:
        assert len(list(elsewhere)) == 5
    assert asked == [1 << 20]


def test_whoever_stops_early_leaves_no_process_behind(catalogue, monkeypatch):
    started = []
    begin = subprocess.Popen.__init__
    monkeypatch.setattr(
        subprocess.Popen, "__init__", lambda self, *args, **kw: (started.append(self), begin(self, *args, **kw))[1]
    )
    with batches(Catalogues((catalogue,)), worth_a_process=0, **{**OPTIONS, "batch_size": 1}) as elsewhere:
        next(elsewhere)
    assert [process.returncode for process in started] == [-signal.SIGKILL]


def test_a_reading_process_ends_when_nobody_reads_any_more(catalogue):
    reader, writer = os.pipe()
    request = pipeline.pickle.dumps((Catalogues((catalogue,)), {**OPTIONS, "batch_size": 1}))
    with subprocess.Popen([sys.executable, "-c", pipeline._CHILD], stdin=subprocess.PIPE, stdout=writer) as process:
        os.close(reader)
        os.close(writer)
        process.communicate(request)
    assert process.returncode == 0


@pytest.mark.parametrize("interpreter", [["-c"], ["-"]])
def test_a_program_without_a_main_guard_indexes_through_the_reading_process(tmp_path, catalogue, interpreter):
    program = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from conftest import WordEmbedder
from indexer import indexing, pipeline
from indexer.catalogue import Catalogues
from indexer.store import open_store
from functools import partial
indexing.batches = partial(pipeline.batches, worth_a_process=0)
with open_store({str(tmp_path / "store")!r}, create=True) as store:
    print(indexing.index_products(Catalogues((Path({str(catalogue)!r}),)), store, WordEmbedder()).new)
"""
    inline = interpreter == ["-c"]
    done = subprocess.run(
        [sys.executable, *interpreter, *([program] if inline else [])],
        input=None if inline else program,
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("150\n", "")


def test_a_store_filled_through_the_reading_process_equals_one_filled_without_it(
    tmp_path, catalogue, embedder, monkeypatch
):
    filled = []
    for size, name in ((0, "elsewhere"), (10**9, "here")):
        monkeypatch.setattr(
            "indexer.indexing.batches", lambda records, size=size, **kw: batches(records, worth_a_process=size, **kw)
        )
        with open_store(str(tmp_path / name), create=True) as store:
            index_products(Catalogues((catalogue,)), store, embedder, batch_size=16)
            taken = store.take(("title", "record_hash", "text_hash"), vector="text")
            filled.append((taken.ids, taken.columns, taken.vectors.tolist()))
    assert filled[0] == filled[1]


def test_the_stage_that_works_longest_is_said_to_hold_the_others_up(monkeypatch):
    clock = iter([0.0, 1.0, 100.0])
    monkeypatch.setattr(pipeline.time, "monotonic", lambda: next(clock))
    stages = Stages()
    for stage, seconds in (("reading", 20), ("embedding", 50), ("writing", 10), ("embedding", 42)):
        stages.add(stage, seconds)
    assert stages.slowest() == ""
    assert stages.slowest() == "embedding holds the others up (92%)"
    assert stages.seconds == {"reading": 20.0, "embedding": 92.0, "writing": 10.0}
