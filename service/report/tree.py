"""A tree that opens branch by branch, as HTML: names, sizes and examples."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape


@dataclass(frozen=True, slots=True)
class Node:
    """A branch.

    Args:
        name: What is in it.
        size: How many products it holds.
        note: What is said beside it, such as its number.
        examples: Titles of products in it.
        children: Branches below it.
    """

    name: str
    size: int
    note: str = ""
    examples: Sequence[str] = ()
    children: Sequence["Node"] = field(default_factory=tuple)


@dataclass(frozen=True, slots=True)
class Tree:
    """Branches side by side, each with those below it.

    Args:
        nodes: The first level.
        opened: How many levels stand open at first.
    """

    nodes: Sequence[Node]
    opened: int = 1


def tree_html(tree: Tree, name: str) -> str:
    """Write a tree under an HTML id, with a field to search it."""
    total = max(1, sum(node.size for node in tree.nodes))
    return (
        f"<p class=filter hidden><label>Only branches with <input type=search data-filter={name}></label></p>"
        f"<ul class=tree id={name}>{''.join(_branch(node, total, tree.opened) for node in tree.nodes)}</ul>"
    )


def _branch(node: Node, total: int, opened: int) -> str:
    """Write a branch; its bar shows its share of the level above."""
    share = 100 * node.size / total
    note = f" <span class=soft>{safe(node.note)}</span>" if node.note else ""
    head = (
        f"<span class=name>{safe(node.name)}</span>{note} <span class=size>{node.size:,}</span>"
        f'<span class=bar aria-hidden=true><i style="width:{share:.1f}%"></i></span>'
    )
    inner = ""
    if node.examples:
        inner += f"<ul class=examples>{''.join(f'<li>{safe(title)}</li>' for title in node.examples)}</ul>"
    if node.children:
        below = "".join(_branch(child, max(1, node.size), opened - 1) for child in node.children)
        inner += f"<ul>{below}</ul>"
    if not inner:
        return f"<li class=leaf>{head}</li>"
    return f"<li><details{' open' if opened > 0 else ''}><summary>{head}</summary>{inner}</details></li>"


def safe(text: str) -> str:
    """Escape a text; a half of a letter that catalogues cut in two becomes a question mark."""
    return escape(text.encode("utf-8", "replace").decode())
