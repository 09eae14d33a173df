# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face that all modules share: common options, and the one place where an error becomes fail_json."""

from __future__ import annotations

import traceback
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from ._connection.address import hidden, read_address
from ._connection.stop import STOP
from ._connection.target import Expectation
from ._locks.blockers import BlockerPolicy
from ._locks.locks import LockPolicy
from ._run.options import Options
from ._support.driver import PSYCOPG2_IMPORT_ERROR, psycopg2
from ._support.duration import milliseconds, seconds_or_off
from ._support.errors import SteadyError
from ._support.plain import plain
from ._support.size import size_bytes
from ._support.values import printable

__all__ = [
    "CHANGE_ARGUMENTS",
    "CONNECTION_ARGUMENTS",
    "PATIENCE_ARGUMENTS",
    "PROGRESS_ARGUMENTS",
    "change_arguments",
    "run",
]

CONNECTION_ARGUMENTS: Dict[str, Any] = {
    "database_url": {"type": "str", "no_log": True, "fallback": (env_fallback, ["DATABASE_URL"])},
    "expect": {"type": "dict", "options": {"database": {"type": "str"}, "system_identifier": {"type": "str"}}},
    "show_rows": {"type": "bool", "default": False},
}
CHANGE_ARGUMENTS: Dict[str, Any] = {
    **CONNECTION_ARGUMENTS,
    "lock_budget": {"type": "str", "default": "100ms"},
    "lock_patience": {"type": "str", "default": "10m"},
    "parallel": {"type": "int"},
    "on_blocker": {"type": "str", "choices": ["wait", "cancel", "terminate"], "default": "wait"},
    "on_blocker_applications": {"type": "list", "elements": "str", "default": []},
    "on_blocker_roles": {"type": "list", "elements": "str", "default": []},
    "old_transaction": {"type": "str", "default": "1m"},
    "max_replica_lag": {"type": "str", "default": "30s"},
    "disk_allowance": {"type": "str"},
    "operator": {"type": "str"},
}
PATIENCE_ARGUMENTS: Dict[str, Any] = {"lock_patience": {"type": "str", "default": "10m"}}
PROGRESS_ARGUMENTS: Dict[str, Any] = {
    # The action plugin heeds it.
    "progress": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
    "progress_file": {"type": "path"},
}


def change_arguments(**more: Any) -> Dict[str, Any]:
    """The argument spec of a module that changes one kind of object."""
    return {**CHANGE_ARGUMENTS, "schema": {"type": "str"}, "journal": {"type": "bool", "default": True}, **more}


def options_of(module: AnsibleModule) -> Options:
    """The run's options. Raises SteadyError for a duration that is none."""
    parameters = module.params
    most_lag_s: Optional[float] = None
    allowance: Optional[int] = None
    try:
        policy = LockPolicy(
            milliseconds(parameters.get("lock_budget", "100ms"), "lock_budget"),
            milliseconds(parameters.get("lock_patience", "10m"), "lock_patience") / 1000.0,
            _blocker_policy(parameters),
        )
        if parameters.get("on_blocker", "wait") != "wait" and not policy.blockers.anybody:
            raise ValueError(
                f"on_blocker: {parameters['on_blocker']} whom? on_blocker_applications or on_blocker_roles must "
                "name those whose sessions may be ended"
            )
        if "max_replica_lag" in parameters:
            most_lag_s = seconds_or_off(parameters["max_replica_lag"], "max_replica_lag")
        if parameters.get("disk_allowance"):
            allowance = size_bytes(parameters["disk_allowance"], "disk_allowance")
        if parameters.get("parallel") is not None and parameters["parallel"] < 1:
            raise ValueError("parallel: must be at least 1")
    except ValueError as error:
        raise SteadyError(str(error), left="the database was not contacted") from None
    return Options(
        database_url=parameters["database_url"],
        expectation=Expectation(**(parameters.get("expect") or {})),
        policy=policy,
        parallel=parameters.get("parallel"),
        journal=parameters.get("journal", True),
        check=module.check_mode,
        operator=parameters.get("operator") or "",
        plan_hash=parameters.get("plan_hash"),
        verify=parameters.get("verify", False),
        disk_allowance=allowance,
        most_lag_s=most_lag_s,
        progress_file=parameters.get("progress_file"),
        show_rows=parameters.get("show_rows", False),
    )


def _blocker_policy(parameters: Dict[str, Any]) -> BlockerPolicy:
    """What may be done about those in the way; of a module that has no such options, nothing. Raises ValueError."""
    if "old_transaction" not in parameters:
        return BlockerPolicy()
    return BlockerPolicy(
        parameters.get("on_blocker", "wait"),
        tuple(parameters.get("on_blocker_applications") or ()),
        tuple(parameters.get("on_blocker_roles") or ()),
        milliseconds(parameters["old_transaction"], "old_transaction") / 1000.0,
    )


def _fail(module: AnsibleModule, error: SteadyError) -> None:
    facts = {"changed": False, "status": "failed", **plain(error.facts)}
    error.todo = error.todo or "mend what is named, then run the same command again"
    module.fail_json(
        msg=printable(str(error)),
        what=printable(error.what),
        why=printable(error.why),
        todo=printable(error.todo),
        done=error.done,
        left=printable(error.left),
        sqlstate=error.sqlstate,
        **facts,
    )


def _links(error: Optional[BaseException]) -> Iterator[BaseException]:
    """The errors whose words may have values of rows in them, of those that led to this one."""
    while error is not None:
        if isinstance(error, (psycopg2.Error, ValueError, ArithmeticError)):
            yield error
        error = error.__cause__ or error.__context__


def _without_secrets(parameters: Mapping[str, Any], error: BaseException) -> Callable[[str], str]:
    """Makes a library's text fit for a terminal and a log: no addresses, passwords, rows, control characters."""
    texts = [str(parameters[name]) for name in ("database_url", "proof_url") if parameters.get(name)]
    addresses = []
    for text in texts:
        try:
            addresses.append(read_address(text))
        except Exception:
            continue  # the text as a whole is hidden all the same

    # What Python says of a value that it cannot hold, and the server of a row, has the value in it.
    rows = not parameters.get("show_rows")

    def shown(text: str) -> str:
        for link in _links(error) if rows else ():
            if str(link):
                text = text.replace(str(link), "(what it says is left out; show_rows shows it)")
        for whole in texts:
            text = text.replace(whole, "***")
        for address in addresses:
            text = hidden(text, address.secrets, address.parameters)
        return printable(text)

    return shown


def run(
    module: AnsibleModule,
    work: Callable[[Mapping[str, Any], Options], Dict[str, Any]],
    needs_database: bool = True,
) -> None:
    """Do the work of a module and exit: it does not return. work gets the module's parameters and the options."""
    if PSYCOPG2_IMPORT_ERROR is not None:
        module.fail_json(msg=missing_required_lib("psycopg2"), exception=PSYCOPG2_IMPORT_ERROR)
    try:
        options = options_of(module)
        if "parallel" in module.params:  # those that change a schema; a backup ends by its own rules
            STOP.listen()
        # The address as a whole is hidden by no_log. The password by itself is not given to Ansible: it would replace
        # it in every string of the result, in statuses, hashes, names and paths. It is in none of them.
        if options.database_url or needs_database:
            read_address(options.database_url)
        result = work(module.params, options)
    except SteadyError as error:
        _fail(module, error)
    except Exception as error:  # a defect of ours: one sentence for the operator, the traceback for the report
        shown = _without_secrets(module.params, error)
        module.fail_json(
            msg=shown(f"This should not have happened: {type(error).__name__}: {error}") + "\nWhat to do: see with "
            "steady.postgresql.journal_info what was done; check mode with -vvv shows where it went wrong",
            exception=shown(traceback.format_exc()),
            status="failed",
            changed=not module.check_mode,
        )
    if module._diff and result.get("plan_sql"):
        result["diff"] = {"prepared": printable(result["plan_sql"])}
    module.exit_json(**plain(result))
