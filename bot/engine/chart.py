"""Lines over time as a picture, to be read on a phone.

Owns: the only use of the drawing library, which is loaded when the first picture is drawn: it
would take a second of every start. Labels are ASCII, so that no font has to be there.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SEOUL = ZoneInfo("Asia/Seoul")
MOST_LINES = 8
_DPI = 200
_WIDTH_IN = 4.3  # 860 pixels: twice a phone's width, so that its lines stay sharp there
_PANEL_IN = 1.65
_HEAD_IN = 0.62
_LEGEND_ROW_IN = 0.22
_SHORT = 8  # characters; labels up to that stand four in a row
_FEW = 30  # points; so few are marked, since a line may have a single one
# Told apart by people who see fewer colours, too (Okabe and Ito), darkest ones first.
_COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#E69F00",
    "#5B5B5B",
    "#8B6F00",
)
_WARNING, _CRITICAL = "#B7791F", "#C0392B"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One node's values, oldest first. ``label`` is ASCII."""

    label: str
    points: tuple[tuple[datetime, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One quantity of all nodes. ``bounds``: from which value on it is a warning, critical."""

    title: str
    lines: tuple[Line, ...]
    bounds: tuple[float, float] | None = None
    percent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Panels below each other over the same time."""

    title: str
    panels: tuple[Panel, ...]
    since: datetime
    until: datetime


async def draw(chart: Chart) -> bytes:
    """The chart as PNG. Drawn in a thread."""
    return await asyncio.to_thread(_draw, chart)


def _draw(chart: Chart) -> bytes:
    # Not pyplot: it keeps figures for the whole process, and is for one thread.
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415 - see above
    from matplotlib.figure import Figure  # noqa: PLC0415 - see above

    labels = _labels(chart)
    columns = 4 if all(len(label) <= _SHORT for label in labels) else 2
    rows = -(-len(labels) // columns)
    height = _HEAD_IN + len(chart.panels) * _PANEL_IN + 0.2 + rows * _LEGEND_ROW_IN
    figure = Figure(figsize=(_WIDTH_IN, height), dpi=_DPI, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    _fill(figure, chart, labels, columns=columns)
    figure.subplots_adjust(
        left=0.115,
        right=0.965,
        top=1 - _HEAD_IN / height,
        bottom=(0.34 + rows * _LEGEND_ROW_IN) / height,
        hspace=0.3,
    )
    written = io.BytesIO()
    canvas.print_png(written, metadata={"Software": None})
    return written.getvalue()


def _fill(figure: Figure, chart: Chart, labels: Sequence[str], *, columns: int) -> None:
    colours = dict(zip(labels, _COLOURS, strict=False))
    axes = figure.subplots(len(chart.panels), 1, sharex=True, squeeze=False)
    for row, panel in zip(axes, chart.panels, strict=True):
        _panel(row[0], panel, colours)
    _times(axes[-1][0], chart)
    top = 1 - 0.1 / figure.get_figheight()
    figure.text(0.03, top, chart.title, fontsize=9.5, va="top", weight="bold")
    figure.legend(
        *_handles(axes[:, 0], labels),
        loc="lower center",
        ncols=columns,
        fontsize=8.5,
        frameon=False,
        handlelength=1.3,
        columnspacing=1.2,
    )


def _panel(axes: Axes, panel: Panel, colours: dict[str, str]) -> None:
    from matplotlib.dates import date2num  # noqa: PLC0415 - see above

    for line in panel.lines:
        times = date2num([at for at, _ in line.points])
        values = [value for _, value in line.points]
        marker = "o" if len(values) <= _FEW else ""
        colour = colours[line.label]
        axes.plot(times, values, color=colour, lw=1.6, marker=marker, ms=3.2, label=line.label)
    axes.set_title(panel.title, fontsize=9.5, loc="left", pad=3)
    if panel.bounds is not None:
        _bounds(axes, panel.bounds)
    highest = max((value for line in panel.lines for _, value in line.points), default=0.0)
    axes.set_ylim(0, 103 if panel.percent else max(1.0, highest * 1.15))
    axes.tick_params(labelsize=8.5, length=2.5, pad=2)
    axes.grid(axis="y", color="#E3E6EA", lw=0.7)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def _bounds(axes: Axes, bounds: tuple[float, float]) -> None:
    """Both lines, and above the panel which is which."""
    named = zip(("warning", "critical"), bounds, (_WARNING, _CRITICAL), (0.76, 1.0), strict=True)
    for name, value, colour, place in named:
        axes.axhline(value, color=colour, lw=1.1, ls=(0, (4, 2)), zorder=0.5)
        said = f"{name} {value:g}"
        axes.text(
            place, 1.03, said, color=colour, fontsize=8.5, ha="right", transform=axes.transAxes
        )


def _times(axes: Axes, chart: Chart) -> None:
    from matplotlib.dates import (  # noqa: PLC0415 - see above
        AutoDateLocator,
        DateFormatter,
        date2num,
    )

    axes.set_xlim(*date2num([chart.since, chart.until]))
    axes.xaxis.set_major_locator(AutoDateLocator(tz=SEOUL, minticks=3, maxticks=6))
    axes.xaxis.set_major_formatter(DateFormatter("%H:%M", tz=SEOUL))


def _handles(axes: Iterable[Axes], labels: Sequence[str]) -> tuple[list[Artist], list[str]]:
    """A line may be in one panel only."""
    known: dict[str, Artist] = {}
    for each in axes:
        handles, names = each.get_legend_handles_labels()
        known = {**dict(zip(names, handles, strict=True)), **known}
    shown = [label for label in labels if label in known]
    return [known[label] for label in shown], shown


def _labels(chart: Chart) -> list[str]:
    """The names of all lines, each once, in the order in which they are given."""
    lines = [line.label for panel in chart.panels for line in panel.lines]
    return list(dict.fromkeys(lines))[:MOST_LINES]
