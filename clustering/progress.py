"""Tell a bar that counts rows how far work is that is not done row by row."""

from collections.abc import Callable


def in_rows(progress: Callable[[int], object] | None, n: int) -> Callable[[float], None]:
    """Make a callback that takes the share of all work that is done, 0 to 1, and tells the rows since the last call.

    Args:
        progress: Called with rows, n in all; None for nobody.
        n: Number of rows.
    """
    told = 0

    def done(share: float) -> None:
        nonlocal told
        rows = round(share * n)
        if progress is not None and rows > told:
            progress(rows - told)
            told = rows

    return done
