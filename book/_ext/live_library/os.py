"""What `random` asks of a system: bytes that nobody can foretell."""

environ = {}


def urandom(n):
    """Return n random bytes."""
    from browser import scope

    return bytes(scope.crypto.getRandomValues(scope.Uint8Array.new(n)))
