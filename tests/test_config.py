import pytest

from workbench import errors
from workbench.config import RiskLimits, find_workspace, load_settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    import os

    for name in list(os.environ):
        if name.startswith("WORKBENCH_"):
            monkeypatch.delenv(name)


def test_defaults_give_the_embedded_workspace(tmp_path):
    settings = load_settings(tmp_path)
    assert settings.workspace == tmp_path
    assert settings.folder("bars") == tmp_path / "data" / "bars"
    assert settings.database == f"sqlite:///{tmp_path / 'data' / 'workbench.db'}"
    assert settings.host == "127.0.0.1"


def test_what_is_nearer_wins(tmp_path, monkeypatch):
    (tmp_path / "pyproject.toml").write_text("[tool.workbench]\nport = 1001\nsource = 'files'\n")
    (tmp_path / "workbench.toml").write_text("port = 1002\n")
    assert load_settings(tmp_path).port == 1002
    (tmp_path / ".env").write_text("WORKBENCH_PORT=1003\nUNRELATED=1\n")
    assert load_settings(tmp_path).port == 1003
    monkeypatch.setenv("WORKBENCH_PORT", "1004")
    assert load_settings(tmp_path).port == 1004
    assert load_settings(tmp_path, port=1005).port == 1005
    assert load_settings(tmp_path).source == "files"


def test_a_nested_key_changes_only_itself(tmp_path, monkeypatch):
    (tmp_path / "workbench.toml").write_text("[risk]\nmax_gross = 1.5\nsymbols = ['AAPL']\n")
    monkeypatch.setenv("WORKBENCH_RISK__PRICE_COLLAR", "0.2")
    risk = load_settings(tmp_path).risk
    assert (risk.max_gross, risk.price_collar, risk.symbols) == (1.5, 0.2, ("AAPL",))
    assert risk.max_order_notional == RiskLimits().max_order_notional


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot = 1\n", ["'prot'", "workbench.toml", "did you mean 'port'"]),
        ("[risk]\nmax_gros = 1\n", ["'max_gros'", "did you mean 'max_gross'"]),
        ("port = -1\n", ["'port'", "workbench.toml", "greater than or equal to 0"]),
        ("[risk]\nmax_gross = 0\n", ["'risk.max_gross'", "greater than 0"]),
        ("port = \n", ["workbench.toml cannot be read", "Invalid value"]),
    ],
)
def test_a_bad_file_says_what_and_where(tmp_path, text, said):
    (tmp_path / "workbench.toml").write_text(text)
    with pytest.raises(errors.UsageError) as caught:
        load_settings(tmp_path)
    for part in said:
        assert part in str(caught.value)


def test_an_unknown_key_in_dotenv_and_environment_is_refused(tmp_path, monkeypatch):
    (tmp_path / ".env").write_text("WORKBENCH_PROT=1\n")
    with pytest.raises(errors.UsageError, match=r"WORKBENCH_PROT.*\.env.*'WORKBENCH_PORT'"):
        load_settings(tmp_path)
    (tmp_path / ".env").unlink()
    monkeypatch.setenv("WORKBENCH_PROT", "1")
    with pytest.raises(errors.UsageError, match=r"WORKBENCH_PROT.*'WORKBENCH_PORT'"):
        load_settings(tmp_path)


def test_a_wrong_variable_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_PORT", "eighty")
    with pytest.raises(errors.UsageError, match=r"'port' in the environment \(WORKBENCH_PORT\)"):
        load_settings(tmp_path)


def test_a_secret_is_not_shown(tmp_path):
    settings = load_settings(tmp_path, secret_key="correct horse battery")
    assert "battery" not in repr(settings) + str(settings.model_dump())
    assert settings.secret_key.get_secret_value() == "correct horse battery"


def test_settings_are_frozen(tmp_path):
    with pytest.raises(ValueError, match="frozen"):
        load_settings(tmp_path).port = 1


def test_the_workspace_is_found_from_below(tmp_path, monkeypatch):
    (tmp_path / "workbench.toml").write_text("")
    below = tmp_path / "notebooks" / "deep"
    below.mkdir(parents=True)
    assert find_workspace(below) == tmp_path
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "elsewhere"))
    assert find_workspace(below) == tmp_path / "elsewhere"


def test_a_foreign_pyproject_is_no_workspace(tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'other'\n")
    below = tmp_path / "sub"
    below.mkdir()
    assert find_workspace(below) == below


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Bench.example/", "https://bench.example"),
        ("https://bench.example:443", "https://bench.example"),
        ("https://bench.example:8443", "https://bench.example:8443"),
        ("http://10.0.0.5:80", "http://10.0.0.5"),
    ],
)
def test_a_public_address_becomes_an_origin(tmp_path, url, origin):
    assert load_settings(tmp_path, public_url=url).public_origin == origin


@pytest.mark.parametrize("url", ["bench.example", "ftp://x", "https://x/path", "https://a b"])
def test_what_is_no_public_address_is_refused(tmp_path, url):
    with pytest.raises(errors.UsageError, match="public_url"):
        load_settings(tmp_path, public_url=url)


def test_what_changes_is_read_again_and_what_a_reader_changes_stays_with_it(tmp_path, monkeypatch):
    file = tmp_path / "workbench.toml"
    assert load_settings(tmp_path).port == 8765
    file.write_text("port = 9001\n[venues.polygon]\nper_minute = 5\n")
    found = load_settings(tmp_path)
    assert found.port == 9001
    found.venues.clear()
    assert list(load_settings(tmp_path).venues) == ["polygon"]
    file.write_text(file.read_text().replace("9001", "9002"))  # as long, and at once
    assert load_settings(tmp_path).port == 9002
    (tmp_path / ".env").write_text("WORKBENCH_PORT=9003\n")
    assert load_settings(tmp_path).port == 9003
    monkeypatch.setenv("WORKBENCH_PORT", "9004")
    assert load_settings(tmp_path).port == 9004
    monkeypatch.delenv("WORKBENCH_PORT")
    file.write_text("prt = 1\n")
    for _ in range(2):
        with pytest.raises(errors.UsageError, match="prt"):
            load_settings(tmp_path)
