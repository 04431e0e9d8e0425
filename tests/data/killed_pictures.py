"""Index a catalogue with pictures: killed_pictures.py STORE CATALOGUE FOLDER N, kill -9 at their nth batch or write.

With 0 it runs to its end.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from conftest import WordEmbedder

from indexer.catalogue import read_catalogue
from indexer.images import FromFolder
from indexer.imaging import index_images
from indexer.indexing import index_products
from indexer.store import open_store
from indexer.store.embedded import EmbeddedEngine

location, catalogue, folder, last = sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
moments = 0


def counted(step):
    def killing(*args, **options):
        global moments
        moments += 1
        if moments == last:
            os.kill(os.getpid(), signal.SIGKILL)
        return step(*args, **options)

    return killing


class Colours:
    """Embeds a picture as its mean colour."""

    name = "mean colour"

    @counted
    def embed(self, pictures):
        means = np.array([np.asarray(picture, dtype=np.float32).mean(axis=(0, 1)) + 1 for picture in pictures])
        return (means / np.linalg.norm(means, axis=1, keepdims=True)).astype(np.float32)


done = 0


def report(products):
    global done
    done += products
    print("pictures", done, flush=True)


with open_store(location, create=True) as store:
    index_products(read_catalogue(catalogue), store, WordEmbedder(), batch_size=20)
    for name in ("add_vector", "set_vectors", "set_payloads", "build_index"):
        setattr(EmbeddedEngine, name, counted(getattr(EmbeddedEngine, name)))
    summary = index_images(store, FromFolder(folder), Colours(), batch_size=10, progress=report)
    print("embedded", summary.embedded, "moments", moments, flush=True)
