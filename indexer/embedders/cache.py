"""The cache of models made ready on this machine; all of it may be deleted at any time."""

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

Loaded = TypeVar("Loaded")

_PARTS = {".safetensors", ".bin", ".json", ".txt", ".model"}  # what makes a model: weights, tokenizer, settings
_ABANDONED = 24 * 60 * 60  # seconds; no model takes that long to make


def cache_folder() -> Path:
    """Say where the cache is: ASSORT_CACHE, or `assort` in the user's own cache folder."""
    if folder := os.environ.get("ASSORT_CACHE"):
        return Path(folder)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "assort"


def model_key(name: str, folder: Path) -> str:
    """Name a model by what it is: other weights under the same name give another key.

    Args:
        name: The model's name, for people who look into the cache.
        folder: Holds the model; the bytes of its weights, tokenizer and settings are hashed (1 GB/s).
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(path for path in folder.rglob("*") if path.suffix in _PARTS and path.is_file()):
        digest.update(file.relative_to(folder).as_posix().encode())
        with file.open("rb") as content:
            while block := content.read(1 << 20):
                digest.update(block)
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[-60:]
    return f"{plain}-{digest.hexdigest()}"


def kept(key: str, make: Callable[[Path], None]) -> Path:
    """Give the folder of a key, made first when it is not there; two processes making it at once do no harm.

    Args:
        key: A model's, and the engine's with its version.
        make: Fills an empty folder; what it leaves half done when it fails is thrown away.

    Raises:
        OSError: If the cache cannot be written.
    """
    folder = cache_folder() / key
    try:
        if not folder.is_dir():
            _fill(folder, make)
    except OSError as error:
        if not folder.is_dir():  # else another process was first, and what it made is as good
            raise OSError(
                f"the cache '{folder.parent}' cannot be written ({error.strerror or error}): "
                "give ASSORT_CACHE a folder that you may write to, with some 100 MB of room"
            ) from error
    return folder


def _fill(folder: Path, make: Callable[[Path], None]) -> None:
    """Make a folder whole or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent)
    part = Path(tempfile.mkdtemp(prefix=".making-", dir=folder.parent))
    try:
        make(part)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def loaded(key: str, make: Callable[[Path], None], load: Callable[[Path], Loaded]) -> Loaded:
    """Load the folder of a key, made first when it is not there and made anew when it is damaged.

    Args:
        key: As for `kept`.
        make: As for `kept`.
        load: Reads a folder that `make` filled.

    Raises:
        OSError: If the cache cannot be written.
    """
    folder = kept(key, make)
    try:
        return load(folder)
    except (ValueError, KeyError, TypeError, EOFError, FileNotFoundError):  # what broken or missing files make of it
        shutil.rmtree(folder)
    return load(kept(key, make))


def _sweep(cache: Path) -> None:
    """Remove what processes that were killed left half made."""
    for part in cache.glob(".making-*"):
        with suppress(OSError):  # another process sweeps too
            if part.stat().st_mtime < time.time() - _ABANDONED:
                shutil.rmtree(part)
