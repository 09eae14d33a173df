# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# PRIVATE to the collection steady.postgresql: it may change in any release.

"""Plans for one index: built, repaired, replaced and dropped, always concurrently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Set, Tuple

from ansible_collections.steady.postgresql.plugins.module_utils._catalog import Catalog, TableName
from ansible_collections.steady.postgresql.plugins.module_utils._kinds.index.target import (
    Target,
    create_statement,
    differences,
    key_texts,
)
from ansible_collections.steady.postgresql.plugins.module_utils._plan import (
    SHARE_UPDATE_EXCLUSIVE,
    DataCheck,
    Lock,
    Outcome,
    Problem,
    Step,
    Unit,
    autocommit,
)
from ansible_collections.steady.postgresql.plugins.module_utils._sqltext import (
    compose,
    enclosed,
    identifier,
    literal,
    qualified,
    raw,
    temporary_name,
)
from ansible_collections.steady.postgresql.plugins.module_utils._tables import (
    column_problems,
    owner_problems,
    table_problems,
)

__all__ = ["KIND", "definition", "differs", "plan", "relation_names", "tables"]

KIND = "index"
_CORRUPTING = range(140000, 140004)  # CREATE INDEX CONCURRENTLY may miss rows in 14.0 to 14.3 (release notes of 14.4)
_NULLS_NOT_DISTINCT = 150000


def tables(target: Target) -> Set[TableName]:
    return {target.table_name}


def relation_names(target: Target) -> Set[TableName]:
    """The names that the plan may need: the index's own and those of its helpers."""
    names = (target.name, _helper(target, "new"), _helper(target, "old"))
    return {(target.schema, name) for name in names}


def differs(left: Mapping[str, Any], right: Mapping[str, Any]) -> bool:
    """Whether two images are different indexes for a rollback's purposes; validity does not count."""
    return any(left[key] != right[key] for key in ("tail", "unique"))


def definition(image: Mapping[str, Any]) -> str:
    """An image as people read it: the statement that would make it."""
    unique = "UNIQUE " if image["unique"] else ""
    text = compose("CREATE {unique}INDEX {name} ON ", unique=raw(unique), name=identifier(image["name"]))
    return text + str(image["tail"]) + ("" if image["valid"] else " (invalid)")


def _helper(target: Target, purpose: str) -> str:
    return temporary_name(target.name, purpose, target.table_name)


@dataclass(frozen=True)
class _Scene:
    """What stands there around one target."""

    target: Target
    catalog: Catalog
    found: Optional[Mapping[str, Any]]
    new: Optional[Mapping[str, Any]]
    old: Optional[Mapping[str, Any]]

    @property
    def leftovers(self) -> List[Mapping[str, Any]]:
        return [image for image in (self.new, self.old) if image is not None]


def plan(target: Target, catalog: Catalog, wishes: Mapping[Tuple[TableName, str], bool]) -> Outcome:
    """The outcome for one index. wishes is not needed here."""
    table = target.table_name
    problems = table_problems(catalog, table)
    if not problems:
        problems = column_problems(catalog.tables[table], table, target.column_names)
        problems += _name_problems(target, catalog)
    if problems:
        return Outcome(KIND, table, target.name, "cannot be planned", problems=tuple(problems))
    scene = _Scene(
        target,
        catalog,
        catalog.find(KIND, table, target.name),
        catalog.find(KIND, table, _helper(target, "new")),
        catalog.find(KIND, table, _helper(target, "old")),
    )
    return _present(scene) if target.present else _absent(scene)


def _name_problems(target: Target, catalog: Catalog) -> List[Problem]:
    """Tables, views, sequences and indexes share one name space in a schema."""
    relation = catalog.relations.get((target.schema, target.name))
    if relation is None or relation.table == target.table_name:
        return []
    owner = f"an index of {qualified(*relation.table)}" if relation.table else "a table, view or sequence"
    if not target.present:
        text = f'"{target.name}" is {owner}, not an index of {qualified(*target.table_name)}: it is not dropped'
        return [Problem(text, clash=True)]
    text = f'the name "{target.name}" is taken in schema "{target.schema}" by {owner}; choose another name'
    return [Problem(text, clash=True)]


def _present(scene: _Scene) -> Outcome:
    target, catalog, found = scene.target, scene.catalog, scene.found
    if found is None:
        twin = _equivalent(target, catalog)
        note = (
            f'{qualified(*target.table_name)}: the index "{twin}" already does the job of "{target.name}"'
            if twin
            else ""
        )
        if twin and target.accept_equivalent:
            return _outcome(scene, f'the index "{twin}" already does the job', _cleaning(scene), notes=(note,))
        return _outcome(scene, "not there", _build(scene, "create"), notes=(note,) if note else ())
    if not found["valid"]:
        if found["builder"] is not None:
            problem = Problem(
                f'the index "{target.name}" is being built right now by server process {found["builder"]}: '
                "wait until it is done, then run this again"
            )
            return _outcome(scene, "being built by somebody", None, problems=(problem,))
        if found["constraint"] is None and not found["is_partition"]:
            return _outcome(scene, "invalid: left behind by a build that failed", _build(scene, "repair"))
    different = differences(target, found, catalog)
    if not found["valid"]:
        problems = _refusals(target, found, "repaired") or [Problem(f'the index "{target.name}" is not valid')]
        return _outcome(scene, "invalid", None, problems=tuple(problems))
    if not different:
        return _outcome(scene, "valid, exactly as wanted", _cleaning(scene))
    problems = _refusals(target, found, "replaced")
    if not target.replace:
        problems.append(
            Problem(
                f'the index "{target.name}" has another definition ({"; ".join(different)}), and the '
                "migration says on_conflict: refuse"
            )
        )
    return _outcome(scene, "; ".join(different), _replace(scene, found, different), problems=tuple(problems))


def _refusals(target: Target, found: Mapping[str, Any], verb: str) -> List[Problem]:
    reasons = []
    if found["constraint"] is not None:
        reasons.append(f'it belongs to the constraint "{found["constraint"]}"')
    if found["replica_identity"]:
        reasons.append("it is the table's replica identity: logical replication would break")
    if found["is_partition"]:
        reasons.append("it is part of an index of a partitioned table")
    return [Problem(f'the index "{target.name}" cannot be {verb}: {reason}') for reason in reasons]


def _absent(scene: _Scene) -> Outcome:
    found = scene.found
    if found is None:
        return _outcome(scene, "not there", _cleaning(scene))
    units = [*_drops(scene.leftovers), *_drops([found])]
    step = _step(scene, "drop", units, "")
    return _outcome(scene, "there", step, problems=tuple(_refusals(scene.target, found, "dropped")))


def _equivalent(target: Target, catalog: Catalog) -> Optional[str]:
    """Another valid index with the same definition, if there is one."""
    if target.specification is None:
        return None
    helpers = {_helper(target, "new"), _helper(target, "old")}
    for image in catalog.others(KIND, target.table_name):
        if image["valid"] and image["name"] not in helpers and not differences(target, image, catalog):
            return str(image["name"])
    return None


def _drops(images: List[Mapping[str, Any]]) -> List[Unit]:
    return [
        autocommit(
            (image["schema"], image["table"]),
            compose("DROP INDEX CONCURRENTLY {name}", name=identifier(image["schema"], image["name"])),
        )
        for image in images
    ]


def _after_build(scene: _Scene, comment: Optional[str], clustered: bool, statistics: Mapping[str, int]) -> List[str]:
    """What CREATE INDEX cannot say in one statement. SHARE UPDATE EXCLUSIVE at the most."""
    target = scene.target
    index = identifier(target.schema, target.name)
    statements = []
    if comment is not None:
        statements.append(compose("COMMENT ON INDEX {index} IS {comment}", index=index, comment=literal(comment)))
    for number, goal in sorted(statistics.items(), key=lambda item: int(item[0])):
        statements.append(
            compose(
                "ALTER INDEX {index} ALTER COLUMN {number} SET STATISTICS {goal}",
                index=index,
                number=_number(number),
                goal=_number(goal),
            )
        )
    if clustered:
        statements.append(
            compose(
                "ALTER TABLE {table} CLUSTER ON {name}",
                table=identifier(*target.table_name),
                name=identifier(target.name),
            )
        )
    source = target.image["columns"] if target.image is not None else ()
    wanted = target.specification.columns if target.specification is not None else ()
    if any(c["expression"] is not None for c in source) or any(c.expression is not None for c in wanted):
        # Statistics of an expression exist only after ANALYZE (PostgreSQL documentation, CREATE INDEX, "Notes").
        statements.append(compose("ANALYZE {table}", table=identifier(*target.table_name)))
    return statements


def _number(value: Any) -> Any:
    return raw(str(int(value)))


def _build(scene: _Scene, action: str) -> Step:
    target, found = scene.target, scene.found
    units = [*_drops(scene.leftovers), *(_drops([found]) if found is not None else [])]
    units.append(autocommit(target.table_name, create_statement(target, target.name)))
    image = target.image
    after = (
        _after_build(scene, image["comment"], image["clustered"], image["statistics"])
        if image is not None
        else (_after_build(scene, None, False, {}))
    )
    units.extend(autocommit(target.table_name, statement) for statement in after)
    return _step(scene, action, units, "", cleanup=target.name)


def _replace(scene: _Scene, found: Mapping[str, Any], different: List[str]) -> Step:
    """The new one under another name, a swap of names in one transaction, then the old one dropped."""
    target, new = scene.target, scene.new
    reuse = new is not None and new["valid"] and not differences(target, new, scene.catalog)
    units = _drops([image for image in scene.leftovers if not (reuse and image is new)])
    if not reuse:
        units.append(autocommit(target.table_name, create_statement(target, _helper(target, "new"))))
    rename = "ALTER INDEX {index} RENAME TO {name}"
    units.append(
        Unit(
            (
                compose(rename, index=identifier(target.schema, target.name), name=identifier(_helper(target, "old"))),
                compose(rename, index=identifier(target.schema, _helper(target, "new")), name=identifier(target.name)),
            ),
            (Lock(SHARE_UPDATE_EXCLUSIVE, (target.schema, target.name)),),
            transaction=True,
        )
    )
    image = target.image
    after = (
        _after_build(scene, image["comment"], image["clustered"], image["statistics"])
        if image is not None
        else (_after_build(scene, found["comment"], found["clustered"], {}))
    )
    units.extend(autocommit(target.table_name, statement) for statement in after)
    units.extend(_drops([{**found, "name": _helper(target, "old")}]))
    return _step(scene, "replace", units, "; ".join(different), cleanup=_helper(target, "new"))


def _cleaning(scene: _Scene) -> Optional[Step]:
    units = _drops(scene.leftovers)
    return _step(scene, "clean up", units, "leftover of an interrupted run") if units else None


def _step(scene: _Scene, action: str, units: List[Unit], summary: str, cleanup: Optional[str] = None) -> Step:
    target = scene.target
    builds = cleanup is not None
    rehearsal: Tuple[str, ...] = ()
    if builds and target.specification is not None:
        rehearsal = (
            compose(
                "CREATE TEMPORARY TABLE steady_rehearsal (LIKE {table} INCLUDING GENERATED)",
                table=identifier(*target.table_name),
            ),
            create_statement(target, "steady_rehearsal_idx", on="pg_temp.steady_rehearsal"),
        )
    undo = (
        (compose("DROP INDEX CONCURRENTLY IF EXISTS {name}", name=identifier(target.schema, cleanup)),)
        if cleanup
        else ()
    )
    before: Optional[Dict[str, Any]] = dict(scene.found) if scene.found is not None else None
    return Step(
        KIND,
        target.table_name,
        target.name,
        action,
        tuple(units),
        before,
        summary,
        _duplicate_checks(scene) if builds else (),
        rehearsal,
        undo,
    )


def _duplicate_checks(scene: _Scene) -> Tuple[DataCheck, ...]:
    target, image, wanted = scene.target, scene.target.image, scene.target.specification
    unique = image["unique"] if image is not None else wanted is not None and wanted.unique
    if not unique:
        return ()
    keys = key_texts(target)
    distinct = image["nulls_not_distinct"] if image is not None else wanted is not None and wanted.nulls_not_distinct
    predicate = image["predicate"] if image is not None else wanted.where if wanted is not None else None
    conditions = [] if distinct else [f"{key} IS NOT NULL" for key in keys]
    if predicate is not None:
        conditions.append(enclosed(predicate))
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    columns = ", ".join(keys)
    place = f'{qualified(*target.table_name)}, so the unique index "{target.name}" cannot be built'
    return (
        DataCheck(
            target.table_name,
            compose(
                "SELECT {columns}, pg_catalog.count(*) AS times, pg_catalog.count(*) OVER () AS total"
                " FROM {table}{where} GROUP BY {columns} HAVING pg_catalog.count(*) > 1 LIMIT 10",
                columns=raw(columns),
                table=identifier(*target.table_name),
                where=raw(where),
            ),
            f"1 key occurs more than once in {place}",
            f"{{total}} keys occur more than once in {place}",
            "make the keys unique, then run this again",
        ),
    )


def _outcome(
    scene: _Scene, state: str, step: Optional[Step], problems: Tuple[Problem, ...] = (), notes: Tuple[str, ...] = ()
) -> Outcome:
    target, catalog = scene.target, scene.catalog
    further: List[Problem] = []
    if step is not None:
        further += owner_problems(catalog, target.table_name)
        if step.rehearsal or step.cleanup:
            further += _build_problems(target, catalog)
    return Outcome(KIND, target.table_name, target.name, state, step, (*problems, *further), notes)


def _build_problems(target: Target, catalog: Catalog) -> List[Problem]:
    problems = []
    if catalog.version in _CORRUPTING:
        problems.append(
            Problem(
                "PostgreSQL 14.0 to 14.3 build corrupt indexes concurrently: update the server to 14.4 or newer first"
            )
        )
    if not catalog.tables[target.table_name].may_create_in_schema:
        grant = compose(
            "GRANT CREATE ON SCHEMA {schema} TO {role}", schema=identifier(target.schema), role=identifier(catalog.role)
        )
        problems.append(
            Problem(
                f'permission denied: CREATE on schema "{target.schema}" is missing for role "{catalog.role}"; {grant}',
                permission=True,
            )
        )
    wanted = target.specification
    if wanted is not None and wanted.nulls_not_distinct and catalog.version < _NULLS_NOT_DISTINCT:
        problems.append(Problem(f'"{target.name}": nulls_not_distinct needs PostgreSQL 15 or newer'))
    return problems
