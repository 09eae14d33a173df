# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who reads which statement, by the class of its tree. A new subject is a file beside this one and a line here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..as_written import as_written
from ..effect import Effect
from ..parsing import Parsed
from ..plain_names import with_plain_names
from ..scene import OutOfPlace, SqlScene
from ..tree import kind_of_node
from . import alter_table, code, data, dropping, index, privileges, renaming, server, session, table, types

__all__ = ["effect_of"]

_SUBJECTS = (session, index, alter_table, table, dropping, renaming, types, code, data, privileges, server)
_HANDLERS: Mapping[str, Callable[[Any, SqlScene, Parsed], Effect]] = {
    kind: read for subject in _SUBJECTS for kind, read in subject.HANDLERS.items()
}


def effect_of(parsed: Parsed, scene: SqlScene) -> Effect:
    """What a statement does; the scene goes on to what comes after it."""
    kind = kind_of_node(parsed.node)
    read = _HANDLERS.get(kind)
    if read is None:
        words = " ".join(parsed.text.split()[:2]).upper()
        return Effect(
            words, words, understood=False, mend="this version does not know the statement: run it by your own tool"
        )
    try:
        parsed = with_plain_names(parsed)
        scene.begin(parsed.code)
        effect = read(parsed.node, scene, parsed)
        as_written(effect, parsed.node, scene, parsed)
        return effect
    except OutOfPlace as error:
        words = " ".join(parsed.text.split()[:2]).upper()
        return Effect(words, words, understood=False, mend=str(error))
    except RecursionError:
        words = " ".join(parsed.text.split()[:2]).upper()
        return Effect(words, words, understood=False, mend="its expressions are nested too deeply: make them simpler")
