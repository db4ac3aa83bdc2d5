"""Places and variable names of the Python source, as MLIR locations and SSA name hints."""

from __future__ import annotations

import re
from functools import lru_cache

from xdsl.dialects.builtin import FileLineColLoc, IntAttr, LocationAttr, StringAttr
from xdsl.ir import BlockArgument, Operation, SSAValue

from enigma.source import SourceLoc

_ODD = re.compile(r"[^A-Za-z0-9_$.]")
_NUMBERED = re.compile(r"_(\d+)$")


@lru_cache(maxsize=4096)
def to_location(loc: SourceLoc) -> FileLineColLoc:
    """Return the MLIR location of a place in Python source."""
    return FileLineColLoc(StringAttr(loc.file), IntAttr(loc.line), IntAttr(loc.col))


@lru_cache(maxsize=4096)
def from_location(location: LocationAttr) -> SourceLoc | None:
    """Return the place in Python source that an MLIR location stands for, or None for an unknown one."""
    if not isinstance(location, FileLineColLoc):
        return None
    return SourceLoc(location.filename.data, location.line.data, location.column.data)


def location_of(argument: SSAValue) -> SourceLoc | None:
    """Return the Python line of a block's argument, such as a parameter of the kernel."""
    location = argument.location if isinstance(argument, BlockArgument) else None
    return None if location is None else from_location(location)


def place(op: Operation) -> SourceLoc | None:
    """Return the Python line of `op`, or of the nearest operation around it that has one."""
    node: Operation | None = op
    while node is not None:
        if (loc := from_location(node.location)) is not None:
            return loc
        node = node.parent_op()
    return None


def to_hint(name: str | None) -> str | None:
    """Return the SSA name hint for a Python name, or None when nothing of it can be kept.

    xDSL drops a `_1` at the end of a hint, since that is how it tells equal hints apart; `-1` survives, and no Python
    name has it.

    >>> to_hint("acc"), to_hint("acc_0"), to_hint("tile[0]"), to_hint("2x"), to_hint("")
    ('acc', 'acc-0', 'tile_0_', '_2x', None)
    """
    if not name:
        return None
    hint = _NUMBERED.sub(r"-\1", _ODD.sub("_", name))
    return f"_{hint}" if hint[0].isdigit() else hint


def user_name(value: SSAValue) -> str | None:
    """Return the Python variable or parameter that `value` was first assigned to, or None."""
    hint = value.name_hint
    return hint.replace("-", "_") if hint else None
