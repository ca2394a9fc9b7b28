"""What is known of the SQLite library that Python was built with."""

from __future__ import annotations

__all__ = ["has_wal_reset_bug"]


def has_wal_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether two connections that write at one instant can damage a write-ahead log.

    So it is from 3.7.0 on; mended in 3.51.3, and in 3.50.7 and 3.44.6.

    Examples
    --------
    >>> has_wal_reset_bug((3, 40, 1)), has_wal_reset_bug((3, 51, 3)), has_wal_reset_bug((3, 44, 6))
    (True, False, False)
    """
    if version[:2] in ((3, 50), (3, 44)):
        return version < ((3, 50, 7) if version[1] == 50 else (3, 44, 6))
    return (3, 7, 0) <= version < (3, 51, 3)
