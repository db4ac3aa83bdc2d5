"""The registry of rows: filled by the tables, checked as it is filled, read by everything else."""

from __future__ import annotations

import keyword
import string
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, cast

from enigma.dtypes import TextureKind
from enigma.errors import InternalError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.spelling import Into, Spelling, Template
from enigma.spec.terms import Algebra, Role, Texture

# attributes of xDSL's Operation: an operand of such a name would vanish or hide the attribute
_RESERVED = {
    "attributes", "parent", "operands", "results", "regions", "properties", "successors", "name", "location", "next_op",
    "prev_op", "traits", "clone", "walk", "verify", "detach", "erase", "emit_error", "block",
}  # fmt: skip


def check(row: Intrinsic) -> None:
    """Refuse an incomplete or inconsistent row; raises `InternalError` naming the row and the field."""
    if not row.name.isidentifier() or keyword.iskeyword(row.name):
        raise InternalError(f"row {row.name!r}: the name is no identifier")
    if not row.doc.endswith("."):
        raise InternalError(f"row {row.name}: the doc must be a sentence")
    for param in row.params:
        if param in _RESERVED or not param.isidentifier():
            raise InternalError(f"row {row.name}: a parameter cannot be called {param!r}")
    if row.variadic is not None and list(row.operands)[-1] != row.variadic:
        raise InternalError(f"row {row.name}: the variadic operands must be the last")
    if row.reports is not None and not {"text", "site"} <= row.attributes.keys():
        raise InternalError(f"row {row.name}: a report needs the parameters text and site")
    for target in ("msl", "cuda"):
        spellings = getattr(row, target)
        for dtype, spelling in spellings.items() if isinstance(spellings, Mapping) else [(None, spellings)]:
            _check_spelling(row, target, str(dtype), spelling)
        if isinstance(spellings, Mapping) and row.variables:
            known = {key[0] if isinstance(key, tuple) else key for key in cast("Mapping[Any, Spelling]", spellings)}
            missing = [d.name for d in row.variables[0].dtypes if d not in known]
            if missing:
                raise InternalError(f"row {row.name}: no {target} spelling for {', '.join(missing)}")


def _check_spelling(row: Intrinsic, target: str, dtype: str, spelling: Spelling) -> None:
    for text in spelling.lines if isinstance(spelling, Into) else ():
        _check_spelling(row, target, dtype, Template(text.replace("{out}", "out")))
    if isinstance(spelling, Template):
        fields = {name for _, name, _, _ in string.Formatter().parse(spelling.text) if name}
        unknown = fields - set(row.params) - {"T", "R", "S", "W"}
        if unknown:
            raise InternalError(f"row {row.name}: {target} template for {dtype} names {', '.join(sorted(unknown))}")


def collect(tables: Iterable[tuple[Intrinsic, ...]]) -> dict[str, Intrinsic]:
    """Return the rows of all tables by name; two rows of one name are refused."""
    rows: dict[str, Intrinsic] = {}
    for table in tables:
        for row in table:
            check(row)
            if row.name in rows:
                raise InternalError(f"two rows are called {row.name}")
            rows[row.name] = row
    return rows


@cache
def rows() -> Mapping[str, Intrinsic]:
    """Return every row by name."""
    from enigma.spec.tables import TABLES  # the tables use this module's siblings: imported when first asked for

    return collect(TABLES.values())


def all_rows() -> tuple[Intrinsic, ...]:
    """Return every row, in the order of the tables."""
    return tuple(rows().values())


@cache
def by_public_name() -> Mapping[str, Intrinsic]:
    """Return the rows users can call, by the name in `enigma.*`."""
    return {name: row for row in all_rows() if row.public_name for name in (row.public_name, *row.aliases)}


@cache
def by_operator() -> Mapping[str, Intrinsic]:
    """Return the rows that answer a Python operator, by the operator's symbol (unary ones as `u-`, `u~`)."""
    return {row.operator: row for row in all_rows() if row.operator is not None}


@cache
def by_role() -> Mapping[Role, Intrinsic]:
    """Return the row of each role that the language itself needs."""
    return {row.role: row for row in all_rows() if row.role is not None}


@cache
def by_texture() -> Mapping[tuple[str, TextureKind], Intrinsic]:
    """Return the rows that are methods of textures, by the method's name and the kind of texture."""
    found: dict[tuple[str, TextureKind], Intrinsic] = {}
    for row in all_rows():
        first = next(iter(row.params.values()), None)
        if row.method and isinstance(first, Texture):
            found |= {(row.method, kind): row for kind in first.kinds}
    return found


@cache
def by_algebra() -> Mapping[Algebra, Intrinsic]:
    """Return the row of each arithmetic meaning; passes build operations through it and need no names."""
    return {row.algebra: row for row in all_rows() if row.algebra is not None}
