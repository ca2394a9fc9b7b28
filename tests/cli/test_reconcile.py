"""Books and venue side by side from the command line, with no server anywhere."""

from __future__ import annotations

import json


def test_a_difference_is_told_and_taken_over_with_a_reason(workbench, tmp_path):
    assert "to the last digit" in workbench("reconcile")
    memory = tmp_path / "data" / "desk" / "venue.jsonl"
    account, *rest = memory.read_text().splitlines()
    less = json.loads(account)
    less["value"]["cash"] = "999999.99"
    memory.write_text("\n".join([json.dumps(less), *rest]) + "\n")
    said = workbench("reconcile", code=1)
    assert "1000000.0" in said
    assert "-0.01" in said
    assert "needs a --reason" in workbench("reconcile", "--adopt-difference", code=2)
    done = workbench("reconcile", "--adopt-difference", "--reason", "a fee", "--user", "ada")
    assert "1 taken over by ada" in done
    assert "to the last digit" in workbench("reconcile")
    none = workbench("reconcile", "--adopt-difference", "--reason", "again", "--user", "ada")
    assert "0 taken over" in none


def test_the_status_tells_what_is_halted_and_why(workbench):
    workbench("halt", "no-new-orders", "--scope", "symbol:IBM", "--reason", "10 here, 12 there")
    said = workbench("status")
    assert "symbol:IBM" in said
    assert "10 here, 12 there" in said
