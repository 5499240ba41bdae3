"""Node types of other packages, found by the entry-point group ``ivrd.nodes``. Used where the kinds of nodes are listed, and only there."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points

from callflows.nodes.base import Node

GROUP = "ivrd.nodes"
_KIND = re.compile(r"[a-z][a-z0-9_]{0,47}")


class _UnfitError(Exception):
    """The entry point leads to something that can't be a node; the message says what is wrong."""


def own_nodes(taken: Collection[str], found: Iterable[EntryPoint] | None = None) -> tuple[dict[str, type[Node]], tuple[str, ...]]:
    """Kind → node type of every package that offers one, and a sentence for each that can't be used. Raises nothing.

    ``taken`` are names that no kind may have; ``found`` is for tests.
    """
    kinds: dict[str, type[Node]] = {}
    faults: list[str] = []
    for entry in sorted(found if found is not None else entry_points(group=GROUP), key=lambda entry: (entry.name, entry.value)):
        try:
            kinds[entry.name] = _node_type(entry, {*taken, *kinds})
        except _UnfitError as unfit:
            faults.append(_sentence(entry, str(unfit)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's module may raise anything when it is imported
            said = " ".join(str(error).split())
            faults.append(_sentence(entry, f"{type(error).__name__}: {said}" if said else type(error).__name__))
    return kinds, tuple(faults)


def _node_type(entry: EntryPoint, taken: Collection[str]) -> type[Node]:
    if not _KIND.fullmatch(entry.name):
        raise _UnfitError("its name must be small letters, digits and '_', and begin with a letter")
    if entry.name in taken:
        raise _UnfitError("a node, or a key of one, has that name already; choose another")
    node_type = entry.load()
    if not (isinstance(node_type, type) and issubclass(node_type, Node)):
        raise _UnfitError(f"{entry.value} is no subclass of callflows.nodes.base.Node")
    if getattr(node_type, "kind", None) != entry.name:
        raise _UnfitError(f"its 'kind' is {getattr(node_type, 'kind', None)!r}; it must be {entry.name!r}, as the entry point is named")
    if entry.name not in node_type.model_fields:
        raise _UnfitError(f"it has no setting {entry.name!r}: a node's first key in a flow file is its kind")
    for method in ("steps", "exits"):
        if getattr(node_type, method) is getattr(Node, method):
            raise _UnfitError(f"it doesn't say its {method}()")
    node_type.model_json_schema()
    return node_type


def _sentence(entry: EntryPoint, reason: str) -> str:
    package = f" of {entry.dist.name}" if entry.dist else ""
    return f"the node {entry.name!r}{package} ({entry.value}) can't be used: {reason}"
