"""What a store says when it cannot be opened."""


class StoreLocked(RuntimeError):
    """Another process holds the store's folder."""


class ServerUnreachable(RuntimeError):
    """The server does not answer, after retries."""
