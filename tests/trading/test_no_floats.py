"""Money is never a float on the way from an order to the books: neither in columns nor in words."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import Float, Numeric

from workbench.store.columns import DecimalText
from workbench.store.tables import metadata

PACKAGE = Path(__file__).resolve().parents[2] / "workbench"
FOLDERS = ("trading", "risk", "store", "core")
# seconds, probabilities and market data are floats by contract; money and quantities are not
MONEY = {
    "price", "limit_price", "stop_price", "average_price", "reference_price", "quantity", "filled",
    "fee", "fees", "cash", "amount", "amounts", "notional", "equity", "realised", "unrealised",
    "reserved", "slippage", "units", "value", "cost", "balance", "buying_power", "day_start_equity",
}  # fmt: skip
MARKET_DATA = {"bar.py", "quote.py", "trade.py", "depth.py", "order_book.py"}
NEWS = {"messages.py", "r0003_messages.py"}  # a sentiment is a float
DOOR = {"money.py"}  # where a float becomes a Decimal


def files():
    return [
        path for folder in FOLDERS for path in sorted((PACKAGE / folder).rglob("*.py"))
        if path.name not in MARKET_DATA | NEWS | DOOR
    ]  # fmt: skip


def floats(tree):
    """Yield names of money that are annotated as floats, and columns that go through one."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if node.target.id in MONEY and is_float(node.annotation):
                yield node.target.id
        elif isinstance(node, ast.arg) and node.arg in MONEY and is_float(node.annotation):
            yield node.arg
        elif isinstance(node, ast.FunctionDef) and node.name in MONEY and is_float(node.returns):
            yield node.name
        elif isinstance(node, (ast.Name, ast.Attribute)):
            name = node.id if isinstance(node, ast.Name) else node.attr
            if name in ("Float", "Numeric", "REAL", "DOUBLE", "Double", "DOUBLE_PRECISION"):
                yield name


def is_float(annotation):
    return annotation is not None and any(
        isinstance(node, ast.Name) and node.id == "float" for node in ast.walk(annotation)
    )


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_money_is_a_float(path):
    assert list(floats(ast.parse(path.read_text()))) == []


def test_the_scan_finds_what_it_looks_for():
    bad = (
        "class A:\n    price: float | None\n\ndef cash(fee: float) -> float:\n    return Numeric(1)"
    )
    assert sorted(floats(ast.parse(bad))) == ["Numeric", "cash", "fee", "price"]


def test_no_column_goes_through_a_float():
    for table in metadata.tables.values():
        for column in table.columns if table.name != "messages" else ():
            assert not isinstance(column.type, (Float, Numeric)), f"{table}.{column.name}"
    money = {"quantity", "price", "fee", "amount", "filled", "limit_price", "realised"}
    for table in (metadata.tables[name] for name in ("orders", "fills", "positions", "cash")):
        for column in table.columns:
            assert column.name not in money or isinstance(column.type, DecimalText)
