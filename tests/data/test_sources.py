"""Sources by name."""

from __future__ import annotations

import subprocess
import sys

import pytest

from workbench.config import load_settings
from workbench.data import sources
from workbench.errors import UsageError


@pytest.mark.parametrize("name", sources.names())
def test_each_name_finds_its_source(name, tmp_path):
    keys = ("POLYGON_KEY", "ALPACA_KEY", "ALPACA_SECRET", "FINNHUB_KEY")
    (tmp_path / ".env").write_text("".join(f"WORKBENCH_{key}=x\n" for key in keys))
    assert sources.find(name, load_settings(tmp_path)).name == name


def test_an_unknown_source_offers_the_nearest(tmp_path):
    with pytest.raises(UsageError, match="did you mean 'synthetic'") as caught:
        sources.find("sinthetic", load_settings(tmp_path))
    assert caught.value.source == "sinthetic"
    with pytest.raises(UsageError, match="sample, synthetic, files"):
        sources.find("zzz", load_settings(tmp_path))


def test_a_package_that_is_not_installed_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['ccxt'] = None\n"
        "from workbench.config import load_settings; from workbench.data import sources\n"
        f"sources.find('kraken', load_settings({str(tmp_path)!r}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "UsageError: this source needs the package ccxt: pip install" in out.stderr


def test_a_source_is_imported_when_it_is_chosen():
    code = (
        "import sys, workbench.data.sources\n"
        "loaded = {m for m in sys.modules if m.startswith('workbench.venues.files')}\n"
        "assert not loaded and 'workbench.data.synthetic' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
