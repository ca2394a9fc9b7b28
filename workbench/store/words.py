"""What somebody searches for, in the words of whichever database searches."""

from __future__ import annotations

import re
from dataclasses import dataclass

from workbench.errors import UsageError

__all__ = ["Words"]

_PART = re.compile(r'(-?)(?:"([^"]*)"|([^\s"]+))')
_LETTER = re.compile(r"\w", re.UNICODE)
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Words:
    """A search: all words must be there; ``"a phrase"``, ``-not this``, ``this or that``.

    Words are found in their other forms too (*upgrade* finds *upgrades*); capitals do not
    count.

    Parameters
    ----------
    text : str
        As it was typed.

    Raises
    ------
    UsageError
        There is no word in it, only what must not be there, or it is too long.

    Examples
    --------
    >>> Words('apple -"price target" or iphone').fts5
    '("apple" NOT "price target") OR "iphone"'
    >>> Words("-apple")
    Traceback (most recent call last):
    workbench.errors.UsageError: a search needs a word that is to be there: '-apple'
    """

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > _LONGEST:
            raise UsageError(f"a search has at most {_LONGEST} characters, not {len(self.text)}")
        if "\0" in self.text or not self._groups():
            raise UsageError(f"there is no word to search for in {self.text!r}")
        for wanted, _ in self._groups():
            if not wanted:
                raise UsageError(f"a search needs a word that is to be there: {self.text!r}")

    @property
    def fts5(self) -> str:
        """The search as SQLite's full-text search reads it; nothing in it is an operator."""
        groups = []
        for wanted, unwanted in self._groups():
            have = " AND ".join(_quoted(part) for part in wanted)
            have = f"({have})" if len(wanted) > 1 and unwanted else have
            for part in unwanted:
                have = f"({have} NOT {_quoted(part)})"
            groups.append(have)
        return " OR ".join(groups)

    def _groups(self) -> list[tuple[list[str], list[str]]]:
        """Return what must and what must not be there, by alternative."""
        groups: list[tuple[list[str], list[str]]] = [([], [])]
        for minus, phrase, word in _PART.findall(self.text):
            if word.lower() == "or" and not minus:
                groups.append(([], []))
                continue
            part = phrase or word
            if _LETTER.search(part):
                groups[-1][1 if minus else 0].append(part)
        return [group for group in groups if group[0] or group[1]]


def _quoted(part: str) -> str:
    return '"' + part.replace('"', '""') + '"'
