"""YAML text as a bounded tree whose every part knows its line.

Owns: reading YAML safely. Only plain mappings, lists and scalars pass: no
tags, aliases or merges, so that a small file cannot become a large tree.
JSON is YAML here. Source: YAML 1.1 as PyYAML reads it.
"""

from dataclasses import dataclass

import yaml

TEXT_BYTES_MAX = 1_048_576
DEPTH_MAX = 20


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value: its text as written; `is_null` for nothing at all."""

    text: str
    line: int
    is_null: bool = False


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple["Tree", ...]
    line: int


@dataclass(frozen=True, slots=True)
class Mapping:
    """A mapping; keys in the order of the file, repeated ones included, each with its line."""

    items: tuple[tuple[str, "Tree", int], ...]
    line: int


Tree = Scalar | Sequence | Mapping


class TreeError(Exception):
    """The text is no acceptable YAML; `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.line = line


class _Loader(yaml.SafeLoader):
    """Composes nodes, refusing what a configuration has no use for."""

    depth = 0

    def compose_node(
        self, parent: yaml.nodes.Node | None, index: yaml.nodes.Node | int | None
    ) -> yaml.nodes.Node | None:
        """Compose one node. Raises TreeError."""
        event = self.peek_event()
        line = event.start_mark.line + 1
        if isinstance(event, yaml.events.AliasEvent) or getattr(event, "anchor", None):
            raise TreeError(line, "anchors and aliases are not allowed: write the value out")
        if self.depth > DEPTH_MAX:
            raise TreeError(line, f"nested more than {DEPTH_MAX} levels deep")
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def read_tree(text: str) -> Tree:
    """Return the text's one document. Raises TreeError."""
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise TreeError(1, f"longer than {TEXT_BYTES_MAX} bytes")
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line = mark.line + 1 if mark else 1
        raise TreeError(line, f"not YAML: {fault.problem or fault.context}") from None
    except yaml.YAMLError as fault:
        raise TreeError(1, f"not YAML: {str(fault).splitlines()[0]}") from None
    if node is None:
        return Mapping((), 1)
    return _tree(node)


def _tree(node: yaml.nodes.Node) -> Tree:
    line = node.start_mark.line + 1
    if isinstance(node, yaml.nodes.MappingNode):
        items = []
        for key, value in node.value:
            if not isinstance(key, yaml.nodes.ScalarNode):
                raise TreeError(key.start_mark.line + 1, "a key must be a plain word")
            items.append((key.value, _tree(value), key.start_mark.line + 1))
        return Mapping(tuple(items), line)
    if isinstance(node, yaml.nodes.SequenceNode):
        return Sequence(tuple(_tree(item) for item in node.value), line)
    assert isinstance(node, yaml.nodes.ScalarNode)
    if not node.tag.startswith("tag:yaml.org,2002:"):
        raise TreeError(line, f"tag {node.tag} is not allowed")
    return Scalar(node.value, line, node.tag == "tag:yaml.org,2002:null")
