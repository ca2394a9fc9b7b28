"""The fill table as scalar functions, shared by the kernel and the simulated venue.

Both call these with the same floats in the same order, so that a backtest and a replay
agree to the bit. The text of the rules is docs/fills.md. Every number is a float, also
sides (+1 buy, -1 sell), so that each function is compiled once.
"""

from __future__ import annotations

import math

from workbench.kernels.codes import (
    LOSS,
    MARKET,
    PROFIT,
    TRAIL,
    CostCode,
    Quote,
    StopCode,
    Terms,
    Want,
)
from workbench.kernels.compile import rule

__all__ = [
    "affordable",
    "allowance",
    "average_after",
    "cash_after",
    "decided",
    "fee_of",
    "fill_price",
    "fillable",
    "floor_lot",
    "is_drifted",
    "is_too_small",
    "is_tradable",
    "penalty",
    "sized",
    "stop_hit",
    "trade_for",
]

_NOISE = 1e-9
_DUST = 1e-12


@rule
def is_tradable(price: float, volume: float, costs: CostCode) -> bool:
    """Tell whether a bar can fill anything (rule 7).

    A NaN price fills nothing. A volume of zero or NaN fills nothing where the costs look
    at the volume; elsewhere volume is not asked for, as many sources have none.
    """
    if not price > 0.0:
        return False
    if costs.impact > 0.0 or costs.max_participation < math.inf:
        return volume > 0.0
    return True


@rule
def floor_lot(units: float, lot: float) -> float:
    """Round units towards zero to a multiple of `lot`; 0 leaves them.

    A billionth of a lot is taken for the noise of floats and rounded up.
    """
    if lot <= 0.0:
        return units
    count = math.floor(abs(units) / lot + _NOISE)
    inverse = float(round(1.0 / lot))
    # 3 * 0.1 is not 0.3, 3 / 10 is: what reaches a venue should look like what was meant.
    if inverse > 0.0 and abs(inverse * lot - 1.0) < _NOISE:  # noqa: SIM108
        size = count / inverse
    else:
        size = count * lot
    return size if units >= 0.0 else -size


@rule
def allowance(volume: float, used: float, lot: float, costs: CostCode) -> float:
    """Return the units a bar may still fill (rule 5); ``inf`` without a cap."""
    if costs.max_participation == math.inf:
        return math.inf
    return max(floor_lot(costs.max_participation * volume - used, lot), 0.0)


@rule
def fillable(remaining: float, allowed: float) -> float:
    """Return what of an order a bar fills; a billionth of it is no rest that waits."""
    return remaining if remaining <= allowed * (1.0 + _NOISE) else allowed


@rule
def fill_price(quote: Quote, side: float, quantity: float, costs: CostCode) -> float:
    """Return the price after slippage, never below zero."""
    rate = costs.slip_rate
    if costs.impact > 0.0:
        share = min(quantity / quote.volume, 1.0)
        rate = rate + costs.impact * share * share
    return max(quote.price + side * (quote.price * rate + costs.slip_fixed), 0.0)


@rule
def fee_rate(is_maker: bool, traded: float, costs: CostCode) -> float:
    """Return the fraction of notional of the tier reached by what was traded before."""
    column = 1 if is_maker else 2
    rate: float = costs.tiers[0, column]
    for k in range(1, costs.tiers.shape[0]):
        if traded >= costs.tiers[k, 0]:
            rate = costs.tiers[k, column]
    return rate


@rule
def fee_of(quantity: float, price: float, is_maker: bool, traded: float, costs: CostCode) -> float:
    """Return the fee of one fill in money; negative is a rebate.

    `traded` is the notional of all fills before this one.
    """
    per_unit = costs.per_share + fee_rate(is_maker, traded, costs) * price
    fee = per_unit * quantity
    if costs.minimum > 0.0 and fee < costs.minimum:
        return costs.minimum
    return fee


@rule
def penalty(quantity: float, price: float, costs: CostCode) -> float:
    """Return what a liquidation costs beside its fee."""
    return costs.liquidation * quantity * price


@rule
def trade_for(want: Want, budget: float, price: float, traded: float, terms: Terms) -> float:
    """Return the signed units to trade so that the target holds after the fee (rule 2).

    Solves ``held + d = target * (budget - fee(|d|)) / price`` for ``d``, with the fee linear
    in ``|d|`` or at its minimum, then floors the position to the lot. Where ``d`` would have
    the other sign than the order's side, nothing is traded.
    """
    costs = terms.costs
    money = max(budget, 0.0)
    per_unit = costs.per_share + fee_rate(False, traded, costs) * price
    divisor = 1.0 + want.target * want.side * per_unit / price
    if divisor <= 0.0:
        divisor = 1.0
    delta = (want.target * money / price - want.held) / divisor
    if costs.minimum > 0.0 and per_unit * abs(delta) < costs.minimum:
        delta = want.target * max(money - costs.minimum, 0.0) / price - want.held
    elif per_unit * abs(delta) > money:
        delta = -want.held
    if delta * want.side <= 0.0:
        return 0.0
    if terms.sizing.lot > 0.0:
        delta = floor_lot(want.held + delta, terms.sizing.lot) - want.held
        if delta * want.side <= _NOISE * terms.sizing.lot:
            return 0.0
    return delta


@rule
def is_drifted(target: float, held: float, mark: float, equity: float, terms: Terms) -> bool:
    """Tell whether a held weight is off its target by more than is let pass (rule 3)."""
    return mark > 0.0 and abs(held * mark - target * equity) > terms.sizing.drift * equity


@rule
def decided(
    target: float, held: float, mark: float, equity: float, traded: float, terms: Terms
) -> float:
    """Return the signed units a decision at the close would trade; 0 is "no order".

    Its sign is the order's side, which the fill does not change. With ``at="decision"`` its
    size is the order's quantity.
    """
    budget = max(equity * (1.0 - terms.sizing.cash_buffer), 0.0)
    wanted = target * budget / mark
    delta = wanted - held
    if abs(delta) <= _DUST * max(abs(wanted), abs(held)):
        return 0.0
    side = 1.0 if delta > 0.0 else -1.0
    return trade_for(Want(target, side, held), budget, mark, traded, terms)


@rule
def sized(want: Want, quote: Quote, equity: float, traded: float, terms: Terms) -> float:
    """Return the units of an order sized where it is filled (``at="fill"``), not signed.

    `equity` is that of the fill, before any fill of the bar. Where slippage depends on the
    quantity, the price sized by is that of the quantity wanted at the undisturbed price,
    as far as the bar allows it: never less favourable than the fill turns out to be.
    """
    budget = max(equity * (1.0 - terms.sizing.cash_buffer), 0.0)
    first = abs(want.target * budget / quote.price - want.held)
    price = fill_price(quote, want.side, min(first, quote.allowed), terms.costs)
    if price <= 0.0:
        return 0.0
    return abs(trade_for(want, budget, price, traded, terms))


@rule
def affordable(
    want: Want,
    quantity: float,
    quote: Quote,
    equity: float,
    others: float,
    traded: float,
    terms: Terms,
) -> float:
    """Return as much of `quantity` as keeps gross exposure within leverage (rule 6).

    After the fill and its fee, ``others + |units| * price <= leverage * equity`` must hold,
    all marked at the undisturbed price. Long only and with a leverage of 1 this is the same
    as "cash is never negative". What only closes a position is always affordable.

    Parameters
    ----------
    equity : float
        At this moment, earlier fills of the bar included.
    others : float
        Gross exposure of the other symbols, each after its own order of this bar where
        that order shrinks it.
    """
    costs, leverage = terms.costs, terms.sizing.leverage
    price = fill_price(quote, want.side, quantity, costs)
    lost = abs(price - quote.price)
    per_unit = costs.per_share + fee_rate(False, traded, costs) * price
    free = leverage * equity - others - want.side * want.held * quote.price
    most = free / (quote.price + leverage * (lost + per_unit))
    if costs.minimum > 0.0 and per_unit * most < costs.minimum:
        most = (free - leverage * costs.minimum) / (quote.price + leverage * lost)
    most = max(most, -want.side * want.held, 0.0)
    if quantity <= most * (1.0 + _NOISE):
        return quantity
    if most <= _NOISE * quantity:  # what rounding leaves of the cash buys nothing
        return 0.0
    if terms.sizing.lot > 0.0:
        after = floor_lot(want.held + want.side * most, terms.sizing.lot)
        most = want.side * (after - want.held)
        if most <= _NOISE * terms.sizing.lot:
            return 0.0
    return most


@rule
def is_too_small(want: Want, quantity: float, price: float, terms: Terms) -> bool:
    """Tell whether an order is below the least notional (rule 2).

    What closes a position and nothing more, a target of 0, is never too small.
    """
    return want.target != 0.0 and 0.0 < quantity * price < terms.sizing.least


@rule
def stop_hit(
    units: float,
    bar: tuple[float, float, float],
    average: float,
    best: float,
    stops: StopCode,
    best_first: float,
) -> tuple[int, float, float, bool]:
    """Return which stop a bar triggers (rule 4): kind, price before slippage, level, both.

    Parameters
    ----------
    units : float
        Signed, not zero.
    bar : tuple
        Open, high and low. NaN triggers nothing.
    average : float
        Entry price.
    best : float
        Most favourable price known before this bar: of entry and of the highs since (a
        short: the lows).
    best_first : float
        1 takes the profit where both lie inside the bar.

    Returns
    -------
    tuple
        ``(MARKET, nan, nan, False)`` where nothing is triggered. ``both`` tells that the
        order of prices inside the bar decided.
    """
    opened, high, low = bar
    sign = 1.0 if units > 0.0 else -1.0
    # For a short the picture is mirrored: prices change their sign, and high and low places.
    begin = sign * opened
    worst = low if units > 0.0 else -high
    top = high if units > 0.0 else -low
    loss = sign * average * (1.0 - sign * stops.loss)
    trail = sign * best * (1.0 - sign * stops.trail)
    goal = sign * average * (1.0 + sign * stops.profit)
    kind = LOSS
    level = loss
    if trail > loss:
        kind = TRAIL
        level = trail
    is_stopped = worst <= level
    is_won = top >= goal
    both = is_stopped and is_won and level < begin < goal
    if is_won and (begin >= goal or not is_stopped or (both and best_first > 0.0)):
        return PROFIT, sign * max(begin, goal), sign * goal, both
    if is_stopped:
        return kind, sign * min(begin, level), sign * level, both
    return MARKET, math.nan, math.nan, False


@rule
def cash_after(cash: float, side: float, quantity: float, price: float, fee: float) -> float:
    """Return the cash after a fill; one order of operations for all who keep cash."""
    return cash - side * quantity * price - fee


@rule
def average_after(held: float, average: float, side: float, quantity: float, price: float) -> float:
    """Return the entry price after a fill: the average cost of what is open, 0 when flat."""
    after = held + side * quantity
    if after == 0.0:
        return 0.0
    if held * after <= 0.0:
        return price
    if held * side > 0.0:
        return (abs(held) * average + quantity * price) / abs(after)
    return average
