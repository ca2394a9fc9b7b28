"""The groups of settings: tables of ``workbench.toml`` with keys of their own."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FeedSettings", "ReconcileSettings", "RiskLimits", "VenueSettings"]


class RiskLimits(BaseModel):
    """What the risk gate lets pass, and when trading halts by itself; ``None`` is no limit.

    Fractions and multiples are of equity, money is in the account's currency.

    Parameters
    ----------
    symbols : list of str, optional
        All that may be traded.
    max_order_notional, max_order_quantity : float, optional
        One order, in money and in units.
    max_order_multiple : float, optional
        One order, as a multiple of the median of the symbol's last 20.
    max_position_notional, max_concentration : float, optional
        One symbol with all its open orders, in money and as a fraction.
    max_gross, max_net : float, optional
        All positions, as a multiple: longs and shorts added up (leverage), and set off.
    max_strategy_gross, max_strategy_net : float, optional
        The same of one strategy.
    max_portfolio_value, max_margin : float, optional
        All positions in money, and the margin they need as a fraction.
    min_equity : float, optional
        What the account must be worth for anything to be opened.
    max_daily_loss, max_drawdown : float, optional
        Since the session began, and since its highest, as fractions.
    price_collar : float, optional
        How far a limit price may lie beyond the last price.
    max_orders_per_second, max_orders_per_minute : float, optional
        Of the account.
    max_strategy_orders_per_second, max_strategy_orders_per_minute : float, optional
        Of one strategy.
    max_duplicates : float, optional
        How often the same wish may come within a second.
    max_quote_age : float, optional
        Seconds since the symbol's last quote.
    market_hours, match_paper, prevent_self_trade : bool
        Whether a closed market, an account of the other kind (paper, live) and one's own
        resting order on the other side are refused.
    halt_at_loss : float, optional
        The day's loss, as a fraction, at which all orders are canceled and none pass.
    halt_at_reject_share : float, optional
        The share of the last minute's orders, 20 at least, that the venue rejected.
    halt_at_unknown : float, optional
        Orders of unknown fate within 30 seconds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    symbols: tuple[str, ...] | None = None
    max_order_notional: float | None = Field(250_000.0, gt=0)
    max_order_quantity: float | None = Field(None, gt=0)
    max_order_multiple: float | None = Field(None, gt=0)
    max_position_notional: float | None = Field(500_000.0, gt=0)
    max_concentration: float | None = Field(None, gt=0)
    max_gross: float | None = Field(2.0, gt=0)
    max_net: float | None = Field(None, gt=0)
    max_strategy_gross: float | None = Field(None, gt=0)
    max_strategy_net: float | None = Field(None, gt=0)
    max_portfolio_value: float | None = Field(None, gt=0)
    max_margin: float | None = Field(None, gt=0)
    min_equity: float | None = Field(None, gt=0)
    max_daily_loss: float | None = Field(0.10, gt=0, le=1)
    max_drawdown: float | None = Field(None, gt=0, le=1)
    price_collar: float | None = Field(0.10, gt=0)
    max_orders_per_second: float | None = Field(50, gt=0)
    max_orders_per_minute: float | None = Field(1_000, gt=0)
    max_strategy_orders_per_second: float | None = Field(None, gt=0)
    max_strategy_orders_per_minute: float | None = Field(None, gt=0)
    max_duplicates: float | None = Field(3, gt=0)
    max_quote_age: float | None = Field(15, gt=0)
    market_hours: bool = True
    match_paper: bool = True
    prevent_self_trade: bool = True
    halt_at_loss: float | None = Field(0.15, gt=0, le=1)
    halt_at_reject_share: float | None = Field(0.5, gt=0, le=1)
    halt_at_unknown: float | None = Field(5, gt=0)


class VenueSettings(BaseModel):
    """What differs from a vendor's usual terms; ``[venues.polygon]`` in the settings' file.

    Parameters
    ----------
    url : str, optional
        Where its REST interface is: a proxy, a sandbox, a test's own server.
    stream_url : str, optional
        The same for its stream, without a path.
    per_minute : float, optional
        Requests a minute of your plan, e.g. 5 of Polygon's free one.
    timeout : float
        Seconds to wait for an answer.
    attempts : int
        How often a read is tried.
    backoff : float
        Seconds before the second try, at most; each further wait may be twice as long.
    delay_minutes : float, optional
        How far behind the market the plan's bars are.
    feed : str, optional
        Alpaca: ``"sip"`` (all exchanges) or ``"iex"``.
    account : str, optional
        The number of the account that is meant to be traded; another is refused.
    currency : str, optional
        Of an exchange: in which currency its account is told, e.g. ``"USDC"``.
    leverage : float, optional
        Of an exchange's perpetuals: as which it is set before the first order of a symbol.
    margin : str, optional
        Of the same: ``"cross"`` or ``"isolated"``.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str | None = None
    stream_url: str | None = None
    per_minute: float | None = Field(None, gt=0)
    timeout: float = Field(20.0, gt=0)
    attempts: int = Field(5, ge=1)
    backoff: float = Field(0.5, gt=0)
    delay_minutes: float | None = Field(None, ge=0)
    feed: str | None = None
    account: str | None = None
    currency: str | None = None
    leverage: float | None = Field(None, ge=1)
    margin: Literal["cross", "isolated"] | None = None


class FeedSettings(BaseModel):
    """How live feeds behave; ``[feeds]`` in the settings' file.

    Parameters
    ----------
    mute_seconds : float
        Without an event for so long, in an open market, a connection is given up and made
        anew. Where only bars are wanted, the trades of ten symbols are listened to as well.
    tolerance_seconds : float
        How long an event is held so that an older one may overtake it.
    grace_seconds : float
        How long after its end a bar waits for trades.
    longest_wait_seconds : float
        Between two tries to connect, at most.
    backfill_seconds : float
        How long to wait for the bars of a gap.
    keep_trades, keep_quotes, keep_bars : int
        How many of each are kept in memory per symbol.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    mute_seconds: float = Field(15.0, gt=0)
    tolerance_seconds: float = Field(0.25, ge=0)
    grace_seconds: float = Field(1.0, ge=0)
    longest_wait_seconds: float = Field(30.0, gt=0)
    backfill_seconds: float = Field(60.0, gt=0)
    keep_trades: int = Field(10_000, ge=1)
    keep_quotes: int = Field(10_000, ge=1)
    keep_bars: int = Field(5_000, ge=1)


class ReconcileSettings(BaseModel):
    """How often our books are held against a venue's; ``[reconcile]`` in the settings' file.

    Parameters
    ----------
    in_flight_seconds : float
        Between two looks at what waits for an answer; each order has its own pace in it.
    fills_seconds, orders_seconds, statement_seconds : float
        Between two questions for executions, open orders, and positions with cash.
    deep_seconds : float
        Between two looks at all of the last `deep_hours`.
    deep_hours : float
        How far back those go.
    confirm_seconds : float
        How long a difference has to stay before its symbol is halted.
    quiet_seconds : float
        How long nothing may have happened to a symbol for its difference to count.
    max_share : float
        How much of the venue's rate limit all of it may use.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    in_flight_seconds: float = Field(1.0, gt=0)
    fills_seconds: float = Field(5.0, gt=0)
    orders_seconds: float = Field(10.0, gt=0)
    statement_seconds: float = Field(30.0, gt=0)
    deep_seconds: float = Field(3_600.0, gt=0)
    deep_hours: float = Field(24.0, gt=0)
    confirm_seconds: float = Field(30.0, ge=0)
    quiet_seconds: float = Field(5.0, ge=0)
    max_share: float = Field(0.3, gt=0, le=1)
