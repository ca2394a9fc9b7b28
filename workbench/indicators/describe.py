"""What Jupyter shows of an indicator: its signature and its docstring."""

from __future__ import annotations

import inspect
from textwrap import fill

from workbench.indicators.spec import Parameter, Spec

__all__ = ["docstring", "example", "signature"]


def signature(spec: Spec) -> inspect.Signature:
    """Return ``(data, timeperiod: int = 30)``; ``bars`` where it reads several columns.

    Examples
    --------
    >>> from workbench.indicators.talib_specs import spec
    >>> print(signature(spec("atr")))
    (bars, /, timeperiod: int = 14)
    """
    first = "data" if len(spec.inputs) == 1 else "bars"
    return inspect.Signature(
        [
            inspect.Parameter(first, inspect.Parameter.POSITIONAL_ONLY),
            *(
                inspect.Parameter(
                    p.name,
                    inspect.Parameter.POSITIONAL_OR_KEYWORD,
                    default=p.default,
                    annotation=p.kind,
                )
                for p in spec.parameters
            ),
        ]
    )


def docstring(spec: Spec) -> str:
    """Return the NumPy-style docstring of an indicator."""
    sections = [
        [f"{spec.title} ({spec.group})."],
        ["Parameters", "----------", *_data(spec), *_lines(spec.parameters)],
        ["Returns", "-------", *_returns(spec)],
        ["Raises", "------", "UsageError", "    Of the inputs or parameters; it says which."],
        ["Notes", "-----", *_notes(spec)],
        ["Examples", "--------", f"``{example(spec)}``"],
    ]
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def example(spec: Spec) -> str:
    """Return a call with the defaults, for bars named ``bars``.

    Examples
    --------
    >>> from workbench.indicators.talib_specs import spec
    >>> example(spec("sma")), example(spec("atr"))
    ('wb.ta.sma(bars["close"], 30)', 'wb.ta.atr(bars, 14)')
    """
    data = "bars" if len(spec.inputs) > 1 else f'bars["{spec.inputs[0]}"]'
    if "periods" in spec.inputs:  # no bars carry them
        return f'wb.ta.{spec.name}(bars, periods=bars["close"] * 0 + 10)'
    return f"wb.ta.{spec.name}({', '.join([data, *(str(p.default) for p in spec.parameters)])})"


def _data(spec: Spec) -> list[str]:
    takes = ", ".join(spec.inputs)
    if len(spec.inputs) == 1:
        text = f"One symbol; or a frame with one column per symbol; or bars: their {takes} is read."
        return ["data : Series or DataFrame", *_indented(text)]
    text = (
        f"Bars of one symbol or of many: {takes} are read. Or, in the place of bars, one Series "
        f"(or frame with one column per symbol) for each of {takes}, in this order or by name."
    )
    return ["bars : DataFrame", *_indented(text)]


def _lines(parameters: tuple[Parameter, ...]) -> list[str]:
    lines = []
    for p in parameters:
        lines.append(f"{p.name} : {p.kind.__name__}, default {p.default}")
        limits = [f"at least {p.low}"] if p.low is not None else []
        limits += [f"at most {p.high}"] if p.high is not None else []
        text = "; ".join(part for part in (p.doc.rstrip("."), ", ".join(limits)) if part)
        if text:
            lines += _indented(f"{text[0].upper()}{text[1:]}.")
    return lines


def _returns(spec: Spec) -> list[str]:
    if len(spec.outputs) == 1:
        return ["Series or DataFrame", "    float64; rows, and symbols, as given."]
    names = ", ".join(spec.outputs)
    text = f"float64; columns {names}. For many symbols two column levels, (output, symbol)."
    return ["DataFrame", *_indented(text)]


def _notes(spec: Spec) -> list[str]:
    gaps = (
        "A row where an input is NaN or infinite is a gap: it is left out of the calculation and "
        "its result is NaN. Rows before enough is known are NaN; where the input is too short, "
        "that is all of them."
    )
    lines = fill(gaps, 88).splitlines()
    for paragraph in spec.notes.strip().split("\n\n") if spec.notes else []:
        lines += ["", *fill(" ".join(paragraph.split()), 88).splitlines()]
    return lines


def _indented(text: str) -> list[str]:
    return fill(text, 88, initial_indent="    ", subsequent_indent="    ").splitlines()
