"""Index and cluster a catalogue, with kill -9 at the nth write: killed_run.py STORE CATALOGUE N (0: never)."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from conftest import WordEmbedder

from indexer.catalogue import read_catalogue
from indexer.indexing import index_products
from indexer.store import open_store
from indexer.store.embedded import EmbeddedEngine
from service.runs import KINDS, ClusterOptions, cluster

location, catalogue, last = sys.argv[1], sys.argv[2], int(sys.argv[3])
writes = 0


def counted(write):
    def killing(self, *args):
        global writes
        writes += 1
        if writes == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(self, *args)

    return killing


for name in ("create", "create_indexes", "upsert", "build_index"):
    setattr(EmbeddedEngine, name, counted(getattr(EmbeddedEngine, name)))

set_one = counted(EmbeddedEngine.set_payloads)
EmbeddedEngine.set_payloads = lambda self, groups: [set_one(self, [group]) for group in groups]

done = 0


def report(lines):
    global done
    done += lines
    print("indexed", done, flush=True)


with open_store(location, create=True) as store:
    index_products(read_catalogue(catalogue), store, WordEmbedder(), batch_size=20, progress=report)
    print("clustering", flush=True)
    cluster(store, KINDS, ClusterOptions(seed=0))
    print("clustered", writes, flush=True)
