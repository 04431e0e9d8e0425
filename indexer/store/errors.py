"""What a store says when it cannot be opened."""


class StoreLocked(RuntimeError):
    """Another process holds the store's folder."""


class ServerFailed(RuntimeError):
    """The server does not answer, or refuses, after retries."""
