"""What a computation is made of: its source, so that a result of other code is not taken for its own."""

from __future__ import annotations

import ast
import hashlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["fingerprint"]


def fingerprint(function: Callable[..., Any]) -> str:
    """Of the source of a function, and of all that it uses of its own file: functions, classes and constants.

    Comments, charts and claims in the same file do not count, nor does what is imported from elsewhere.

    Args:
        function: of a file.

    Returns:
        16 hexadecimal digits; "" where there is no source, as of what is typed at Python's prompt.
    """
    try:
        tree = ast.parse(Path(inspect.getsourcefile(function) or "").read_text(encoding="utf-8"))
    except (OSError, TypeError, ValueError, SyntaxError):
        return ""
    defined = {name: node for node in tree.body for name in _names(node)}
    used: dict[str, str] = {}
    left = [function.__name__] if function.__name__ in defined else list(defined)
    while left:
        name = left.pop()
        if name in defined and name not in used:
            used[name] = ast.unparse(defined[name])
            left += [node.id for node in ast.walk(defined[name]) if isinstance(node, ast.Name)]
    return hashlib.sha256(repr(sorted(used.items())).encode()).hexdigest()[:16]


def _names(node: ast.stmt) -> list[str]:
    """What a statement at the top of a file defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Assign | ast.AnnAssign):
        return [part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)]
    return []
