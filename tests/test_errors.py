import pickle

import pytest

from workbench import errors


def test_the_branches_are_the_six_reactions():
    branches = {c.__name__ for c in errors.WorkbenchError.__subclasses__()}
    assert branches == {
        "UsageError",
        "DataError",
        "RefusedError",
        "UnavailableError",
        "OutcomeUnknownError",
        "InvariantError",
    }


@pytest.mark.parametrize("kind", errors.WorkbenchError.__subclasses__())
def test_facts_are_fields_and_survive_a_pickle(kind):
    error = kind("AAPL row 3: high below low", symbol="AAPL", row=3)
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.symbol, back.row) == (kind, str(error), "AAPL", 3)


def test_an_unknown_field_is_an_attribute_error():
    with pytest.raises(AttributeError, match="colour"):
        _ = errors.DataError("bad").colour


def test_unavailable_carries_the_delay():
    assert errors.UnavailableError("busy", retry_after=2.5).retry_after == 2.5
    assert errors.UnavailableError("busy").retry_after is None


@pytest.mark.parametrize(
    ("name", "hint"),
    [("aapl", "AAPL"), ("APPL", "AAPL"), ("MFST", "MSFT"), ("sharpee", None), ("", None)],
)
def test_nearest(name, hint):
    said = errors.nearest(name, ["AAPL", "MSFT", "IBM"])
    assert said == (f", did you mean {hint!r}?" if hint else "")
