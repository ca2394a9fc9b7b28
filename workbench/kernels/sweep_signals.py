"""Rules over rows of indicators, answered for one point of a sweep at a time.

A rule is a small program, the same for all points: comparisons of operands, joined by
and, or and not. What an operand is differs from point to point: a row of a table of
indicators, or a number. The answer is one byte per bar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workbench.kernels.codes import Floats, Integers
from workbench.kernels.compile import jit, step

__all__ = [
    "AND", "FLAT", "GE", "GT", "KEEP", "KNOWN", "LONG", "NOT", "OR", "SHORT", "XOR", "Rules",
    "Words", "answer", "begun", "latest", "lowest",
    "signals",
]  # fmt: skip

GT, GE, KNOWN, AND, OR, XOR, NOT = 0, 1, 2, 3, 4, 5, 6
"""The operations; the first three push an answer, the others work on the last ones."""

KEEP, LONG, FLAT, SHORT = 0, 1, 2, 3
"""The answer for a bar: no opinion, or what to hold."""

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
NOTHING: Bytes = np.zeros(0, np.uint8)
_TILE = 2048
# The place of the lowest byte of a word that is 1: each byte's number at the top after the shift.
_PLACES = np.uint64(sum(k << (61 - 8 * k) for k in range(8)))
_TOP = np.uint64(61)
_NONE, _ONE = np.uint64(0), np.uint64(1)


class Rules(NamedTuple):
    """The rule of a sweep, and what its operands are at each point.

    Parameters
    ----------
    table : ndarray, shape (R, T)
        Rows of indicators.
    first : ndarray of int64, shape (R,)
        The first bar from which a row is known to the end; before it all is NaN, unless the
        rule states where it has an opinion.
    program : ndarray of int64, shape (K, 3)
        Operation, left operand, right operand.
    ends : ndarray of int64, shape (3,)
        Where the programs for long, short and flat end; an empty one is never true. Where
        that for flat is empty, flat is whatever is neither long nor short.
    rows : ndarray of int64, shape (P, S)
        Per point and operand the row of `table`, -1 for a number.
    numbers : ndarray, shape (P, S)
        The numbers.
    states_known : bool
        Whether the third program tells where there is an opinion, and the rest is flat. An
        empty one is always true, and what is compared with NaN is false. Without, a program
        has no answer before all of its rows are known.
    opening : ndarray of uint8, shape (P,) or (0,)
        Per point the answer for the first bar where the rule has none for it: what it said on
        bars before the table begins.
    """

    table: Floats
    first: Integers
    program: Integers
    ends: Integers
    rows: Integers
    numbers: Floats
    states_known: bool = False
    opening: Bytes = NOTHING


@step
def compare(op: int, left: Floats, right: Floats, out: Bytes) -> None:
    """Answer a comparison of two rows."""
    if op == GT:
        for i in range(len(out)):
            out[i] = left[i] > right[i]
    else:
        for i in range(len(out)):
            out[i] = left[i] >= right[i]


@step
def exceeds(op: int, left: Floats, right: float, out: Bytes) -> None:
    """Answer whether a row is above a number."""
    if op == GT:
        for i in range(len(out)):
            out[i] = left[i] > right
    else:
        for i in range(len(out)):
            out[i] = left[i] >= right


@step
def falls_short(op: int, left: float, right: Floats, out: Bytes) -> None:
    """Answer whether a row is below a number."""
    if op == GT:
        for i in range(len(out)):
            out[i] = left > right[i]
    else:
        for i in range(len(out)):
            out[i] = left >= right[i]


@step
def is_known(first: int, row: Floats, out: Bytes) -> None:
    """Answer where a row is no NaN; it is none from `first` on."""
    if first <= 0:
        out[:] = 1
        return
    for i in range(len(out)):
        out[i] = row[i] == row[i]


@step
def join(op: int, out: Bytes, other: Bytes) -> None:
    """Join two answers into the first."""
    if op == AND:
        for i in range(len(out)):
            out[i] = out[i] & other[i]
    elif op == OR:
        for i in range(len(out)):
            out[i] = out[i] | other[i]
    else:
        for i in range(len(out)):
            out[i] = out[i] ^ other[i]


@step
def turn(out: Bytes) -> None:
    """Say yes for no."""
    for i in range(len(out)):
        out[i] = 1 - out[i]


@step
def ask(p: int, begin: int, end: int, t: int, rules: Rules, stack: Bytes) -> int:
    """Run the program between two ends for bars from `t`; return the bar it is known from.

    The answer is in the first row of `stack`, (depth, bars).
    """
    depth, known, bars = 0, 0, stack.shape[1]
    for k in range(begin, end):
        op, a, b = rules.program[k, 0], rules.program[k, 1], rules.program[k, 2]
        if op == NOT:
            turn(stack[depth - 1])
        elif op >= AND:
            depth -= 1
            join(op, stack[depth - 1], stack[depth])
        elif op == KNOWN:
            row = rules.rows[p, a]
            is_known(rules.first[row] - t, rules.table[row, t : t + bars], stack[depth])
            depth += 1
        else:
            left, right = rules.rows[p, a], rules.rows[p, b]
            out = stack[depth]
            depth += 1
            if left >= 0:
                known = max(known, rules.first[left])
            if right >= 0:
                known = max(known, rules.first[right])
            if left < 0:
                falls_short(op, rules.numbers[p, a], rules.table[right, t : t + bars], out)
            elif right < 0:
                exceeds(op, rules.table[left, t : t + bars], rules.numbers[p, b], out)
            else:
                compare(op, rules.table[left, t : t + bars], rules.table[right, t : t + bars], out)
    return known


@jit
def signals(p: int, t: int, rules: Rules, stack: Bytes, out: Bytes) -> None:
    """Write the answers of point `p` for bars from `t` on: KEEP, LONG, FLAT or SHORT.

    Parameters
    ----------
    stack : ndarray of uint8, shape (depth, bars)
        To work in.
    out : ndarray of uint8, shape (bars,)
    """
    answer(p, t, rules, stack, out)


@step
def answer(p: int, t: int, rules: Rules, stack: Bytes, out: Bytes) -> None:
    """Do what `signals` does, as a step of a kernel."""
    if rules.states_known:
        opinions(p, t, rules, stack, out)
    else:
        judge(p, t, rules, stack, out)
    if t == 0 and p < len(rules.opening) and out[0] == KEEP:
        out[0] = rules.opening[p]


@step
def judge(p: int, t: int, rules: Rules, stack: Bytes, out: Bytes) -> None:
    """Write the answers of a rule that has an opinion from where its rows are known."""
    bars = len(out)
    is_holding = rules.ends[2] == rules.ends[1]
    known = ask(p, 0, rules.ends[0], t, rules, stack)
    yes = stack[0]
    for i in range(bars):
        out[i] = yes[i]
    if rules.ends[0] == 0:
        out[:] = KEEP
    if not is_holding:
        out[: max(min(known - t, bars), 0)] = KEEP
    if rules.ends[1] > rules.ends[0]:
        since = ask(p, rules.ends[0], rules.ends[1], t, rules, stack)
        begin = 0 if is_holding else max(min(since - t, bars), 0)
        add_short(out[begin:], yes[begin:])
        known = max(known, since)
    if is_holding:
        for i in range(bars):
            out[i] |= (out[i] == KEEP) * FLAT
        out[: max(min(known - t, bars), 0)] = KEEP
        return
    since = ask(p, rules.ends[1], rules.ends[2], t, rules, stack)
    begin = max(min(since - t, bars), 0)
    add_flat(out[begin:], yes[begin:])


@step
def opinions(p: int, t: int, rules: Rules, stack: Bytes, out: Bytes) -> None:
    """Write the answers of a rule that states where it has an opinion."""
    yes = stack[0]
    ask(p, 0, rules.ends[0], t, rules, stack)
    for i in range(len(out)):
        out[i] = FLAT - yes[i]  # which makes it LONG
    if rules.ends[1] > rules.ends[0]:
        ask(p, rules.ends[0], rules.ends[1], t, rules, stack)
        for i in range(len(out)):
            out[i] |= (yes[i] & (out[i] == FLAT)) * SHORT
    if rules.ends[2] > rules.ends[1]:
        ask(p, rules.ends[1], rules.ends[2], t, rules, stack)
        for i in range(len(out)):
            out[i] *= yes[i]


@jit
def latest(until: int, rules: Rules, out: Bytes) -> None:
    """Write per point its last answer before bar `until` that is not KEEP; KEEP is none.

    Parameters
    ----------
    out : ndarray of uint8, shape (P,)
    """
    stack = np.zeros((max(len(rules.program), 1), _TILE), np.uint8)
    codes = np.zeros(_TILE, np.uint8)
    for p in range(len(out)):
        out[p] = KEEP
        end = until
        while end > 0 and out[p] == KEEP:
            begin = max(end - _TILE, 0)
            size = end - begin
            answer(p, begin, rules, stack[:, :size], codes[:size])
            for i in range(size - 1, -1, -1):
                if codes[i] != KEEP:
                    out[p] = codes[i]
                    break
            end = begin


@step
def begun(size: int, codes: Bytes, words: Words, places: Integers) -> int:
    """Mark the bars on which an opinion begins; return in how many words of eight there are any.

    Parameters
    ----------
    codes : ndarray of uint8
        The answers from the eighth on; the seventh is the one before them.
    words : ndarray of uint64
        A byte per bar is written, 1 or 0.
    places : ndarray of int64, longer than `words`
        The words in which there are any.
    """
    marks = words.view(np.uint8)
    count = (size + 7) // 8
    words[count - 1] = _NONE
    for i in range(size):
        marks[i] = (codes[8 + i] != codes[7 + i]) & (codes[8 + i] != KEEP)
    found = 0
    for w in range(count):  # written where it may be one, kept where it is
        places[found] = w
        found += words[w] != _NONE
    return found


@step
def lowest(word: np.uint64) -> int:
    """Return the number of the first byte of a word that is 1."""
    return int(((word & (~word + _ONE)) * _PLACES) >> _TOP)


@step
def add_short(out: Bytes, yes: Bytes) -> None:
    """Answer SHORT where another answer is yes and this one not yet LONG."""
    # From 0 on: with another begin the compiler looks for negative places, one by one.
    for i in range(len(out)):
        out[i] |= (yes[i] & (out[i] ^ LONG)) * SHORT


@step
def add_flat(out: Bytes, yes: Bytes) -> None:
    """Answer FLAT where another answer is yes and there is none yet."""
    for i in range(len(out)):
        out[i] |= (yes[i] & (out[i] == KEEP)) * FLAT
