# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Jinja2 as the report's templates need it: everything is escaped in HTML, and names cannot break out of Markdown."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup

from ..module_utils._support.size import size_text
from ..module_utils._support.values import printable

__all__ = ["pages"]

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|!~@])")


def pages(*folders: Path) -> Environment:
    """The templates of the folders. What they show is escaped: in .html.j2 for HTML, elsewhere for Markdown."""
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=lambda name: name is not None and name.endswith(".html.j2"),
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(human=_human, fence=_fence)
    return environment


class _Markdown(str):
    """Text that is Markdown already."""


@pass_eval_context
def _shown(context: EvalContext, value: Any) -> Any:
    """What is printed: no control characters, in whatever the page is opened with, charts included."""
    if not isinstance(value, str):
        return value
    if isinstance(value, Markup):
        return Markup(printable(value))
    return printable(value if context.autoescape or isinstance(value, _Markdown) else _md(value))


def _human(count: Any) -> str:
    return "" if count is None else size_text(count)


def _md(text: Any) -> _Markdown:
    """Text in a line or a table cell of Markdown: an @ would call people, a line break would end the table."""
    return _Markdown(_MARKDOWN.sub(r"\\\1", " ".join(str(text).split())).replace("\\@", "@\u200b"))


def _fence(text: Any) -> _Markdown:
    """Text within a fence of three backquotes."""
    return _Markdown(str(text).replace("```", "'''"))
