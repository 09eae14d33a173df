# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Types: enums, composites, domains, ranges."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted

__all__ = ["HANDLERS"]


def _create_named(kind: str, attribute: str) -> Any:
    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        place = scene.named(getattr(node, attribute))
        scene.make("type", place)
        scene.take(place)
        return Effect(kind, f"type {dotted(*place)}")

    return read


def _create_composite(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.place(node.typevar)
    scene.make("type", place)
    scene.take(place)
    return Effect("CREATE TYPE", f"type {dotted(*place)}")


def _alter_enum(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.named(node.typeName)
    about = dotted(*place)
    if node.oldVal:
        effect = Effect("ALTER TYPE RENAME VALUE", f"value {node.oldVal} of type {about} becomes {node.newVal}")
        if not scene.is_new("type", place):
            effect.hazard("breaks_running_application", f"{about}.{node.oldVal}", "Code that uses the value fails.")
        return effect
    effect = Effect("ALTER TYPE ADD VALUE", f"value {node.newVal} of type {about}")
    if not scene.is_new("type", place):
        effect.hazard("not_reversible", f"{about}.{node.newVal}", "PostgreSQL cannot take a value from an enum.")
    return effect


def _alter_domain(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    place = scene.named(node.typeName)
    about = dotted(*place)
    effect = Effect("ALTER DOMAIN", f"domain {about}")
    tightens = node.subtype == "O" or (node.subtype == "C" and node.def_ is not None and not node.def_.skip_validation)
    if tightens and not scene.is_new("type", place):
        effect.hazard("blocks_writes", about, "All tables that use the domain are scanned while writes wait.")
        effect.hazard("fails_on_data", about, "It fails if one value violates it.")
        effect.hazard("breaks_running_application", about, "Values that violate it are refused from now on.")
    return effect


def _alter_type(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    return Effect("ALTER TYPE SET", f"type {dotted(*scene.named(node.typeName))}")


HANDLERS = {
    "CreateEnumStmt": _create_named("CREATE TYPE", "typeName"),
    "CreateRangeStmt": _create_named("CREATE TYPE", "typeName"),
    "CreateDomainStmt": _create_named("CREATE DOMAIN", "domainname"),
    "CompositeTypeStmt": _create_composite,
    "AlterEnumStmt": _alter_enum,
    "AlterDomainStmt": _alter_domain,
    "AlterTypeStmt": _alter_type,
}
