"""Passwords: argon2id, a few at a time, and as slow for unknown users as for known ones."""

from __future__ import annotations

import os
import secrets
from functools import cache
from threading import BoundedSemaphore

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from workbench.errors import UsageError

__all__ = ["check_strength", "hashed", "is_outdated", "matches", "waste_time"]

_SHORTEST, _LONGEST = 12, 128
# RFC 9106, second recommendation: 64 MiB, three passes
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=2)
# each hash takes 64 MiB and a core: a flood of logins may not take the machine
_ROOM = BoundedSemaphore(max(1, os.cpu_count() or 1))


def check_strength(password: str, username: str = "") -> None:
    """Refuse what is short, long, made of few characters or holds the user's name.

    Raises
    ------
    UsageError
        Which rule the password breaks; never the password.

    Examples
    --------
    >>> check_strength("short")
    Traceback (most recent call last):
    ...
    workbench.errors.UsageError: a password has 12 to 128 characters, not 5
    """
    if not _SHORTEST <= len(password) <= _LONGEST:
        raise UsageError(
            f"a password has {_SHORTEST} to {_LONGEST} characters, not {len(password)}"
        )
    if len(set(password)) < 5:
        raise UsageError("the password repeats too few characters; take a longer phrase")
    if len(username) >= 4 and username.casefold() in password.casefold():
        raise UsageError("the password contains the user's name; take another")


def hashed(password: str) -> str:
    """Return the argon2id hash of a password, with its salt and costs inside."""
    with _ROOM:
        return _HASHER.hash(password)


def matches(password: str, stored: str) -> bool:
    """Whether the password is the one that was hashed."""
    if len(password) > _LONGEST:
        return False
    with _ROOM:
        try:
            return _HASHER.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False


def is_outdated(stored: str) -> bool:
    """Whether the hash was made with lower costs than those of today."""
    return _HASHER.check_needs_rehash(stored)


def waste_time(password: str) -> None:
    """Spend what a real check would, so that unknown users cannot be told by the clock."""
    matches(password, _nobody())


@cache
def _nobody() -> str:
    return hashed(secrets.token_urlsafe())
