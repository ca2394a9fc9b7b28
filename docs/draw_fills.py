"""Draw the pictures of docs/fills.md from runs of the engine: `python docs/draw_fills.py`.

Each scene is a few bars made by hand and the choices of a backtest. What is drawn and written on a
picture is read off the result, so that it cannot tell anything else than the engine does; a test
draws them again and compares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

import workbench as wb
from workbench.backtest.engine import prepare
from workbench.backtest.frames import LIQUIDATED
from workbench.backtest.result import Result
from workbench.kernels.carry import KINDS
from workbench.strategy.sleeves import spread

FOLDER = Path(__file__).parent / "images" / "fills"
Rows = list[tuple[float, ...]]

STYLE = """
  .card{fill:#fff;stroke:#d0d7de} text{font:12px Inter,'Segoe UI',Arial,sans-serif;fill:#1f2328}
  text{paint-order:stroke;stroke:#fff;stroke-width:4px;stroke-linejoin:round}
  .title{font-size:14px;font-weight:600} .small{fill:#59636e;font-size:11px}
  .up{fill:#1a7f5a;stroke:#1a7f5a} .down{fill:#c93c37;stroke:#c93c37}
  .level{stroke:#59636e;stroke-dasharray:5 4;fill:none}
  .buy{fill:#0969da} .sell{fill:#bc4c00}
  @media(prefers-color-scheme:dark){
  .card{fill:#161b22;stroke:#30363d} text{fill:#e6edf3;stroke:#161b22} .small{fill:#9198a1}
  .up{fill:#2ea88a;stroke:#2ea88a} .down{fill:#f0625d;stroke:#f0625d} .level{stroke:#9198a1}
  .buy{fill:#58a6ff} .sell{fill:#f0a05a}}
"""


@dataclass(frozen=True)
class Scene:
    """Bars per symbol as (open, high, low, close[, volume]), targets per bar, and choices.

    `due` are dividends, splits and funding by their name and bar, the same for all symbols.
    """

    title: str
    bars: dict[str, Rows]
    targets: list[Any]
    choices: dict[str, Any] = field(default_factory=dict)
    first: str = "2024-01-01"
    step: str = "1D"
    due: dict[str, dict[int, float]] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)

    @property
    def panels(self) -> dict[str, Rows]:
        """Return what is drawn: the bars of each symbol, or of each strategy and symbol."""
        if not self.shares:
            return self.bars
        return {
            f"{name}/{symbol}": [(*row[:4], *(v * share for v in row[4:])) for row in rows]
            for name, share in self.shares.items()
            for symbol, rows in self.bars.items()
        }

    def run(self) -> Result:
        """Run the engine; the targets of several strategies are fractions of their shares."""
        index = pd.date_range(self.first, periods=len(self.targets), freq=self.step, tz="UTC")
        fields = ("open", "high", "low", "close", "volume")
        parts = {
            symbol: pd.DataFrame([(*row, 1e6)[:5] for row in rows], index, fields, dtype=float)
            for symbol, rows in self.bars.items()
        }
        for part in parts.values():
            for name, values in self.due.items():
                part[name] = pd.Series(values).reindex(range(len(index))).to_numpy()
        frame = pd.concat(parts, axis=1, names=["symbol", "field"]).swaplevel(axis=1)
        frame.index.name = "time"
        frame = frame.sort_index(axis=1, level=0, sort_remaining=False)
        wanted = np.array(self.targets, float).reshape(len(index), -1)
        choices = {"cash": 1_000.0, "calendar": "24/7", **self.choices}
        strategy: wb.Strategy = _Given()
        if self.shares:
            names = dict.fromkeys(self.shares, strategy)
            strategy = wb.Sleeves(strategies=names, shares=self.shares)
            wanted = wanted * np.repeat([*self.shares.values()], len(self.bars))
        return prepare(spread(strategy, frame), **choices).result(strategy, wanted)


class _Given(wb.Strategy):
    """Stands for whoever has these targets."""

    def targets(self, bars: pd.DataFrame) -> pd.Series:
        """Not asked: the scene has them."""
        return bars["close"] * 0.0


FLAT = (100, 101, 99, 100)
SCENES = {
    "open": Scene(
        "Decided at the close of bar 0, filled at the open of bar 1",
        {"A": [(99, 101, 98, 100), (103, 106, 102, 105), (105, 107, 104, 106)]},
        [1, 1, 1],
    ),
    "gap": Scene(
        "A gap through the stop is filled at the open",
        {"A": [FLAT, (100, 103, 99, 102), (90, 94, 88, 93), (93, 96, 92, 95)]},
        [1, 1, 1, 1],
        {"stops": wb.Stops(loss=0.05)},
    ),
    "entry-bar": Scene(
        "A stop works on the bar of the entry",
        {"A": [FLAT, (100, 102, 93, 97), (97, 99, 96, 98)]},
        [1, 1, 1],
        {"stops": wb.Stops(loss=0.05)},
    ),
    "exit-first": Scene(
        "An exit decided the bar before comes before the stop of the bar",
        {"A": [FLAT, (100, 103, 99, 102), (98, 99, 90, 92), (92, 94, 91, 93)]},
        [1, 0, 0, 0],
        {"stops": wb.Stops(loss=0.05)},
    ),
    "trail": Scene(
        "A trailing stop follows the highs of the bars before: that of bar 2 counts from bar 3 on",
        {"A": [FLAT, (100, 108, 99, 107), (107, 118, 104, 106), (106, 108, 103, 104)]},
        [1, 1, 1, 1],
        {"stops": wb.Stops(trail=0.05)},
    ),
    "both": Scene(
        "Both stops inside one bar: the loss is taken, the band tells the other case",
        {"A": [FLAT, (100, 102, 99, 101), (101, 107, 93, 102), (102, 103, 101, 102)]},
        [1, 1, 1, 1],
        {"stops": wb.Stops(loss=0.05, profit=0.05)},
    ),
    "limit": Scene(
        "An entry at 2 % below the close, good for 3 bars",
        {"A": [FLAT, (100, 102, 98, 101), (101, 102, 96, 100), (100, 104, 99, 103)]},
        [1, 1, 1, 1],
        {"fill": wb.Limit(0.02, good_for=3)},
    ),
    "cap": Scene(
        "At most a tenth of a bar's volume; the rest waits",
        {"A": [FLAT, (*FLAT, 40), (100, 102, 99, 101, 30), (101, 103, 100, 102, 90)]},
        [1, 1, 1, 1],
        {
            "costs": wb.Costs(max_participation=0.1),
            "sizing": wb.Sizing(lot=1, at="decision"),
        },
    ),
    "lot": Scene(
        "Whole lots of 3 units, no order below 350 of notional: one more lot is too small",
        {"A": [FLAT, FLAT, (100, 102, 99, 101), (101, 103, 100, 102)]},
        [0.2, 0.8, 0.95, 0.95],
        {"sizing": wb.Sizing(lot=3, min_notional=350)},
    ),
    "month": Scene(
        "Weekly bars, half in A and half in B, set right after the last one of a month",
        {
            "A": [
                FLAT,
                FLAT,
                (100, 111, 99, 110),
                *[(110, 112, 108, 110)] * 3,
                (110, 112, 109, 111),
            ],
            "B": [FLAT, FLAT, (100, 101, 89, 90), *[(90, 92, 88, 90)] * 3, (90, 92, 89, 91)],
        },
        [[0.5, 0.5]] * 7,
        {"sizing": wb.Sizing(rebalance="month")},
        first="2024-01-22",
        step="7D",
    ),
    "interest": Scene(
        "Over a weekend: three days of interest at 6 %, and of a fee of 3 % for what is short",
        {"A": [FLAT] * 4, "B": [FLAT] * 4},
        [[2, -0.5]] * 4,
        {
            "cash": 100_000.0,
            "calendar": "XNYS",
            "sizing": wb.Sizing(leverage=3),
            "costs": wb.Costs(financing=wb.financing.Financing(margin_bps=600, borrow_bps=300)),
        },
        first="2024-01-17",
        step="1B",
    ),
    "funding": Scene(
        "A funding of 0.1 % on bars 2 and 3: what is held pays it, what the open buys does not",
        {"A": [FLAT, FLAT, FLAT, (100, 102, 99, 101)]},
        [0.5, 1, 1, 1],
        step="8h",
        due={"funding": {2: 0.001, 3: 0.001}},
    ),
    "dividend": Scene(
        "Raw bars: a dividend of 4 on bar 2, two new units for each old one on bar 3",
        {"A": [FLAT, FLAT, (96, 98, 95, 97), (48.5, 50, 48, 49), (49, 50, 48, 49)]},
        [1, 1, 1, 0, 0],
        due={"dividend": {2: 4.0}, "split": {3: 2.0}},
    ),
    "margin": Scene(
        "Twice the equity is held: liquidated where equity is down to 30 % of what is held",
        {"A": [FLAT, (100, 102, 98, 99), (98, 99, 66, 80), (80, 84, 78, 83)]},
        [2, 2, 2, 2],
        {"sizing": wb.Sizing(leverage=2, maintenance=0.3)},
    ),
    "cash": Scene(
        "Shared cash: the sale of B pays for A on the same bar",
        {"A": [FLAT, FLAT, (102, 104, 101, 103)], "B": [FLAT, FLAT, (98, 99, 96, 97)]},
        [[0, 1], [1, 0], [1, 0]],
    ),
    "sleeves": Scene(
        "Two strategies on one account, 60 % and 40 %: own orders, a share of the volume each",
        {"A": [FLAT, (100, 104, 99, 103, 100), (103, 106, 102, 105, 50), (105, 107, 104, 106, 50)]},
        [[1, 0], [0, 1], [0, 1], [0, 1]],
        {"costs": wb.Costs(max_participation=0.1)},
        shares={"trend": 0.6, "dip": 0.4},
    ),
}


def told(result: Result) -> list[str]:
    """Return what happened, a line per booking and per fill, and the band where there is one."""
    place = {time: k for k, time in enumerate(result.bars.index)}
    types = result.orders.set_index("order_id")["type"]
    found = [(row, f"bar {row}: {text}") for row, text in _booked(result)]
    for fill in result.fills.itertuples():
        kind = types[fill.order_id].replace("_", " ")
        if fill.order_id.endswith(LIQUIDATED):
            kind = "liquidation"
        row = place[fill.time]
        text = f"{fill.side} {fill.quantity:.4g} {fill.symbol} at {fill.price:.6g} ({kind})"
        found.append((row, f"bar {row}: {text}"))
    lines = [text for _, text in sorted(found, key=lambda one: one[0])]
    if result.best_equity is not None and (result.best_equity != result.equity).any():
        worst, best = result.equity.iloc[-1], result.best_equity.iloc[-1]
        lines.append(f"equity at the end: {worst:,.2f}, at best {best:,.2f}")
    return lines


def _booked(result: Result) -> list[tuple[int, str]]:
    """Return what was booked before opens: splits, and what holdings brought in and cost."""
    found = []
    if "split" in result.bars:
        for row, values in enumerate(result.bars["split"].to_numpy()):
            found += [(row, f"a split, {v:g} for 1") for v in values if not np.isnan(v)]
    words = {"margin": "interest on margin", "borrow": "borrow fee"}
    for row, amounts in enumerate(result.carry[list(KINDS)].to_dict("records")):
        found += [(row, f"{words.get(k, k)} {v:+,.2f}") for k, v in amounts.items() if v]
    return found


def drawn(scene: Scene) -> str:
    """Return a scene as SVG, legible on light and on dark pages."""
    result = scene.run()
    lines = told(result)
    panels = [_panel(scene, result, k) for k in range(len(scene.panels))]
    height = 250 + 18 * len(lines) + 14
    words = "".join(
        f'<text x="24" y="{262 + 18 * k}">{escape(line)}</text>\n' for k, line in enumerate(lines)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" width="640" '
        f'height="{height}" role="img">\n<title>{escape(scene.title)}</title>\n'
        f"<style>{STYLE}</style>\n"
        f'<rect class="card" x=".5" y=".5" width="639" height="{height - 1}" rx="8"/>\n'
        f'<text class="title" x="24" y="28">{escape(scene.title)}</text>\n'
        f"{''.join(panels)}{words}</svg>\n"
    )


def _panel(scene: Scene, result: Result, number: int) -> str:
    symbol, rows = list(scene.panels.items())[number]
    width = 592 / len(scene.panels)
    is_narrow = len(scene.panels) > 1
    left, step = 24 + number * width, (width - 90) / len(rows)
    orders = result.orders[result.orders["symbol"] == symbol]
    levels = orders[["limit_price", "stop_price"]].max(axis=1).dropna().unique()
    low = min([row[2] for row in rows] + list(levels))
    high = max([row[1] for row in rows] + list(levels))

    def y(price: float) -> float:
        return round(210 - (price - low) / (high - low) * 150, 1)

    parts = [f'<text class="small" x="{left:g}" y="50">{symbol}</text>\n'] * is_narrow
    for level in levels:
        parts.append(
            f'<path class="level" d="M{left:g} {y(level)}H{left + width - 64:g}"/>'
            f'<text class="small" x="{left + width - 60:g}" y="{y(level) + 4}">{level:.6g}</text>\n'
        )
    for k, (opened, top, bottom, close, *volume) in enumerate(rows):
        x = round(left + step * (k + 0.5), 1)
        kind = "up" if close >= opened else "down"
        body = max(abs(y(opened) - y(close)), 1)
        parts.append(
            f'<path class="{kind}" d="M{x} {y(top)}V{y(bottom)}"/>'
            f'<rect class="{kind}" x="{x - 9:g}" y="{min(y(opened), y(close))}" width="18" '
            f'height="{body:g}"/><text class="small" x="{x:g}" y="232" text-anchor="middle">'
            f"{'bar ' * (len(rows) < 6)}{k}{_volume(x, volume, is_narrow=is_narrow)}</text>\n"
        )
    place = {time: k for k, time in enumerate(result.bars.index)}
    fills = result.fills[result.fills["symbol"] == symbol]
    for fill in fills.itertuples():
        x = round(left + step * (place[fill.time] + 0.5), 1)
        at, is_buy = y(fill.price), fill.side == "buy"
        # a triangle beside the candle, its tip at the price
        d = f"M{x - 10} {at}l-12 -6v12z" if is_buy else f"M{x + 10} {at}l12 -6v12z"
        parts.append(f'<path class="{fill.side}" d="{d}"/>')
        if len(rows) < 6:
            anchor, shift = ("end", -26) if is_buy else ("start", 26)
            parts.append(
                f'<text x="{x + shift:g}" y="{at + 4:g}" text-anchor="{anchor}">'
                f"{fill.price:.6g}</text>\n"
            )
    return "".join(parts)


def _volume(x: float, volume: list[float], *, is_narrow: bool) -> str:
    """Return the words on a bar's volume; where there is little room, on a line of their own."""
    if is_narrow:
        return "".join(f'<tspan x="{x:g}" y="246">vol. {v:g}</tspan>' for v in volume)
    return "".join(f", volume {v:g}" for v in volume)


def main() -> None:
    """Write all pictures."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        (FOLDER / f"{name}.svg").write_text(drawn(scene), encoding="utf-8")


if __name__ == "__main__":
    main()
