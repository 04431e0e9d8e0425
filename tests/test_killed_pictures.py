"""kill -9 while pictures are embedded: what was written stays, and the same command finishes as if nothing had been."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from indexer.sample import write_sample
from indexer.store import open_store
from service.describe import info

SCRIPT = Path(__file__).parent / "data" / "killed_pictures.py"


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A catalogue, and the folder of its pictures."""
    folder = tmp_path_factory.mktemp("sample")
    return write_sample(folder, products=60, seed=5, pictures=True).catalogue, folder / "pictures"


def command(store, sample, last):
    return [sys.executable, str(SCRIPT), str(store), *map(str, sample), str(last)]


def run(store, sample, last):
    return subprocess.run(command(store, sample, last), capture_output=True, text=True)


def contents(location):
    """All that a store knows of its products, and their image vectors."""
    with open_store(str(location)) as store:
        ids = store.take().ids
        return store.get(ids), np.nan_to_num(store.vectors("image"), nan=-9.0)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory, sample):
    """What an undisturbed run makes, how many pictures it embeds, and in how many steps."""
    location = tmp_path_factory.mktemp("untouched") / "store"
    done = run(location, sample, 0)
    assert done.returncode == 0, done.stderr
    _, embedded, _, moments = done.stdout.splitlines()[-1].split()
    return contents(location), int(embedded), int(moments)


@pytest.mark.parametrize("moment", [0.1, 0.5, 0.9])
def test_a_killed_run_keeps_what_it_wrote_and_the_same_command_finishes(tmp_path, sample, untouched, moment):
    (payloads, vectors), embedded, moments = untouched
    location = tmp_path / "store"
    assert run(location, sample, max(1, round(moment * moments))).returncode == -signal.SIGKILL
    with open_store(str(location)) as store:
        assert [run["kind"] for run in info(store)["cut_short"]] == ["images"]
        kept = sum(1 for payload in store.get(store.take().ids).values() if payload.get("image_hash"))
    assert (kept > 0) == (moment > 0.1)
    again = run(location, sample, 0)
    assert again.returncode == 0, again.stderr
    assert int(again.stdout.splitlines()[-1].split()[1]) == embedded - kept
    found = contents(location)
    assert found[0] == payloads
    assert np.array_equal(found[1], vectors)
    with open_store(str(location)) as store:
        assert info(store)["cut_short"] == []


def test_a_kill_from_outside_while_it_embeds_is_made_up_for_by_the_next_run(tmp_path, sample, untouched):
    location = tmp_path / "store"
    with subprocess.Popen(command(location, sample, 0), stdout=subprocess.PIPE, text=True) as running:
        for line in running.stdout:
            if line.startswith("pictures 25"):
                running.send_signal(signal.SIGKILL)
                break
    assert running.returncode == -signal.SIGKILL
    again = run(location, sample, 0)
    assert int(again.stdout.splitlines()[-1].split()[1]) < untouched[1]
    payloads, vectors = contents(location)
    assert payloads == untouched[0][0]
    assert np.array_equal(vectors, untouched[0][1])
