"""Files of the picture cache: each is written whole or not at all, and may be deleted at any time."""

import hashlib
import re
import tempfile
from pathlib import Path

KEPT = "kept:"
"""What a product lists for a picture that its catalogue holds as bytes: this and the name of the kept file."""

_KEY = re.compile(r"[0-9a-f]{32}")


def kept_file(folder: Path, key: str) -> Path:
    """Say where the file of a key lies; in one of 256 folders, for some file managers dislike very full ones."""
    return folder / key[:2] / key


def digest(content: bytes) -> str:
    """Name bytes by their content: 32 hex digits."""
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def is_key(text: str) -> bool:
    """Tell whether a text is a key, and not a path that a catalogue would have us read."""
    return _KEY.fullmatch(text) is not None


def keep_bytes(content: bytes, folder: Path) -> Path:
    """Keep a picture's bytes under a name made of their content; the same bytes are kept once.

    Args:
        content: A picture file's bytes; whether they are a picture shows when they are decoded.
        folder: The picture cache.

    Raises:
        OSError: If the cache cannot be written.
    """
    file = kept_file(folder, digest(content))
    return file if file.is_file() else write_whole(file, content)


def write_whole(file: Path, content: bytes) -> Path:
    """Write a file under a passing name and rename it, so that two processes writing it at once do no harm.

    Raises:
        OSError: If it cannot be written.
    """
    part: Path | None = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=file.parent, prefix=".part-", delete=False) as stream:
            part = Path(stream.name)
            stream.write(content)
        return part.replace(file)
    except OSError as error:
        if part is not None:
            part.unlink(missing_ok=True)
        raise OSError(
            f"the picture cache '{file.parent.parent}' cannot be written ({error.strerror or error}): "
            "give ASSORT_CACHE a folder that you may write to, with room for the pictures"
        ) from error
