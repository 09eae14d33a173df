# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE)
"""The rooms of module_utils are those of docs/architecture.md, and none imports from one below it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
ROOMS_FOLDER = ROOT / "plugins" / "module_utils"
FILES = sorted(path for path in ROOMS_FOLDER.rglob("*.py") if path.name != "__init__.py")
BACKUP = [path for path in FILES if path.is_relative_to(ROOMS_FOLDER / "_backup")]


def rooms(within: str = "") -> list[str]:
    """In the order of the table: the ground first."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    return re.findall(rf"^\| `{within}(\w+)` \|", page, re.MULTILINE)


def room(path: Path) -> str:
    return path.relative_to(ROOMS_FOLDER).parts[0].removesuffix(".py")


def imported(path: Path) -> set[tuple[str, ...]]:
    """What a file of module_utils imports from: the names of folders and of the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].relative_to(ROOMS_FOLDER).parts
            found.add((*folder, *(node.module or "").split(".")))
    return found


def test_every_file_is_in_a_room_of_the_page() -> None:
    assert {room(path) for path in FILES} == set(rooms())


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOMS_FOLDER)))
def test_no_import_goes_down(path: Path) -> None:
    order = rooms()
    assert not {one for one in imported(path) if order.index(one[0]) > order.index(room(path))}


@pytest.mark.parametrize("path", BACKUP, ids=lambda path: str(path.relative_to(ROOMS_FOLDER)))
def test_no_import_goes_down_within_backup(path: Path) -> None:
    order = rooms("_backup/")
    own = order.index(path.parent.name)
    assert not {one for one in imported(path) if one[0] == "_backup" and order.index(one[1]) > own}


def test_imports_of_the_collection_are_relative_in_plugins() -> None:
    """A type checker sees through those, and not through the collection's full name."""
    plugins = sorted((ROOT / "plugins").rglob("*.py"))
    assert not [path for path in plugins if "from ansible_collections.steady" in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize(
    "path", [ROOT / "docs" / "architecture.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name
)
def test_files_that_the_pages_name_are_there(path: Path) -> None:
    named = re.findall(
        r"`((?:_\w+|plugins|playbooks|roles|docs|tests|meta|plugin_utils)/[\w/.{},]*)`",
        path.read_text(encoding="utf-8"),
    )
    places = (ROOT, ROOMS_FOLDER, ROOT / "plugins")
    assert not [name for name in named if not any((place / name).exists() for place in places)]


def test_one_name_is_one_class() -> None:
    """Save those that Ansible finds by their names."""
    files = sorted((ROOT / "plugins").rglob("*.py"))
    names = [name for path in files for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), re.MULTILINE)]
    twice = {name for name in names if names.count(name) > 1}
    assert twice == {"ActionModule", "ModuleDocFragment"}
