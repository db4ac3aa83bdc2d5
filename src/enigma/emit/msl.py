"""The Metal emitter: a module of the dialect as Metal Shading Language source."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from enigma.dialect.build import kernel_of, math_of
from enigma.dialect.names import location_of, place, user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of, is_memory, space_of, texture_of
from enigma.dtypes import Numeric, Space, b1, bf16, f32, u32
from enigma.emit.base import Line, Names
from enigma.emit.cfamily import LONG, KernelWriter
from enigma.emit.expr import Expr, Loose, merged, subscript
from enigma.emit.fences import Fences
from enigma.emit.file_scope import FileConstants, Structs
from enigma.emit.literal import untyped
from enigma.emit.metal_text import MslText
from enigma.emit.multiples import is_multiple
from enigma.emit.reserved import legal
from enigma.emit.spell import Speller
from enigma.emit.textures import Samplers, fenced
from enigma.errors import InternalError
from enigma.source import SourceLoc
from enigma.spec.spelling import Builtin, Call, Infix, Into, Precedence, Prefix, Printf, Template
from enigma.spec.terms import (
    MEMORY,
    Algebra,
    Axis,
    Buffer,
    Choice,
    Effect,
    FenceOrder,
    MemFlags,
    MemoryOrder,
    Precision,
    ThreadScope,
)

TARGET = "msl"
OLDEST = (2, 4)
RELAXED = "memory_order_relaxed"

# the parameter's name where the kernel gives the position none, by the words of Metal's attribute
_DEFAULT_NAMES = {
    "thread position in grid": "gid",
    "thread position in threadgroup": "lid",
    "threadgroup position in grid": "group",
    "threads per threadgroup": "group_size",
    "threads per grid": "grid_size",
    "threadgroups per grid": "group_count",
    "thread index in threadgroup": "tid",
    "thread index in simdgroup": "lane",
    "simdgroup index in threadgroup": "simdgroup",
    "threads per simdgroup": "simd_size",
    "simdgroups per threadgroup": "simd_count",
    "thread index in quadgroup": "lane_in_quad",
    "quadgroup index in threadgroup": "quadgroup",
    "quadgroups per threadgroup": "quadgroups",
}
_FLAGS = {
    MemFlags.NONE: "mem_flags::mem_none",
    MemFlags.DEVICE: "mem_flags::mem_device",
    MemFlags.THREADGROUP: "mem_flags::mem_threadgroup",
    MemFlags.DEVICE_AND_THREADGROUP: "mem_flags::mem_device | mem_flags::mem_threadgroup",
    MemFlags.TEXTURE: "mem_flags::mem_texture",
}


def emit_msl(
    module: ModuleOp,
    *,
    line_comments: bool = False,
    source_map: bool = False,
    threads: tuple[int, int, int] | None = None,
) -> MslText:
    """Return the Metal source of a module's kernel.

    `line_comments` names the Python line after each statement, `source_map` adds `#line` directives, `threads` states
    the largest threadgroup. Raises `EnigmaError` at the Python line of an operation that Metal does not have.
    """
    kernel = MslKernel(kernel_of(module))
    lines = kernel.lines(threads)
    text, places = _render(lines, line_comments=line_comments, source_map=source_map)
    return MslText(text, places, kernel.version(), kernel.entry)


class MslSpeller(Speller):
    """Metal's spelling of single operations."""

    target = TARGET
    title = "Metal"

    def __init__(self, math: Precision = Precision.DEFAULT, samplers: Samplers | None = None) -> None:
        self.math, self.samplers = math, samplers

    def sampler(self, op: IntrinsicOp) -> str:
        """Return the name of the sampler that an operation uses."""
        return super().sampler(op) if self.samplers is None else self.samplers.name(op)

    def function(self, op: IntrinsicOp, function: str) -> str:
        """Return a function's name, `fast::` or `precise::` before it where the call or the kernel asks for that version.

        In a kernel of fast math every function is the fast one without saying so.
        """
        if op.ROW.precision is None or op.dtype is None or getattr(op.dtype, "element", op.dtype) is not f32:
            return function
        precision: Precision = op.attr(op.ROW.precision)
        if precision is Precision.DEFAULT and self.math is Precision.PRECISE:
            precision = Precision.PRECISE
        return function if precision is Precision.DEFAULT else f"{precision.value}::{function}"

    def attribute(self, op: IntrinsicOp, member: Enum) -> str:
        """Return a compile-time choice as Metal writes it."""
        match member:
            case MemFlags():
                return _FLAGS[member]
            case MemoryOrder():
                return RELAXED  # the others are fences around the operation
            case FenceOrder():
                return "memory_order_seq_cst"  # of the orders that are more than relaxed, 3.2 has this one
            case ThreadScope():
                return f"thread_scope_{member.value}"
            case _:
                raise InternalError(f"{op.ROW.name}: no Metal text for {member}", loc=place(op))


@dataclass(frozen=True, slots=True)
class _Position:
    """A position or size in the signature: its attribute, its name, and how many axes it has."""

    attribute: str
    name: str
    axes: int
    loc: SourceLoc | None


class MslKernel(KernelWriter):
    """One kernel function with its signature."""

    def __init__(
        self, function: func.FuncOp, make_names: Callable[[set[str]], Names] = Names, *, packed: bool = False
    ) -> None:
        """Read a kernel; with `packed`, an array may begin where only one element, and no vector of them, may be read."""
        self.function, self.packed = function, packed
        self.entry = legal(function.sym_name.data, file_scope=True)
        self.ops = [op for op in function.walk() if isinstance(op, IntrinsicOp)]
        atomic = set(_atomic_buffers(self.ops))
        self.cast = atomic & set(_plain_buffers(self.ops))
        self.atomic = atomic - self.cast
        self.written = set(_written_buffers(self.ops))
        names = make_names({self.entry, *_functions(self.ops)})
        self.samplers = Samplers(self.ops, names)
        self.fenced = fenced(self.ops)
        speller = MslSpeller(math_of(function), self.samplers)
        self.fences = Fences(self.ops, speller)
        super().__init__(function.body.block, speller, names)
        self.parameters: dict[SSAValue, str] = {}
        self.structs = Structs(function, names, speller.type_name)
        for arg in function.body.block.args:
            self.parameters[arg] = self.structs.member(arg) or names.fresh(user_name(arg) or "arg")
            self.values.know(arg, _outer(self.parameters[arg], dtype_of(arg.type)))
        self.allocations: dict[IntrinsicOp, str] = {}
        self.alignments: dict[IntrinsicOp, int] = {}  # of threadgroup memory that is accessed by vectors, in bytes
        for op in self.ops:
            if op.ROW.algebra in MEMORY:
                self.allocations[op] = self._memory_name(op)
                self.values.know(op.results[0], _outer(self.allocations[op], dtype_of(op.results[0].type)))
        self.constants = FileConstants(self.ops, names)
        self.positions = self._positions()

    # ---- positions

    def _positions(self) -> dict[str, _Position]:
        queries: dict[str, list[IntrinsicOp]] = {}
        width = 1
        for op in self.ops:
            if isinstance(op.ROW.msl, Builtin):
                queries.setdefault(op.ROW.msl.attribute, []).append(op)
                if op.ROW.msl.vector:
                    width = max(width, _axis(op) + 1)
        variables = {user_name(value) for value in self.assigner.variables.held()}
        found: dict[str, _Position] = {}
        for attribute, ops in queries.items():
            vector = isinstance(ops[0].ROW.msl, Builtin) and ops[0].ROW.msl.vector
            axes = width if vector else 1
            default = _DEFAULT_NAMES.get(attribute.replace("_", " "), attribute)
            wishes = [wish for op in ops if (wish := user_name(op.results[0])) is not None and wish not in variables]
            taken = {user_name(value) for op in self.ops for value in op.results} if axes > 1 else set[str | None]()
            wish = default if axes > 1 or not wishes else wishes[0]
            local = self.names.fresh(f"{wish}{axes}" if wish in taken else wish)
            found[attribute] = _Position(attribute, local, axes, place(ops[0]))
        return found

    def builtin(self, op: IntrinsicOp) -> Expr:
        """Return a position or size: the parameter, or its component."""
        if not isinstance(op.ROW.msl, Builtin):
            raise InternalError(f"{op.ROW.name} is no position", loc=place(op))
        position = self.positions[op.ROW.msl.attribute]
        text = position.name if position.axes == 1 else f"{position.name}.{'xyz'[_axis(op)]}"
        named = position.axes > 1 and user_name(op.results[0]) is not None and len(list(op.results[0].uses)) > 1
        return Expr(text, u32, trivial=not named)

    # ---- memory that is used atomically

    def operation(self, op: IntrinsicOp, operands: dict[str, Expr]) -> Expr:
        """Return one operation; an element of an atomic buffer is read and written by an atomic access."""
        if op.ROW.algebra in (Algebra.LOAD_VECTOR, Algebra.STORE_VECTOR):
            return self._packed(op, *operands.values())
        if op.ROW.algebra is Algebra.LOAD and self._is_packed(op.operands[0]):
            return unpacked(super().operation(op, operands), self.speller)
        if (constant := self.constants.expression(op)) is not None:
            return constant
        if self.cast.intersection(op.operands) and isinstance(spelling := op.spelling(TARGET), Template):
            pairs = zip(operands.items(), op.operands, strict=True)
            operands = {
                key: self._as_atomic(value, expr) if key in spelling.atomic and value in self.cast else expr
                for (key, expr), value in pairs
            }
        if op.ROW.algebra not in (Algebra.LOAD, Algebra.STORE) or op.operands[0] not in self.atomic:
            return super().operation(op, operands)
        buf, index, *value = operands.values()
        element = f"&{buf.inside(Precedence.POSTFIX)}[{subscript(index).text}]"
        parts = (buf, index, *value)
        names = frozenset[str]().union(*(part.names for part in parts))
        if op.ROW.algebra is Algebra.LOAD:
            text = f"atomic_load_explicit({element}, {RELAXED})"
            return Expr(text, dtype_of(op.results[0].type), names=names, reads=True)
        text = f"atomic_store_explicit({element}, {value[0].text}, {RELAXED})"
        return Expr(text, value[0].dtype, names=names)

    def _packed(self, op: IntrinsicOp, buf: Expr, index: Expr, *value: Expr) -> Expr:
        """Return an access of several elements in a row: of a vector where the place is aligned for one, else of a packed one."""
        memory = op.operands[0]
        dtype = dtype_of((op.operands[2] if value else op.results[0]).type)
        space = space_of(memory.type)
        const = "const " if space is Space.DEVICE and memory not in self.written else ""
        kind = f"{space.value} {const}"
        own = memory.owner if isinstance(memory.owner, IntrinsicOp) and memory.owner in self.allocations else None
        could = dtype.lanes != 3 and (space is Space.DEVICE or (space is Space.THREADGROUP and own is not None))
        could = could and not (self.packed and space is Space.DEVICE)
        whole = _quotient(index, dtype.lanes) if could else None
        aligned = whole is not None or (could and is_multiple(op.operands[1], dtype.lanes))
        if aligned and own is not None:
            self.alignments[own] = max(self.alignments.get(own, 0), dtype.size)
        if whole is not None:
            place = f"(({kind}{dtype.metal_name}*){buf.inside(Precedence.POSTFIX)})[{whole}]"
        else:
            packed = "" if aligned else "packed_"
            where = subscript(index).inside(Precedence.ADDITIVE, right=True)
            place = f"*({kind}{packed}{dtype.metal_name}*)({buf.text} + {where})"
        if value:
            return merged(f"{place} = {value[0].text}", dtype, Precedence.ANY, (buf, index, *value))
        level = Precedence.POSTFIX if whole is not None else Precedence.UNARY
        made = replace(merged(place, dtype, level, (buf, index)), reads=True)
        return made if aligned else unpacked(made, self.speller)

    def _as_atomic(self, value: SSAValue, expr: Expr) -> Expr:
        """Return a buffer that is declared plainly as one of atomic elements."""
        kind = f"atomic_{self.speller.type_name(dtype_of(value.type))}"
        return replace(expr, text=f"(({space_of(value.type).value} {kind}*){expr.text})")

    # ---- memory order

    def _intrinsic(self, op: IntrinsicOp) -> None:
        """Write one operation; an atomic one that is not relaxed stands between fences, as C++ allows."""
        before, after = self.fences.around(op)
        if before is not None:
            self.values.before_effect()
            self.sink.put(f"{before};", place(op))
        super()._intrinsic(op)
        if after is not None:
            self.sink.put(f"{after};", place(op))
        if op in self.fenced:
            self.sink.put(f"{self.parameters[self.fenced[op]]}.fence();", place(op))

    # ---- the text around the body

    def lines(self, threads: tuple[int, int, int] | None) -> list[Line]:
        """Return all lines of the source."""
        body = self.write()
        lines = self.file_scope()
        if threads is not None:
            x, y, z = threads
            lines.append(Line(f"[[max_total_threads_per_threadgroup({x * y * z})]]"))
        parameters = list(self._signature())
        if not parameters:
            lines.append(Line(f"kernel void {self.entry}()", 0, place(self.function), statement=False))
        else:
            lines.append(Line(f"kernel void {self.entry}(", 0, place(self.function), statement=False))
            lines += [
                Line(text + ("," if k + 1 < len(parameters) else ")"), 1, loc, statement=False)
                for k, (text, loc) in enumerate(parameters)
            ]
        lines.append(Line("{"))
        shared = self.shared()
        lines += shared
        if shared and body:
            lines.append(Line(""))
        return [*lines, *body, Line("}")]

    def file_scope(self) -> list[Line]:
        """Return what stands before the kernel, once its body is written."""
        lines = [Line("#include <metal_stdlib>")]
        lines += [Line(f"#include <{header}>") for header in sorted({h for op in self.ops for h in op.ROW.headers})]
        lines += [Line("using namespace metal;"), Line("")]
        lines += self.structs.lines()
        if constants := self.constants.lines(self.speller.type_name):
            lines += [*constants, Line("")]
        if samplers := self.samplers.lines():
            lines += [*samplers, Line("")]
        for helper in self._helpers():
            lines += [Line(text) for text in helper.rstrip("\n").split("\n")] + [Line("")]
        tables = {op: local for op, local in self.allocations.items() if op.ROW.algebra is Algebra.TABLE}
        lines += [line for op, local in tables.items() for line in self._table(op, local)]
        lines += [Line("")] if tables else []
        return lines

    def shared(self) -> list[Line]:
        """Return the declarations of memory that begin the kernel, once its body is written."""
        return [
            self._allocation(op, local) for op, local in self.allocations.items() if op.ROW.algebra is not Algebra.TABLE
        ]

    def _signature(self) -> Iterator[tuple[str, SourceLoc | None]]:
        slot, textures, before = -1, 0, None
        for arg, local in self.parameters.items():
            kind, loc = self.element(arg), location_of(arg)
            if (texture := texture_of(arg.type)) is not None:  # textures are numbered apart from buffers
                yield f"{texture} {local} [[texture({textures})]]", loc
                textures, before = textures + 1, None
                continue
            if (struct := self.structs.signature(arg)) is not None:
                if struct != before:
                    slot += 1
                    yield f"constant {struct[0]}& {struct[1]} [[buffer({slot})]]", loc
                before = struct
                continue
            slot, before = slot + 1, None
            if not is_memory(arg.type):
                yield f"constant {kind}& {local} [[buffer({slot})]]", loc
            elif space_of(arg.type) is Space.CONSTANT:
                yield f"constant {kind}* {local} [[buffer({slot})]]", loc
            else:
                const = "" if arg in self.written else "const "
                # a plain buffer that other threadgroups read after a fence must not stay in a core's own cache
                shared = "coherent(device) " if self.fences.reach_device and arg in self.written - self.atomic else ""
                yield f"{shared}device {const}{kind}* {local} [[buffer({slot})]]", loc
        for position in self.positions.values():
            kind = "uint" if position.axes == 1 else f"uint{position.axes}"
            yield f"{kind} {position.name} [[{position.attribute}]]", position.loc

    def element(self, value: SSAValue) -> str:
        """Return how the elements of memory, or a number passed by value, are declared."""
        kind = self.speller.type_name(dtype_of(value.type))
        if is_memory(value.type) and self._is_packed(value):
            return f"packed_{kind}"
        return f"atomic_{kind}" if value in self.atomic else kind

    def _is_packed(self, memory: SSAValue) -> bool:
        """Return whether memory has packed vectors: three components take the room of three, as in the array they come from."""
        dtype, space = dtype_of(memory.type), space_of(memory.type)
        if dtype.lanes == 1 or dtype.element is b1:
            return False
        return space is not Space.THREAD if dtype.lanes == 3 else self.packed and space is Space.DEVICE

    def _allocation(self, op: IntrinsicOp, local: str) -> Line:
        size = op.attr("size")
        space = "" if op.ROW.algebra is Algebra.LOCAL else f"{space_of(op.results[0].type).value} "
        align = f"alignas({self.alignments[op]}) " if op in self.alignments else ""
        return Line(f"{align}{space}{self.element(op.results[0])} {local}[{size}];", 1, place(op))

    def _memory_name(self, op: IntrinsicOp) -> str:
        wish = user_name(op.results[0]) or next(word for what, word in _UNNAMED if what is op.ROW.algebra)
        return self.names.fresh(wish, file_scope=op.ROW.algebra is Algebra.TABLE)

    def _table(self, op: IntrinsicOp, local: str) -> list[Line]:
        """Return the definition of a constant table: on one line if it fits, else filled lines."""
        dtype, held = dtype_of(op.results[0].type), op.attr("values")
        texts = [untyped(value, dtype) for value in held]
        head = f"constant {self.speller.type_name(dtype)} {local}[{len(held)}] = {{"
        whole = f"{head}{', '.join(texts)}}};"
        if len(whole) <= LONG:
            return [Line(whole, 0, place(op))]
        filled = textwrap.wrap(", ".join(texts), LONG, break_long_words=False, break_on_hyphens=False)
        return [Line(head, 0, place(op)), *(Line(text, 1, place(op)) for text in filled), Line("};", 0, place(op))]

    def _helpers(self) -> list[str]:
        """Return the helper functions that the body calls, in the order of their first use."""
        found: dict[str, None] = {}
        for op in self.ops:
            if not op.ROW.prelude:
                continue
            spaces = [space_of(operand.type).value for operand in op.operands if is_memory(operand.type)]
            element = None if op.dtype is None else op.dtype.element
            key = ":".join([TARGET, *spaces, *([] if element is None else [element.name])])
            wide = f"{TARGET}:{f32.name}" if element is bf16 else key
            text = op.ROW.prelude.get(key) or op.ROW.prelude.get(wide) or op.ROW.prelude.get(TARGET)
            if text is not None:
                kind = self.speller.type_name(element if element is not None and key in op.ROW.prelude else f32)
                for part in text.format(T=kind).split("\n\n"):  # some share a declaration
                    found[part] = None
                    if op.dtype is not None and op.dtype.lanes > 1 and op.ROW.by_component:
                        found[_overload(part, kind, op.dtype.lanes)] = None
        return list(found)

    def version(self) -> tuple[int, int]:
        """Return the language version the source needs."""
        needed = [op.ROW.msl_version for op in self.ops] + self.fences.versions()
        values = [*self.parameters, *(result for op in self.ops for result in op.results)]
        bfloat = [(3, 1)] if any(dtype_of(value.type).element is bf16 for value in values) else []
        return max([OLDEST, *needed, *bfloat])


_UNNAMED = ((Algebra.ALLOC, "shared"), (Algebra.LOCAL, "local"), (Algebra.TABLE, "table"))
_HELPER = re.compile(r"inline (\w+) (\w+)\(([^)]*)\)")


def _overload(helper: str, kind: str, lanes: int) -> str:
    """Return the overload of a helper function of numbers for vectors of them: it calls the helper for each component."""
    found = _HELPER.match(helper)
    if found is None:
        raise InternalError("a helper function of a row has no head of its own")
    result, function, parameters = found.groups()
    names = [parameter.split()[-1] for parameter in parameters.split(",")]
    calls = [f"{function}({', '.join(f'{name}.{axis}' for name in names)})" for axis in "xyzw"[:lanes]]
    head = f"inline {result}{lanes} {function}({', '.join(f'{kind}{lanes} {name}' for name in names)}) {{"
    return f"{head}\n    return {result}{lanes}({', '.join(calls)});\n}}\n"


def _outer(text: str, dtype: Numeric) -> Expr:
    return Expr(text, dtype, trivial=True)


def _axis(op: IntrinsicOp) -> int:
    for key, term in op.ROW.attributes.items():
        if isinstance(term, Choice) and term.enum is Axis:
            return list(Axis).index(op.attr(key))
    return 0


def _atomic_buffers(ops: list[IntrinsicOp]) -> Iterator[SSAValue]:
    """Yield the buffers that some operation needs to be declared with their atomic type."""
    for op in ops:
        if op.ROW.effect is Effect.SYNC and isinstance(spelling := op.spelling(TARGET), Template):
            for key, operand in zip(op.ROW.operands, op.operands, strict=True):
                if key in spelling.atomic:
                    yield operand


def _written_buffers(ops: list[IntrinsicOp]) -> Iterator[SSAValue]:
    """Yield the buffers that some operation writes to."""
    for op in ops:
        for term, operand in zip(op.ROW.terms(len(op.operands)).values(), op.operands, strict=True):
            if isinstance(term, Buffer) and term.written:
                yield operand


def unpacked(expr: Expr, speller: Speller) -> Expr:
    """Return a packed vector read from memory as the plain one; where it is assigned, Metal converts by itself."""
    kind = speller.type_name(expr.dtype)
    return replace(expr, text=f"{kind}({expr.text})", level=Precedence.POSTFIX, loose=expr, why=Loose.PACKED)


def _quotient(index: Expr, lanes: int) -> str | None:
    """Return the text of `index / lanes` where the index is written as a multiple of `lanes`, else None."""
    shown = subscript(index)
    update = shown.update
    if update is None or update.symbol != "*" or subscript(update.right).text != str(lanes):
        return "0" if shown.text == "0" else None
    return update.left


def _plain_buffers(ops: list[IntrinsicOp]) -> Iterator[SSAValue]:
    """Yield the buffers that some operation needs to be plain: one that is more than a read or write of an element."""
    for op in ops:
        if op.ROW.algebra not in (Algebra.LOAD, Algebra.STORE):
            spelling = op.spelling(TARGET)
            atomic = spelling.atomic if isinstance(spelling, Template) else ()
            for key, operand in zip(op.ROW.operands, op.operands, strict=False):
                if is_memory(operand.type) and key not in atomic:
                    yield operand


_WORD = re.compile(r"(?<!\.)\b[A-Za-z_]\w*\b(?=\()")


def _functions(ops: list[IntrinsicOp]) -> Iterator[str]:
    """Yield the functions that the kernel calls: a local of such a name would hide them."""
    for op in ops:
        if isinstance(op.ROW.msl, Builtin):
            continue
        match op.spelling(TARGET):
            case Call(function=function):
                yield function
            case Printf(function=function):
                yield function.partition(".")[0]
            case Template(text=text):
                yield from _WORD.findall(text)
            case Into(lines=lines):
                yield from (word for line in lines for word in _WORD.findall(line))
            case Infix() | Prefix() | _:
                pass


def _render(lines: list[Line], *, line_comments: bool, source_map: bool) -> tuple[str, tuple[SourceLoc | None, ...]]:
    """Return the text and, per line, where it comes from."""
    texts: list[str] = []
    places: list[SourceLoc | None] = []
    expected: tuple[str, int] | None = None
    for line in lines:
        if source_map and line.statement and line.loc is not None and expected != (line.loc.file, line.loc.line):
            escaped = line.loc.file.replace("\\", "\\\\").replace('"', '\\"')
            texts.append(f'#line {line.loc.line} "{escaped}"')
            places.append(None)
            expected = (line.loc.file, line.loc.line)
        named = line.loc if line_comments and line.statement else None
        comment = f"  // {named.short_file}:{named.line}" if named is not None else ""
        texts.append(("    " * line.depth + line.text).rstrip() + comment)
        places.append(line.loc)
        if expected is not None:
            expected = (expected[0], expected[1] + 1)
    return "\n".join(texts) + "\n", tuple(places)
