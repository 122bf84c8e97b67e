"""The chart of states over time, as SVG that follows the reader's light or dark scheme."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from piufarm.report.palette import GRID, STATE_COLOURS, TEXT, Colour
from piufarm.report.templating import words
from piufarm.states import PackageState

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Daily = Sequence[tuple[date, Mapping[str, int]]]

_BARS_MAX: Final = 45  # days; more are drawn as areas
_ROW: Final = 0.42  # inches for each bar of a single day
_DAYS_MIN: Final = 7  # the axis spans at least so many, so that one day is a bar and not a wall
_LABELS_MAX: Final = 6
_DAYS_OF_MONTH_LABELS: Final = 200  # from here on the axis names months and years
_MARGIN: Final = 0.6  # days beside the first and the last bar
_FONT: Final = "font-family: system-ui, 'Segoe UI', 'Liberation Sans', sans-serif"
_PLACEHOLDER: Final = "#{:06x}"  # colours that only stand for a pair of ours until the file is written
_FIRST_PLACEHOLDER: Final = 0x00FE01


class Format(NamedTuple):
    """Size of a chart in inches of 72 points, the points of its text, and how it explains its colours.

    Without legend columns there is no legend; labels beside bars get `label_share` of the width.
    """

    width: float
    height: float
    text: float
    legend_columns: int
    label_share: float


WIDE: Final = Format(11.0, 4.6, 12, 3, 0.27)
SMALL: Final = Format(4.4, 2.8, 11, 0, 0.6)


class _Scheme:
    """Hands out a stand-in for each colour, and puts CSS in the place of the stand-ins."""

    def __init__(self) -> None:
        self._stand_ins: dict[Colour, str] = {}

    def __getitem__(self, colour: Colour) -> str:
        fresh = _PLACEHOLDER.format(_FIRST_PLACEHOLDER + len(self._stand_ins))
        return self._stand_ins.setdefault(colour, fresh)

    def apply(self, svg: str) -> str:
        light, dark = [], []
        for number, (colour, stand_in) in enumerate(self._stand_ins.items()):
            svg = svg.replace(stand_in, f"var(--c{number})")
            light.append(f"--c{number}:{colour.light}")
            dark.append(f"--c{number}:{colour.dark}")
        style = (
            f"<style>svg{{{';'.join(light)}}}@media(prefers-color-scheme:dark){{svg{{{';'.join(dark)}}}}}"
            f"@media print{{svg{{{';'.join(light)}}}}}text{{{_FONT}!important}}</style>"
        )
        head, tag, tail = svg.partition("<svg ")
        opening, close, rest = tail.partition(">")
        return f"{head}{tag}{opening}{close}{style}{rest}"


def states_chart(daily: Daily, title: str, shape: Format) -> str:
    """Packages per state and day, stacked; with a single day, a bar a state. Deterministic."""
    import matplotlib  # costs half a second: only when a chart is due
    from matplotlib.figure import Figure

    scheme = _Scheme()
    seen = [state for state in PackageState if any(counts.get(state, 0) for _, counts in daily)]
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": title, "font.size": shape.text}):
        height = _ROW * len(seen) if len(daily) == 1 else shape.height
        figure = Figure(figsize=(shape.width, height), layout="constrained")
        axes = figure.add_subplot()
        if len(daily) == 1:
            _draw_one_day(axes, daily[0][1], seen, scheme, shape)
        else:
            _draw_days(axes, daily, seen, scheme)
            _dress(axes, daily, scheme)
            _explain(axes, scheme, shape)
        stream = io.StringIO()
        no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)
    return scheme.apply(stream.getvalue())


def _explain(axes: Axes, scheme: _Scheme, shape: Format) -> None:
    """The legend, where there is room for one."""
    if shape.legend_columns:
        axes.legend(
            loc="upper left", bbox_to_anchor=(0, -0.1), ncols=shape.legend_columns, frameon=False, borderpad=0,
            labelcolor=scheme[TEXT], fontsize=shape.text - 1, handlelength=1, handleheight=1,
        )  # fmt: skip


def _draw_one_day(
    axes: Axes, counts: Mapping[str, int], seen: Sequence[PackageState], scheme: _Scheme, shape: Format
) -> None:
    """Bars that name themselves; nothing else would add to them."""
    most = max(counts[state] for state in seen)
    for place, state in enumerate(seen):
        count = counts[state]
        axes.barh(place, count, height=0.62, color=scheme[STATE_COLOURS[state]])
        label = f"{count:,} {words(state)}"
        axes.annotate(
            label, (count, place), xytext=(7, 0), textcoords="offset points", va="center", color=scheme[TEXT]
        )
    axes.set_xlim(0, most / (1 - shape.label_share))
    axes.set_ylim(len(seen) - 0.5, -0.5)
    axes.set_axis_off()


def _draw_days(axes: Axes, daily: Daily, seen: Sequence[PackageState], scheme: _Scheme) -> None:
    days = [day for day, _ in daily]
    series = [[counts.get(state, 0) for _, counts in daily] for state in seen]
    colours = [scheme[STATE_COLOURS[state]] for state in seen]
    labels = [words(state) for state in seen]
    if len(days) > _BARS_MAX:
        axes.stackplot(days, series, colors=colours, labels=labels, linewidth=0)
        axes.set_xlim(days[0], days[-1])
        return
    below = [0] * len(days)
    for values, colour, label in zip(series, colours, labels, strict=True):
        axes.bar(days, values, bottom=below, width=0.8, color=colour, label=label)
        below = [low + value for low, value in zip(below, values, strict=True)]


def _dress(axes: Axes, daily: Daily, scheme: _Scheme) -> None:
    """Axes that one can read: few labels, faint lines, no frame."""
    from matplotlib import dates, ticker

    days = [day for day, _ in daily]
    if days and len(days) <= _BARS_MAX:
        first, last = dates.date2num(days[0]), dates.date2num(days[-1])
        axes.set_xlim(min(first, last - _DAYS_MIN + 1) - _MARGIN, last + _MARGIN)
    if 0 < len(days) <= _LABELS_MAX:
        axes.set_xticks(days, [f"{day.day} {day:%b}" for day in days])
    else:
        months = bool(days) and (days[-1] - days[0]).days > _DAYS_OF_MONTH_LABELS
        axes.xaxis.set_major_locator(dates.AutoDateLocator(minticks=2, maxticks=_LABELS_MAX))
        axes.xaxis.set_major_formatter(ticker.FuncFormatter(partial(_day_label, months)))
    axes.yaxis.set_major_locator(ticker.MaxNLocator(nbins=5, steps=(1, 2, 5, 10), integer=True))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.set_ylim(bottom=0, top=1.04 * max((sum(counts.values()) for _, counts in daily), default=1))
    axes.set_ylabel("packages", color=scheme[TEXT])
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=scheme[GRID], linewidth=0.8)
    axes.tick_params(colors=scheme[TEXT], length=0, pad=6)
    for side in axes.spines.values():
        side.set_visible(False)


def _day_label(months: bool, value: float, position: int) -> str:
    """A date on the axis; `value` counts days as matplotlib does, `position` is the label's."""
    from matplotlib import dates

    day = dates.num2date(value)
    return f"{day:%b %Y}" if months else f"{day.day} {day:%b}"
