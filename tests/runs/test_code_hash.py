import subprocess
import sys
import textwrap

import pytest

from workbench.runs.code_hash import code_hash

BASE = """
LIMIT = 3
def helper(x):
    return deeper(x) + LIMIT
def deeper(x):
    return x in {"a", "b", "c", "d", "e"}
class Base:
    def shared(self):
        return 1
class Mine(Base):
    '''What it is.'''
    size = 2
    @property
    def warmup(self):
        return 5
    def targets(self, bars):
        '''What it does.'''
        def inner():
            return 7
        return helper(bars) + self.size + inner()
"""


def hash_of(source):
    space = {"__name__": "a_module"}
    exec(compile(source, "<cell>", "exec"), space)
    return code_hash(space["Mine"])


def test_the_same_code_has_the_same_hash():
    assert hash_of(BASE) == hash_of(BASE)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return 5", "return 6"),
        ("return 7", "return 8"),
        ("size = 2", "size = 3"),
        ("return 1", "return 2"),
        ("LIMIT = 3", "LIMIT = 4"),
        ('"e"}', '"f"}'),
        ("helper(bars) +", "helper(bars) -"),
        ("(self, bars)", "(self, bars, more=1)"),
    ],
)
def test_what_the_code_does_changes_it(before, after):
    assert BASE.count(before) == 1
    assert hash_of(BASE) != hash_of(BASE.replace(before, after))


@pytest.mark.parametrize(
    ("before", "after"),
    [("What it does.", "Else."), ("What it is.", "Else."), ("LIMIT = 3", "# a word\nLIMIT = 3")],
)
def test_words_do_not(before, after):
    assert hash_of(BASE) == hash_of(BASE.replace(before, after))


def test_it_is_the_same_in_every_process(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text(
        BASE + "\nfrom workbench.runs.code_hash import code_hash\nprint(code_hash(Mine))"
    )
    seen = {
        subprocess.run(
            [sys.executable, str(file)],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": str(seed)},
        ).stdout
        for seed in (1, 2, 3)
    }
    assert len(seen) == 1


def test_a_class_that_names_itself_ends():
    source = """
        class Mine:
            def targets(self, bars):
                return Mine, other()
        def other():
            return Mine().targets(other)
    """
    assert len(hash_of(textwrap.dedent(source))) == 16
