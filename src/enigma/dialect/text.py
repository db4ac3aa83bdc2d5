"""Modules as text, and back."""

from __future__ import annotations

from functools import cache
from io import StringIO

from xdsl.context import Context
from xdsl.dialects import func, scf
from xdsl.dialects.builtin import Builtin, BytesAttr, ModuleOp, StringAttr
from xdsl.ir import Dialect, Operation
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.utils.exceptions import ParseError

from enigma.dialect.derive import all_classes
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import BY_KIND, BY_SPACE
from enigma.errors import EnigmaValueError


def print_module(module: Operation, *, generic: bool = False, locations: bool = False) -> str:
    """Return a module (or one operation) as MLIR text, ending in a newline.

    `generic` gives the form that `mlir-opt --irdl-file=` reads, `locations` adds the Python line to each operation.
    """
    out = StringIO()
    Printer(stream=out, print_generic_format=generic, print_debuginfo=locations).print_op(module)
    return out.getvalue() + "\n"


@cache
def dialect() -> Dialect:
    """Return the whole dialect: an operation of each row, and the types of buffers and textures."""
    return Dialect("enigma", list(all_classes()), [*BY_SPACE.values(), *BY_KIND.values()])


def _context() -> Context:
    context = Context()
    for loaded in (Builtin, func.Func, scf.Scf, dialect()):
        context.load_dialect(loaded)
    return context


def parse_module(text: str, *, name: str = "<mlir>") -> ModuleOp:
    """Return the module that a text in short or generic form describes.

    Raises `EnigmaValueError` with the parser's own listing when it is not MLIR of our dialects.
    """
    try:
        module = Parser(_context(), text, name).parse_module()
    except ParseError as error:
        raise EnigmaValueError(f"this is not a module of the enigma dialect: {error}") from error
    for op in module.walk():
        if isinstance(op, IntrinsicOp):
            op.attributes |= {key: _as_text(attr) for key, attr in op.attributes.items() if isinstance(attr, BytesAttr)}
    return module


def _as_text(attr: BytesAttr) -> StringAttr:
    """XDSL reads a text with an escape in it as bytes."""
    return StringAttr(attr.data.decode())
