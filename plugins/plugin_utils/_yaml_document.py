# Copyright: (c) 2026, steady.postgresql contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""YAML text to data, with the lines on which things stand and the mistakes that YAML itself is silent about.

PyYAML takes the last of two equal keys without a word, reads some words as booleans and dates, and raises Python's own
errors for some scalars. Here each is a Mistake or a YamlError with its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

from ..module_utils._support.problem import Mistake, Path, one_line, quoted

__all__ = ["Document", "YamlError", "parse"]

_TAG = "tag:yaml.org,2002:"
_STRING_TAGS = {_TAG + "str", _TAG + "value"}
_MERGE_TAG = _TAG + "merge"
_READ_AS = {"bool": "a boolean", "int": "a number", "float": "a number", "timestamp": "a date", "null": "empty"}

#: Aliases of aliases can make a few lines stand for billions of values; no migration has this many.
_MOST_VALUES = 200_000
#: More does not fit any option, and Python refuses to write an integer of more than 4,300 digits in decimal.
_INTEGER_BITS = 128


class YamlError(Exception):
    """The text as a whole is no usable YAML. line: from 1, None for the whole. message: one line."""

    def __init__(self, line: int | None, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(frozen=True)
class Document:
    """data: what the text says. problems: duplicate keys and keys that are no strings, in the order of the text."""

    data: Any
    problems: tuple[Mistake, ...]
    # Not for comparing or printing: a node refers to the whole text.
    _root: yaml.Node = field(repr=False, compare=False)
    _lines: dict[Path, int] = field(repr=False, compare=False)

    def line(self, path: Path) -> int:
        """The line, from 1, where the value at ``path`` begins, its key included.

        For a path that leads to nothing (a key that is missing), the line of the nearest thing around it.
        """
        if path in self._lines:
            return self._lines[path]
        line, node = self._root.start_mark.line + 1, self._root
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return line

    def written(self, path: Path) -> str | None:
        """The scalar at ``path`` as the text has it, before YAML made a date or a boolean of it; None without one."""
        node = self._root
        for step in path:
            found = _child(node, step)
            if found is None:
                return None
            node = found[1]
        return node.value if isinstance(node, yaml.ScalarNode) else None


def parse(text: str) -> Document:
    """Read one YAML document. Raises YamlError; no other exception for whatever text."""
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        # An empty text has no node; one of "---" or of an empty value alone has one that says nothing.
        if root is None or (isinstance(root, yaml.ScalarNode) and root.value == ""):
            raise YamlError(None, "is empty: a migration has at least an id")
        _refuse_growth(root)
        problems, lines = _key_problems(root)
        # Constructing also writes merged keys (<<) into the nodes, so that paths through them lead somewhere.
        data = loader.construct_document(root)
    except RecursionError:
        raise YamlError(None, "is nested too deeply: no migration has that many levels") from None
    except yaml.reader.ReaderError as error:
        raise _unreadable(text, error) from None
    except yaml.MarkedYAMLError as error:
        raise _marked(error) from None
    finally:
        if loader is not None:
            loader.dispose()
    return Document(data=data, problems=tuple(problems), _root=root, _lines=lines)


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader in Python: the one in C overruns its stack on deep nesting, and the process is gone."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            value = super().construct_object(node, deep=deep)
        except (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError):
            # '2025-13-45' looks like a date, '!!int x' says that it is a number: PyYAML lets Python's errors through.
            shown = quoted(node.value) if isinstance(node, yaml.ScalarNode) else "this"
            raise yaml.constructor.ConstructorError(
                None, None, f"{shown} cannot be read as {_kind(node.tag)}; put it in quotes", node.start_mark
            ) from None
        if isinstance(value, int) and value.bit_length() > _INTEGER_BITS:
            raise yaml.constructor.ConstructorError(
                None, None, "this number is too large; if it is a name, put it in quotes", node.start_mark
            )
        return value


def _refuse_growth(root: yaml.Node) -> None:
    """Raise YamlError for a node that contains itself, and for aliases that multiply without measure."""
    sizes: dict[int, int | None] = {}

    def size(node: yaml.Node) -> int:
        if id(node) in sizes:
            known = sizes[id(node)]
            if known is None:
                raise YamlError(node.start_mark.line + 1, "contains itself by way of an alias")
            return known
        sizes[id(node)] = None
        total = 1 + sum(size(child) for child in _children(node))
        sizes[id(node)] = total
        return total

    if size(root) > _MOST_VALUES:
        raise YamlError(None, f"stands for more than {_MOST_VALUES:,} values, counting aliases: is it the right file?")


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        # Keys are scalars; constructing refuses any other.
        for _key, value in node.value:
            yield value
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _key_problems(root: yaml.Node) -> tuple[list[Mistake], dict[Path, int]]:
    """The duplicate keys and those that are no strings, at any depth, and the line of each of these problems."""
    problems: list[Mistake] = []
    lines: dict[Path, int] = {}
    seen: set[int] = set()

    def look(node: yaml.Node, path: Path) -> None:
        # What an alias refers to was looked at where its anchor stands.
        if id(node) in seen:
            return
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for position, item in enumerate(node.value):
                look(item, (*path, position))
        if not isinstance(node, yaml.MappingNode):
            return
        first: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE_TAG:
                here, line = (*path, key.value), key.start_mark.line + 1
                message = _key_fault(key, first)
                if message:
                    problems.append(Mistake(here, message))
                    lines[here] = line
                first.setdefault((key.tag, key.value), line)
                look(value, here)
            else:
                look(value, path)

    look(root, ())
    return problems, lines


def _key_fault(key: yaml.ScalarNode, first: dict[tuple[str, str], int]) -> str | None:
    earlier = first.get((key.tag, key.value))
    if earlier is not None:
        return f"the key {quoted(key.value)} is there twice, first on line {earlier}: YAML would keep the last silently"
    if key.tag not in _STRING_TAGS:
        return (
            f"unknown key {quoted(key.value)}, which YAML reads as {_kind(key.tag)}: if it is a name, put it in quotes"
        )
    return None


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    """The line and the node that ``step`` leads to from ``node``."""
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line + 1, node.value[step]
    if isinstance(node, yaml.MappingNode):
        # From the end: among equal keys the last one is what the data has.
        for key, value in reversed(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value == str(step):
                return key.start_mark.line + 1, value
    return None


def _kind(tag: str) -> str:
    short = tag[len(_TAG) :] if tag.startswith(_TAG) else tag
    return _READ_AS.get(short, f"!!{short}" if tag.startswith(_TAG) else quoted(short))


def _unreadable(text: str, error: yaml.reader.ReaderError) -> YamlError:
    line = text.count("\n", 0, error.position) + 1
    code = error.character if isinstance(error.character, int) else ord(error.character)
    return YamlError(line, f"holds the character U+{code:04X}, which YAML takes only as an escape in double quotes")


def _marked(error: yaml.MarkedYAMLError) -> YamlError:
    mark = error.problem_mark or error.context_mark
    problem = one_line(error.problem or error.context or "it ends in the middle of something")
    if isinstance(error, yaml.constructor.ConstructorError):
        if problem.startswith("could not determine a constructor for the tag"):
            tag = problem.rsplit(" ", 1)[-1].strip("'")
            problem = (
                f"the tag {quoted(tag)} is unknown here: a migration is plain YAML, the same for every environment, "
                "and holds no secrets"
            )
        return YamlError(mark.line + 1 if mark else None, problem)
    if "'\\t'" in problem:
        problem += "; YAML indents with spaces, never with tabs"
    context = f" ({one_line(error.context)})" if error.context and error.problem else ""
    return YamlError(mark.line + 1 if mark else None, f"is not valid YAML: {problem}{context}")
