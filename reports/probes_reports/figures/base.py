"""What all figures share: type, axes, hover, and text that comes from data."""

from __future__ import annotations

import html
from typing import Any

import plotly.graph_objects as go

from probes_reports.palette import LIGHT

__all__ = ["FONT", "NARROW_WIDTH", "WIDE_WIDTH", "annotation", "axis", "blank_figure", "csv", "escape", "percent_axis"]

FONT = (
    "Inter, -apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Noto Sans', 'Helvetica Neue', "
    "'Liberation Sans', Arial, sans-serif"
)
WIDE_WIDTH = 1052  # px, a figure in the column of a wide screen; labels are placed for this width
NARROW_WIDTH = 343  # px, a figure on a phone of 375 px


def escape(text: object) -> str:
    """Escape a string from data before plotly sees it: plotly renders a subset of HTML in every text.

    Quotes stay: plotly does not decode their entities, and they have no meaning outside a tag.
    """
    return html.escape(str(text), quote=False)


def blank_figure(*, height: int, left: int = 48, right: int = 16, top: int = 24, bottom: int = 44) -> go.Figure:
    """An empty figure in the page's manner: transparent, no legend, nothing that drags or zooms.

    Args:
        height: px; the width is the reader's screen.
        left, right, top, bottom: margins in px.
    """
    layout = go.Layout(
        height=height,
        margin={"l": left, "r": right, "t": top, "b": bottom, "pad": 0, "autoexpand": False},
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        font={"family": FONT, "size": 13, "color": LIGHT.ink_2},
        hoverlabel={
            "bgcolor": LIGHT.page,
            "bordercolor": LIGHT.rule_strong,
            "font": {"family": FONT, "size": 13, "color": LIGHT.ink},
            "align": "left",
        },
        showlegend=False,
        dragmode=False,
        hovermode="closest",
        template="none",
    )
    return go.Figure(layout=layout)


def axis(**settings: Any) -> dict[str, Any]:
    """Settings of an axis: quiet ticks and grid, fixed range; `settings` override."""
    quiet: dict[str, Any] = {
        "fixedrange": True,
        "zeroline": False,
        "showline": False,
        "showgrid": True,
        "gridcolor": LIGHT.rule,
        "gridwidth": 1,
        "ticks": "",
        "tickfont": {"size": 13, "color": LIGHT.ink_3},
        "ticklabelstandoff": 4,
        "title": {"font": {"size": 13, "color": LIGHT.ink_3}, "standoff": 8},
    }
    title = settings.pop("title", None)
    if title is not None:
        quiet["title"] = {**quiet["title"], "text": title}
    return {**quiet, **settings}


def percent_axis(low: float = 0.0, high: float = 1.0, *, step: float = 0.25, **settings: Any) -> dict[str, Any]:
    """Settings of an axis of shares in [0, 1], shown as percent."""
    count = round((min(high, 1.0) - low) / step) + 1
    values = [low + step * i for i in range(count)]
    return axis(
        range=[low, high], tickmode="array", tickvals=values, ticktext=[f"{v * 100:.0f}%" for v in values], **settings
    )


def annotation(text: str, x: object, y: object, colour: str = LIGHT.ink_2, **settings: Any) -> dict[str, Any]:
    """A text without arrow at a data position; `text` must be escaped where it comes from data."""
    return {
        "text": text,
        "x": x,
        "y": y,
        "showarrow": False,
        "xanchor": "center",
        "yanchor": "middle",
        "font": {"size": settings.pop("size", 13), "color": colour},
        **settings,
    }


def csv(**columns: str) -> dict[str, dict[str, str]]:
    """Value for a trace's `meta`: which of its attributes become which columns of the section's CSV.

    The trace's `name` becomes the column `series`. A value is the path of an attribute of the trace ("x", "y",
    "customdata", "text", "customdata.1" for the second column of a 2-d array).

    Example:
        >>> csv(epoch="customdata", share="y")
        {'csv': {'epoch': 'customdata', 'share': 'y'}}
    """
    return {"csv": columns}
