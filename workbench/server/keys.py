"""The server's own secret: made once, kept beside the data, readable by its owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from workbench.config import Settings
from workbench.errors import UsageError

__all__ = ["secret_key", "write_private"]

_LEAST = 32


def secret_key(settings: Settings) -> bytes:
    """Return the key that signs page sessions, making it on first use.

    ``secret_key`` of the settings wins; otherwise 32 random bytes are kept in
    ``server.key`` of the data folder, mode 0600.

    Raises
    ------
    UsageError
        The key is shorter than 32 characters, or others may read its file.
    """
    if settings.secret_key is not None:
        return _long_enough(settings.secret_key.get_secret_value(), "setting 'secret_key'")
    path = settings.folder("server.key")
    if not path.exists():
        write_private(path, secrets.token_urlsafe(_LEAST))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise UsageError(f"others may read {path}; run: chmod 600 {path}", path=str(path))
    return _long_enough(path.read_text(encoding="ascii", errors="replace").strip(), str(path))


def write_private(path: Path, text: str) -> None:
    """Write a new file that only its owner may read; an existing one is left as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _long_enough(key: str, where: str) -> bytes:
    if len(key) < _LEAST or len(set(key)) < 8:
        raise UsageError(f"{where} must hold at least {_LEAST} varied characters", where=where)
    return key.encode()
