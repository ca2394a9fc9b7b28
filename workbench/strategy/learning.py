"""Strategies that learn: any scikit-learn estimator, refitted as time goes on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
import pandas as pd

from workbench.errors import UsageError
from workbench.strategy.base import Strategy
from workbench.strategy.parameters import param
from workbench.strategy.periods import firsts, longest

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["LearningStrategy"]

_KEPT = 256
_models: OrderedDict[str, Any] = OrderedDict()


class LearningStrategy(Strategy):
    """A strategy on the forecasts of a scikit-learn estimator, refitted by walk-forward.

    Derive and define `features`, and as needed `label`, `estimator` and `decide`. On the first
    bar of each calendar period a clone of the estimator is fitted anew, on the `train` rows
    whose labels are known by then; it forecasts until the next one. What is fitted, scalers in
    a pipeline included, never sees a later bar:

    - The label of row t looks `horizon` bars ahead and is known at t + `horizon`. At a refit
      on row r, rows after r - `horizon` are purged, for their labels overlap what is not
      known yet (López de Prado, *Advances in Financial Machine Learning*, 2018, chapter 7).
      The bars that labels are made from end at r, whatever the horizon says.
    - Features are made by the same code in backtest, replay and live. That they use no later
      row themselves is the author's part, and what ``wb.check`` looks for.
    - Refits fall on calendar periods and use a window of fixed length, so that targets depend
      neither on later rows nor on where the history starts (after `warmup`).
    - Every ``random_state`` left at None is set to `seed`.

    Of several symbols one model is fitted on the rows of all; `features` and `label` see the
    bars of one at a time. Fitted models are remembered (256 of them) by what they were fitted
    on, so that a replay does not fit them anew with each bar.

    Undefined, the features are returns and their deviation, the estimator a logistic
    regression on scaled features, the label whether the close is higher after `horizon` bars.

    Raises
    ------
    UsageError
        scikit-learn is not installed (extra ``learn``), features or labels do not fit the
        bars, or the estimator refuses them.

    Examples
    --------
    >>> import workbench as wb
    >>> class Boosted(LearningStrategy):
    ...     '''Long where gradient boosting expects a rise of the next week.'''
    ...     def features(self, bars):
    ...         close = bars["close"]
    ...         return pd.DataFrame({
    ...             "rsi": wb.ta.rsi(close, 14),
    ...             "month": wb.ta.rocp(close, 21),
    ...             "spread": (bars["high"] - bars["low"]) / close,
    ...         })
    ...     def estimator(self):
    ...         from sklearn.ensemble import HistGradientBoostingClassifier
    ...         return HistGradientBoostingClassifier(max_iter=20)
    >>> bars = wb.bars("AAPL", source="sample").iloc[:600]
    >>> held = Boosted(train=250).targets(bars)
    >>> first = held.first_valid_index()
    >>> f"{first:%Y-%m-%d}", sorted(held.dropna().unique())
    ('2001-04-02', [np.float64(0.0), np.float64(1.0)])
    >>> bool(Boosted(train=250).targets(bars.iloc[:500]).equals(held.iloc[:500]))
    True
    """

    horizon: int = param(5, low=1, high=250, doc="Bars that a label looks ahead.")
    train: int = param(500, low=20, high=20_000, doc="Rows that a model is fitted on.")
    every: Literal["day", "week", "month", "quarter", "year"] = param(
        "month", doc="When to fit anew: on the first bar of each."
    )
    threshold: float = param(0.5, doc="Long where the forecast is above this.")
    seed: int = param(1, low=0, doc="Of whatever the estimator draws.")

    bars_per_day: ClassVar[int] = 1
    """How many bars a day has, for `warmup`; for intraday bars to be set by the subclass."""
    lookback: ClassVar[int] = 63
    """How many bars a row of features needs, for `warmup`."""

    @property
    def warmup(self) -> int:
        """The features' bars, the training rows, the horizon, and up to a period since the fit."""
        period = longest(self.every) * self.bars_per_day
        return self.lookback + self.train + self.horizon + period

    def features(self, bars: pd.DataFrame) -> pd.DataFrame:
        """Return what is known at each row, a column per feature.

        Parameters
        ----------
        bars : DataFrame
            Of one symbol; it must not be changed.

        Returns
        -------
        DataFrame
            Index as `bars`, numbers. Rows with NaN or an infinite number are neither fitted
            on nor forecast.
        """
        steps = np.log(bars["close"]).diff()
        return pd.DataFrame(
            {
                "1": steps,
                "5": steps.rolling(5).sum(),
                "21": steps.rolling(21).sum(),
                "deviation": steps.rolling(21).std(),
                "trend": steps.rolling(63).sum(),
            }
        )

    def label(self, bars: pd.DataFrame) -> pd.Series:
        """Return what is to be forecast: of each row, from it and the next `horizon` rows.

        Parameters
        ----------
        bars : DataFrame
            Of one symbol, up to the row of the refit; it must not be changed.

        Returns
        -------
        Series
            Index as `bars`; classes or numbers, as the estimator takes them. Rows with NaN are
            not fitted on, nor are the last `horizon` ones.
        """
        close = bars["close"]
        later = close.shift(-self.horizon)
        return (later > close).astype(float).where(later.notna() & close.notna())

    def estimator(self) -> Any:
        """Return the estimator to clone and fit: a classifier, a regressor or a pipeline."""
        tools = _sklearn()
        return tools.make_pipeline(tools.StandardScaler(), tools.LogisticRegression())

    def decide(self, forecast: pd.DataFrame) -> pd.DataFrame:
        """Return targets from forecasts.

        Parameters
        ----------
        forecast : DataFrame
            (rows, symbols). Of a regressor what it predicts, of a classifier the expected
            class: with classes 0 and 1 the probability of 1. NaN is unknown.

        Returns
        -------
        DataFrame
            As `forecast`: an equal share above `threshold`, else 0; NaN where unknown.
        """
        share = (forecast > self.threshold).astype(float) / forecast.shape[1]
        return share.where(forecast.notna())

    def targets(self, bars: pd.DataFrame) -> pd.Series | pd.DataFrame:
        """Fit, forecast and decide, period by period."""
        tools = _sklearn()
        close = bars["close"]
        parts = [bars] if close.ndim == 1 else [_of(bars, name) for name in close.columns]
        tables = [self._table(part) for part in parts]
        forecast = np.full((len(bars), len(parts)), np.nan)
        refits = [int(row) for row in np.flatnonzero(firsts(bars.index, self.every))]
        with tools.one_thread(limits=1):  # small fits; threads would only wait for each other
            for start, stop in pairwise([*refits, len(bars)]):
                model = self._fitted(tools, parts, tables, start)
                if model is not None:
                    for column, table in enumerate(tables):
                        forecast[start:stop, column] = _forecast(tools, model, table[start:stop])
        names = ["asset"] if close.ndim == 1 else close.columns
        decided = self.decide(pd.DataFrame(forecast, index=bars.index, columns=names))
        return decided.iloc[:, 0] if close.ndim == 1 else decided

    def _table(self, bars: pd.DataFrame) -> NDArray[np.float64]:
        found = self.features(bars)
        if not isinstance(found, pd.DataFrame) or not found.index.equals(bars.index):
            raise UsageError(
                f"{self.name}: features must return a DataFrame with the index of the bars, not "
                f"a {type(found).__name__} of {len(found)} rows for {len(bars)} bars",
                strategy=self.name,
            )
        table = found.to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(np.isfinite(table), table, np.nan)

    def _fitted(
        self,
        tools: SimpleNamespace,
        parts: list[pd.DataFrame],
        tables: list[NDArray[np.float64]],
        row: int,
    ) -> Any:
        """Return the model in force from `row` on; None where there is too little to learn."""
        last = row - self.horizon + 1  # exclusive: the label of the row before is known at `row`
        first = last - self.train
        if first < 0:
            return None
        inputs, answers = [], []
        for part, table in zip(parts, tables, strict=True):
            labels = self._labels(part.iloc[: row + 1])[first:last]
            known = ~np.isnan(labels) & ~np.isnan(table[first:last]).any(axis=1)
            inputs.append(table[first:last][known])
            answers.append(labels[known])
        x, y = np.concatenate(inputs), np.concatenate(answers)
        if len(y) * 2 < self.train:
            return None
        return self._model(tools, x, y)

    def _labels(self, bars: pd.DataFrame) -> NDArray[np.float64]:
        found = self.label(bars)
        if not isinstance(found, pd.Series) or len(found) != len(bars):
            raise UsageError(
                f"{self.name}: label must return a Series with a row per bar", strategy=self.name
            )
        return found.to_numpy(dtype=np.float64, na_value=np.nan)

    def _model(self, tools: SimpleNamespace, x: NDArray[np.float64], y: NDArray[np.float64]) -> Any:
        made = tools.clone(self.estimator())
        unset = {
            name: self.seed
            for name, value in made.get_params().items()
            if name.rpartition("__")[2] == "random_state" and value is None
        }
        made.set_params(**unset)
        if tools.is_classifier(made) and (y == y[0]).all():
            return float(y[0])  # a single class: nothing to tell apart
        key = str(tools.hash((made, x, y)))
        if key in _models:
            _models.move_to_end(key)
            return _models[key]
        try:
            with _seeded(self.seed):
                _models[key] = made.fit(x, y)
        except ValueError as error:
            raise UsageError(
                f"{self.name}: {type(made).__name__} refused {len(y)} rows: {error}",
                strategy=self.name,
            ) from error
        while len(_models) > _KEPT:
            _models.popitem(last=False)
        return made


def _forecast(
    tools: SimpleNamespace, model: Any, table: NDArray[np.float64]
) -> NDArray[np.float64]:
    found = np.full(len(table), np.nan)
    known = ~np.isnan(table).any(axis=1)
    if not known.any():
        return found
    if isinstance(model, float):
        found[known] = model
    elif tools.is_classifier(model) and hasattr(model, "predict_proba"):
        found[known] = model.predict_proba(table[known]) @ model.classes_
    else:
        found[known] = model.predict(table[known])
    return found


def _of(bars: pd.DataFrame, symbol: Any) -> pd.DataFrame:
    part = pd.DataFrame(bars.xs(symbol, axis=1, level=1))
    part.attrs = {**bars.attrs, "symbol": str(symbol)}
    return part


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Let an estimator that draws from NumPy's global generator draw the same each time."""
    state = np.random.get_state()  # noqa: NPY002 - theirs, put back afterwards
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


def _sklearn() -> SimpleNamespace:
    try:
        base = import_module("sklearn.base")
        return SimpleNamespace(
            clone=base.clone,
            is_classifier=base.is_classifier,
            hash=import_module("joblib").hash,
            one_thread=import_module("threadpoolctl").threadpool_limits,
            make_pipeline=import_module("sklearn.pipeline").make_pipeline,
            StandardScaler=import_module("sklearn.preprocessing").StandardScaler,
            LogisticRegression=import_module("sklearn.linear_model").LogisticRegression,
        )
    except ImportError as error:
        raise UsageError(
            "a learning strategy needs scikit-learn, which is not installed: "
            "pip install 'trading-workbench[learn]'",
            extra="learn",
        ) from error
