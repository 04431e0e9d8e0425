"""kill -9 at any moment of index and cluster loses nothing that was reported done, and the same command finishes."""

import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest

from indexer.catalogue import read_catalogue
from indexer.embedders.text import embedding_text
from indexer.products import Product
from indexer.sample import write_sample
from indexer.store import open_store
from service.describe import info
from service.export import export

SCRIPT = Path(__file__).parent / "data" / "killed_run.py"


def run(store, catalogue, last):
    return subprocess.run([sys.executable, SCRIPT, store, catalogue, str(last)], capture_output=True, text=True)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    return write_sample(tmp_path_factory.mktemp("sample"), products=100, seed=5).catalogue


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, catalogue):
    """What an undisturbed run makes, and how many writes it takes."""
    folder = tmp_path_factory.mktemp("untouched")
    done = run(folder / "store", catalogue, 0)
    assert done.returncode == 0, done.stderr
    with open_store(str(folder / "store")) as store:
        export(store, folder / "all.csv")
    return (folder / "all.csv").read_text(), int(done.stdout.split()[-1])


def usable(catalogue, lines):
    """The ids of the products among the first lines that can be embedded."""
    read = islice(read_catalogue(catalogue), lines)
    return {
        item.product_id for item in read if isinstance(item, Product) and embedding_text(item, ("title", "description"))
    }


@pytest.mark.parametrize("moment", [0.02, 0.12, 0.3, 0.6, 0.97, 1.0])
def test_a_killed_run_loses_nothing_it_reported_and_the_same_command_finishes(tmp_path, catalogue, untouched, moment):
    expected, writes = untouched
    location = tmp_path / "store"
    killed = run(location, catalogue, max(1, round(moment * writes)))
    assert killed.returncode == -signal.SIGKILL
    reported = max(
        (int(line.split()[1]) for line in killed.stdout.splitlines() if line.startswith("indexed")), default=0
    )
    if (location / "products").exists():
        with open_store(str(location)) as store:
            assert usable(catalogue, reported) <= set(store.take().ids if store.count() else ())
            if store.count():
                assert info(store)["cut_short"]
                assert not set(store.products(limit=1)[0].labels) & set(store.unfinished_labels())
    assert run(location, catalogue, 0).returncode == 0
    with open_store(str(location)) as store:
        export(store, tmp_path / "all.csv")
        assert store.unfinished_labels() == ()
        assert info(store)["cut_short"] == []
    assert (tmp_path / "all.csv").read_text() == expected


def test_labels_half_written_are_hidden_and_said_until_a_run_completes_them(tmp_path, catalogue, untouched):
    _, writes = untouched
    seen = []
    for last in range(writes - 4, 0, -25):
        run(tmp_path / str(last), catalogue, last)
        with open_store(str(tmp_path / str(last))) as store:
            seen.append(store.unfinished_labels())
            assert info(store)["half_written"] == list(seen[-1])
            if len(seen[-1]) == 4:
                with pytest.raises(LookupError, match="half written by a run cut short"):
                    export(store, tmp_path / "half.csv")
                break
    assert seen[-1] == ("identity_cell", "identity", "similarity", "complementary")


@pytest.mark.parametrize("after", ["indexed 20", "indexed 60", "clustering"])
def test_a_kill_from_outside_at_no_particular_moment_loses_nothing_either(tmp_path, catalogue, untouched, after):
    location = tmp_path / "store"
    command = [sys.executable, SCRIPT, location, catalogue, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if line.startswith(after):
                running.send_signal(signal.SIGKILL)
                break
    assert running.returncode == -signal.SIGKILL
    if after.startswith("indexed"):
        with open_store(str(location)) as store:
            assert usable(catalogue, int(after.split()[1])) <= set(store.take().ids)
    assert run(location, catalogue, 0).returncode == 0
    with open_store(str(location)) as store:
        export(store, tmp_path / "all.csv")
    assert (tmp_path / "all.csv").read_text() == untouched[0]
