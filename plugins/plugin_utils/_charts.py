# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bar charts as SVG for the report. They need pygal on the controller; without it the report has its tables alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

try:
    import pygal
    from pygal.style import Style
except ImportError:  # the tables beside each chart say the same
    pygal = None

__all__ = ["bars"]

_BAR, _SPACE = 26, 34
#: Series that are drawn in the page's own colours, so that the chart follows light and dark. Anything else: in order.
_COLOURS = {"": "transparent", "waiting for locks": "var(--warn)", "before": "var(--dim)"}


def bars(labels: Sequence[str], series: Mapping[str, Sequence[float | None]], unit: str, stacked: bool = False) -> Any:
    """A horizontal bar chart, its first label on top, as Markup; None without pygal or anything to show.

    series: name → a value for each label. A stacked series with an empty name is the room before the bars.
    """
    if pygal is None or not labels:
        return None
    colours = tuple(_COLOURS.get(name, "var(--accent)") for name in series)
    style = Style(
        background="transparent",
        plot_background="transparent",
        foreground="var(--ink)",
        foreground_strong="var(--ink)",
        foreground_subtle="var(--line)",
        colors=colours,
        value_colors=colours,  # said, since pygal cannot compute with the page's colours
        opacity="1",
        opacity_hover="1",
        transition="0s",
        font_family="inherit",
        label_font_size=13,
        major_label_font_size=13,
    )
    kind = pygal.HorizontalStackedBar if stacked else pygal.HorizontalBar
    rows = len(labels) * (1 if stacked else max(len(series), 1))
    chart = kind(
        style=style,
        js=[],
        disable_xml_declaration=True,
        show_legend=False,
        show_x_guides=True,
        truncate_label=48,
        margin=6,
        width=900,
        height=rows * _BAR + _SPACE,
        max_scale=8,
        value_formatter=lambda value: f"{value:,.4g} {unit}",
    )
    # From the bottom up, as the axis goes.
    chart.x_labels = list(reversed(labels))
    for name, values in series.items():
        chart.add(name, list(reversed(values)))
    chart.add_xml_filter(_still)
    return Markup(chart.render(is_unicode=True))


def _still(root: Any) -> Any:
    """A picture only: without the script that would show tooltips, and not read out, since the table beside it is."""
    for parent in list(root.iter()):
        for child in list(parent):
            if str(child.tag).endswith("script") or str(child.tag).endswith("desc"):
                parent.remove(child)
    root.set("aria-hidden", "true")
    return root
