# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may do what: grants, roles, policies."""

from __future__ import annotations

from typing import Any

from ..effect import Effect
from ..parsing import Parsed
from ..scene import SqlScene, dotted, strings
from ..tree import kind_of_node

__all__ = ["HANDLERS"]

_CHANGED = "Who may do what in the database changes."
_CLUSTER = "Roles belong to all databases of the server."


def _grant(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    what = node.objtype.name.removeprefix("OBJECT_").lower()
    names = [_name(one, scene) for one in node.objects or ()]
    shown = ", ".join(names) or f"all {what}s"
    kind = "GRANT" if node.is_grant else "REVOKE"
    effect = Effect(kind, f"privileges on {what} {shown}")
    effect.hazard("privileges", shown, _CHANGED)
    if not node.is_grant:
        effect.hazard("breaks_running_application", shown, "Code that runs as the role may do less.")
    return effect


def _name(one: Any, scene: SqlScene) -> str:
    kind = kind_of_node(one)
    if kind == "RangeVar":
        return dotted(*scene.place(one))
    if kind == "ObjectWithArgs":
        return dotted(*scene.named(one.objname))
    if kind == "String":
        return str(one.sval)
    return ".".join(strings(one if isinstance(one, tuple) else getattr(one, "names", ())))


def _grant_role(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    kind = "GRANT" if node.is_grant else "REVOKE"
    roles = ", ".join(getattr(role, "priv_name", None) or "?" for role in node.granted_roles)
    effect = Effect(kind, f"membership in {roles}")
    effect.hazard("privileges", roles, _CHANGED)
    effect.hazard("leaves_database", roles, _CLUSTER)
    return effect


def _default_privileges(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    effect = Effect("ALTER DEFAULT PRIVILEGES", "privileges on objects that are made later")
    effect.hazard("privileges", "default privileges", _CHANGED)
    return effect


def _role(kind: str) -> Any:
    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        named = getattr(node, "role", None)
        roles = getattr(node, "roles", None) or ((named,) if named is not None else ())
        names = [getattr(one, "rolename", one) or "?" for one in roles]
        shown = ", ".join(str(name) for name in names) or "all roles"
        effect = Effect(kind, f"role {shown}")
        effect.hazard("privileges", shown, _CHANGED)
        effect.hazard("leaves_database", shown, _CLUSTER)
        return effect

    return read


def _policy(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    table = scene.place(node.table)
    verb = "CREATE" if kind_of_node(node) == "CreatePolicyStmt" else "ALTER"
    about = dotted(*table, node.policy_name)
    effect = Effect(f"{verb} POLICY", f"policy {node.policy_name} on {dotted(*table)}")
    if not scene.is_new("table", table):
        effect.hazard("privileges", about, f"Which rows of {dotted(*table)} a role reads and writes changes.")
    return effect


def _owned(kind: str, *hazards: tuple[str, str]) -> Any:
    def read(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
        shown = ", ".join(role.rolename or "?" for role in node.roles)
        effect = Effect(kind, f"all objects of {shown}")
        for name, message in hazards:
            effect.hazard(name, shown, message)
        return effect

    return read


def _label(node: Any, scene: SqlScene, parsed: Parsed) -> Effect:
    effect = Effect("SECURITY LABEL", "a security label")
    effect.hazard("privileges", "security label", _CHANGED)
    return effect


HANDLERS = {
    "GrantStmt": _grant,
    "GrantRoleStmt": _grant_role,
    "AlterDefaultPrivilegesStmt": _default_privileges,
    "CreateRoleStmt": _role("CREATE ROLE"),
    "AlterRoleStmt": _role("ALTER ROLE"),
    "AlterRoleSetStmt": _role("ALTER ROLE SET"),
    "DropRoleStmt": _role("DROP ROLE"),
    "CreatePolicyStmt": _policy,
    "AlterPolicyStmt": _policy,
    "DropOwnedStmt": _owned(
        "DROP OWNED", ("data_loss", "Tables that the role owns are dropped."), ("privileges", _CHANGED)
    ),
    "ReassignOwnedStmt": _owned("REASSIGN OWNED", ("privileges", _CHANGED)),
    "SecLabelStmt": _label,
}
