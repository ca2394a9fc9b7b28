import numpy as np
import pytest

from workbench.errors import DataError, UsageError
from workbench.runs.checkpoint import Checkpoint

FACTS = {"strategy": "SmaCross"}


def test_chunks_come_back_to_the_bit_and_the_last_of_a_point_counts(tmp_path):
    kept = Checkpoint(tmp_path / "deep" / "r1.db")
    rows = np.array([[0.1, np.nan], [-np.inf, 1e-300], [np.pi, -0.0]])
    kept.append(np.array([5, 2, 9]), rows, FACTS)
    kept.append(np.array([2]), rows[2:], FACTS | {"late": "fact"})
    stored = kept.read()
    assert stored.numbers.tolist() == [2, 5, 9]
    assert stored.rows.tobytes() == rows[[2, 0, 2]].tobytes()
    assert stored.facts == FACTS | {"late": "fact"}


def test_an_empty_chunk_keeps_the_facts(tmp_path):
    kept = Checkpoint(tmp_path / "r1.db")
    kept.append(np.empty(0, np.int64), np.empty((0, 3)), FACTS)
    stored = kept.read()
    assert len(stored.numbers) == 0 and stored.facts == FACTS


def test_where_it_cannot_be_written_or_read_is_told(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="3 finished points could not be kept"):
        Checkpoint(tmp_path / "file" / "r1.db").append(np.arange(3), np.ones((3, 2)), FACTS)
    (tmp_path / "r2.db").write_bytes(b"nonsense" * 999)
    with pytest.raises(DataError, match="cannot be read"):
        Checkpoint(tmp_path / "r2.db").read()
    with pytest.raises(UsageError, match="did you mean 'r2'"):
        Checkpoint(tmp_path / "r3.db").read()
    assert not (tmp_path / "r3.db").exists()
