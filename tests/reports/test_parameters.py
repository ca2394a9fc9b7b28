import pytest

from workbench.errors import UsageError
from workbench.reports.parameters import checked, declared

KNOWN = {
    "days": 5,
    "ratio": 0.5,
    "live": False,
    "name": "x",
    "symbols": ["A"],
    "as_of": None,
}


def test_the_parameters_cell_is_read_and_never_run(notebook):
    path = notebook('days: int = 5\nsymbols = ["A", "B"]\nas_of = None  # newest\n')
    assert declared(path) == {"days": 5, "symbols": ["A", "B"], "as_of": None}
    with pytest.raises(UsageError, match="only assign literals"):
        declared(notebook("import os\ndays = 5"))
    with pytest.raises(UsageError, match="only assign literals"):
        declared(notebook("days = open('/etc/passwd')"))
    with pytest.raises(UsageError, match="only assign literals"):
        declared(notebook("days = "))


def test_a_file_that_is_no_notebook_is_refused(tmp_path):
    with pytest.raises(UsageError, match="there is no notebook"):
        declared(tmp_path / "missing.ipynb")
    path = tmp_path / "x.ipynb"
    for text in ("not json", "[]", "{}"):
        path.write_text(text)
        with pytest.raises(UsageError, match="is no notebook"):
            declared(path)


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("days", 7, 7),
        ("days", "7", 7),
        ("ratio", 1, 1.0),
        ("ratio", "0.25", 0.25),
        ("live", "true", True),
        ("live", True, True),
        ("name", "7", "7"),
        ("symbols", "A, B", ["A", "B"]),
        ("symbols", '["C"]', ["C"]),
        ("symbols", ("A",), ["A"]),
        ("as_of", "2012-01-01", "2012-01-01"),
        ("as_of", None, None),
    ],
)
def test_values_take_the_type_of_their_default(name, given, expected):
    value = checked({name: given}, KNOWN)[name]
    assert (value, type(value)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("days", 1.5),
        ("days", "many"),
        ("days", True),
        ("days", [1]),
        ("ratio", float("nan")),
        ("ratio", "inf"),
        ("live", 1),
        ("live", "perhaps"),
        ("name", 5),
        ("symbols", {"A": 1}),
        ("symbols", [object()]),
        ("as_of", object()),
        ("days", None),
    ],
)
def test_a_value_of_another_type_is_refused(name, given):
    with pytest.raises(UsageError, match=f"parameter '{name}' must be") as caught:
        checked({name: given}, KNOWN)
    assert caught.value.parameter == name


@pytest.mark.parametrize("name", ["Days", "_x", "a b", "a" * 33, "", "x;y", "dayś", 5, "1a"])
def test_a_malformed_name_is_refused(name):
    with pytest.raises(UsageError, match="no name of a parameter"):
        checked({name: 1}, KNOWN)


def test_an_undeclared_name_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="did you mean 'symbols'"):
        checked({"symbol": "A"}, KNOWN)
    with pytest.raises(UsageError, match="it has none"):
        checked({"zzz": 1}, {})
