"""The one error of reading: a catalogue that cannot be read, or not further."""

from pathlib import Path


class CatalogueError(ValueError):
    """Say which file stopped the reading, at which line, and what to do next.

    It is raised after everything readable before it was yielded.

    Args:
        path: The catalogue file.
        problem: What is wrong and the next step, joined by a colon.
        line: Line number from 1 (row number for Parquet); None when the whole file is meant.
    """

    def __init__(self, path: Path, problem: str, *, line: int | None = None) -> None:
        place = str(path) if line is None else f"{path}, line {line}"
        super().__init__(f"{place}: {problem}")
        self.path = path
        self.line = line
        self.unread: tuple[Path, ...] = ()  # files that were to be read after this one
