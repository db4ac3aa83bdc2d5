"""The entry of the CPU JIT's emitter: a module of the dialect becomes the LLVM IR text of one native function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

from xdsl.dialects import func
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import SSAValue

from enigma.dialect.build import kernel_of
from enigma.dialect.names import place as place_of
from enigma.dialect.names import user_name
from enigma.dialect.operation import IntrinsicOp
from enigma.dialect.types import dtype_of, is_memory, space_of, texture_of
from enigma.dtypes import Space, TexelFormat, TextureType, b1, u32
from enigma.emit.simt import vmath
from enigma.emit.simt.analysis import analyse, asks_for_simdgroups, orders_memory
from enigma.emit.simt.in_order import chains
from enigma.emit.simt.lanes import Context, Image, Lanes, Memory, Root, Scalar, constant, flat
from enigma.emit.simt.place import Place
from enigma.emit.simt.plan import Plan, Planner
from enigma.emit.simt.regions import Regions
from enigma.emit.simt.scalarize import scalarized
from enigma.emit.simt.writer import Instruction, Writer, element
from enigma.errors import InternalError
from enigma.source import SourceLoc

LARGEST_GRID = (1 << 32) - 512
"""Threads that a grid may have along one axis: positions of lanes beyond the last thread still fit a u32."""


LARGEST_TEXTURE = 16384
"""Texels that a texture may have along one axis."""


class HostInfo(Protocol):
    """What the emitter asks about the processor: `runtime.native.host.Host` answers it."""

    @property
    def vector_bits(self) -> int:
        """Bits of a vector register."""
        ...

    @property
    def arch(self) -> str:
        """The architecture: `x86_64` or `aarch64`."""
        ...

    @property
    def has_fma(self) -> bool:
        """Whether a fused multiply-add is one instruction."""
        ...


@dataclass(frozen=True, slots=True)
class Geometry:
    """What the code is specialised for: the threadgroup's size; `partial` code takes a smaller one at run time.

    `textures` are the formats of the texture parameters in order; None for four components of each texture's own dtype.
    """

    threads: tuple[int, int, int]
    partial: bool = False
    textures: tuple[TexelFormat, ...] | None = None

    @property
    def total(self) -> int:
        """Threads of a full threadgroup."""
        return self.threads[0] * self.threads[1] * self.threads[2]


@dataclass(frozen=True, slots=True)
class ArgumentLayout:
    """Where the 8-byte slots of a kernel's argument array are: the parameters first, then triples x, y, z as i64.

    `grid` is in threads and `groups` in threadgroups; `origin` is the position of the box's first threadgroup and `extent`
    how many threadgroups it has; `size` is the size of the box's threadgroups, `full` that of a full one. `stream` is 1 where
    stores should bypass the caches. `reports` is the address of the log that the launcher reads (`reports.py`), for a kernel that
    reports.
    """

    params: int

    @property
    def grid(self) -> int:
        """First slot of the grid's size in threads."""
        return self.params

    @property
    def groups(self) -> int:
        """First slot of the grid's size in threadgroups."""
        return self.params + 3

    @property
    def origin(self) -> int:
        """First slot of the position of the box's first threadgroup."""
        return self.params + 6

    @property
    def extent(self) -> int:
        """First slot of the box's size in threadgroups."""
        return self.params + 9

    @property
    def size(self) -> int:
        """First slot of the size of the box's threadgroups."""
        return self.params + 12

    @property
    def full(self) -> int:
        """First slot of the size of a full threadgroup."""
        return self.params + 15

    @property
    def stream(self) -> int:
        """Slot of the flag that makes stores bypass the caches."""
        return self.params + 18

    @property
    def reports(self) -> int:
        """Slot of the log's address."""
        return self.params + 19

    @property
    def count(self) -> int:
        """Slots in all."""
        return self.params + 20


@dataclass(frozen=True, slots=True)
class Lowered:
    """A kernel as LLVM IR text: `void symbol(ptr args, i64 low, i64 high)` runs linear threadgroups low..high-1 of a box.

    `gathers` are the accesses that are not contiguous, with their Python lines. `streams` tells whether the text has stores
    that can bypass the caches. `places` are the Python lines that the text's lines come from.
    `scratch_bytes` is what the function takes on the stack for threadgroup memory and slots.
    """

    text: str
    symbol: str
    layout: ArgumentLayout
    scratch_bytes: int
    gathers: tuple[tuple[SourceLoc | None, str], ...]
    streams: bool = False
    places: tuple[SourceLoc | None, ...] = ()


def lower(module: ModuleOp, geometry: Geometry, host: HostInfo) -> Lowered:
    """Return the LLVM IR of a module's kernel for threadgroups of one size.

    Raises `EnigmaError` for a barrier that some threads may not reach, at its line.
    """
    kernel = scalarized(kernel_of(module))
    analysis = analyse(kernel)
    planner = Planner(analysis)
    plan = planner.plan(kernel.body.block)
    writer = Writer(min(max(host.vector_bits // 32, 4), 16))
    padded = geometry.partial and not asks_for_simdgroups(kernel)
    regions = Regions(writer, analysis, planner, geometry.total, partial=geometry.partial, padded=padded)
    regions.know(chains(kernel, analysis, planner.home))
    regions.has_fma = host.has_fma
    regions.registers = 24 if host.vector_bits >= 512 or host.arch == "aarch64" else 12
    return _Kernel(kernel, geometry, regions, ArgumentLayout(len(kernel.body.block.args))).write(plan)


class _Kernel:
    """Writes the function around a kernel's threadgroups."""

    def __init__(self, kernel: func.FuncOp, geometry: Geometry, regions: Regions, layout: ArgumentLayout) -> None:
        self.kernel, self.geometry, self.b, self.layout = kernel, geometry, regions, layout
        self.w = regions.w
        self.textures: list[SSAValue] = []

    def write(self, plan: Plan) -> Lowered:
        """Return the lowered kernel."""
        for slot, param in enumerate(self.kernel.body.block.args):
            self.b.values[param] = self._parameter(slot, param)
        self.b.settle(plan)
        self._allocate()
        if any(isinstance(op, IntrinsicOp) and op.ROW.reports is not None for op in self.kernel.walk()):
            self.b.log = self._load(self.layout.reports, "ptr")
        self._groups(plan)
        symbol = "kernel_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in self.kernel.sym_name.data)
        gathers = {(loc if isinstance(loc, SourceLoc) else None, str(text)): None for loc, text in self._notes()}
        lines = self._lines(symbol)
        places = tuple(line.loc if isinstance(line, Instruction) else None for line in lines)
        return Lowered("\n".join(lines), symbol, self.layout, self._scratch(), tuple(gathers), self.b.streamed, places)

    def _notes(self) -> list[tuple[object, object]]:
        return [note for note in self.w.notes if isinstance(note, tuple)]

    # ---- what the function gets

    def _load(self, slot: int, type: str) -> str:
        cell, name = self.w.name(), self.w.name()
        self.w.entry.append(f"  {cell} = getelementptr i64, ptr %args, i64 {slot}")
        self.w.entry.append(f"  {name} = load {type}, ptr {cell}, align 8")
        return name

    def _texture(self, slot: int, param: SSAValue, texture: TextureType) -> Image:
        """Return a texture; its slot holds the address of its descriptor."""
        cells = [self._load(slot, "ptr")]
        for offset in range(1, 4):
            cell = self.w.name()
            self.w.entry.append(f"  {cell} = getelementptr i64, ptr {cells[0]}, i64 {offset}")
            cells.append(cell)
        texts = [self.w.name() for _ in cells]
        for text, cell, type in zip(texts, cells, ("ptr", "i64", "i64", "i64"), strict=True):
            self.w.entry.append(f"  {text} = load {type}, ptr {cell}, align 8")
        width, height, depth = (flat(self.b.widened(u32, text, 1, LARGEST_TEXTURE)) for text in texts[1:])
        formats, place = self.geometry.textures, len(self.textures)
        self.textures.append(param)
        format = TexelFormat(texture.element, 4) if formats is None else formats[place]
        return Image(texts[0], texture, format, (width, height, depth), user_name(param) or f"parameter {slot}")

    def _parameter(self, slot: int, param: SSAValue) -> Lanes | Memory | Image:
        dtype = dtype_of(param.type)
        if (texture := texture_of(param.type)) is not None:
            return self._texture(slot, param, texture)
        if is_memory(param.type):
            shared = space_of(param.type) in (Space.DEVICE, Space.CONSTANT)
            return Memory(self._load(slot, "ptr"), dtype, user_name(param) or f"parameter {slot}", shared)
        text = self._load(slot, "i8" if dtype is b1 else element(dtype))
        if dtype is b1:
            truth = self.w.name()
            self.w.entry.append(f"  {truth} = icmp ne i8 {text}, 0")
            return flat(self.b.fresh(dtype, truth))
        if dtype.width == 32 and not dtype.is_float:
            wide = self.w.name()
            self.w.entry.append(f"  {wide} = {'sext' if dtype.is_signed else 'zext'} i32 {text} to i64")
            return flat(Scalar(dtype, Root(dtype, text, wide, dtype.min, dtype.max), 0))
        return flat(self.b.fresh(dtype, text))

    def _number(self, slot: int, low: int, high: int) -> Scalar:
        return self.b.widened(u32, self._load(slot, "i64"), low, high)

    def _allocate(self) -> None:
        """Give threadgroup memory and threads' own arrays their place in the frame, and tables theirs in the module."""
        for op in self.kernel.walk():
            if isinstance(op, IntrinsicOp) and op.results and is_memory(op.results[0].type):
                made = op.ROW.llvm(self.b, **op.attrs()) if callable(op.ROW.llvm) else None
                if not isinstance(made, Memory):
                    raise InternalError("memory has no lowering", loc=place_of(op))
                self.b.values[op.results[0]] = replace(made, name=user_name(op.results[0]) or made.name)

    # ---- the loop over threadgroups

    def _place(self, position: tuple[Scalar, ...]) -> Place:
        layout, full = self.layout, self.geometry.threads
        sizes = tuple(constant(u32, size) for size in full)
        threads = constant(u32, self.geometry.total)
        if self.geometry.partial:
            sizes = tuple(
                constant(u32, 1) if size == 1 else self._number(layout.size + axis, 1, size)
                for axis, size in enumerate(full)
            )
            threads = self._product(sizes)
        grids = tuple(self._number(layout.grid + axis, 1, LARGEST_GRID) for axis in range(3))
        counts = tuple(self._number(layout.groups + axis, 1, LARGEST_GRID) for axis in range(3))
        return Place(self.b, full, sizes, grids, counts, position, padded=self.b.padded, threads=threads)

    def _product(self, sizes: tuple[Scalar, ...]) -> Scalar:
        """Return how many threads a partial threadgroup has."""
        product = self.b.multiply(self.b.multiply(sizes[0], sizes[1]), sizes[2])
        if product.root is None:
            return product
        return self.b.widened(u32, self.b.wide(product), 1, self.geometry.total)

    def _groups(self, plan: Plan) -> None:
        w, layout = self.w, self.layout
        origin = [self._load(layout.origin + axis, "i64") for axis in range(3)]
        extent = [self._load(layout.extent + axis, "i64") for axis in range(3)]
        flag = self._load(layout.stream, "i64")
        w.start("first")
        if not orders_memory(self.kernel):  # stores past the caches are not part of any order but the kernel's end
            self.b.stream = w.emit(f"icmp ne i64 {flag}, 0")
        row = w.emit(f"udiv i64 %low, {extent[0]}")
        starts = [w.emit(f"urem i64 %low, {extent[0]}")]
        starts += [w.emit(f"{name} i64 {row}, {extent[1]}") for name in ("urem", "udiv")]
        w.jump("head")
        w.start("head")
        number, place = w.open_phi("i64", "%low", "first")
        cells = [w.open_phi("i64", start, "first") for start in starts]
        w.branch(w.emit(f"icmp slt i64 {number}, %high"), "body", "done")
        w.start("body")
        with w.scope():
            position: list[Scalar] = []
            for axis in range(3):
                text = w.emit(f"add nsw i64 {origin[axis]}, {cells[axis][0]}")
                most = LARGEST_GRID // self.geometry.threads[axis]
                position.append(Scalar(u32, Root(u32, None, text, 0, most), 0))
            self.b.place = self._place(tuple(position))
            self.b.context = Context()
            self.b.threadgroup(plan)
            self._advance([cell for cell, _ in cells], extent, [spot for _, spot in cells])
            w.close_phi(place, w.emit(f"add nsw i64 {number}, 1"), w.block)
            w.jump("head")
        w.start("done")
        if self.b.streamed:
            w.do("fence seq_cst")  # such stores are weakly ordered: others must see them when the kernel is done
        w.give_back()
        w.do("ret void")

    def _advance(self, cells: list[str], extent: list[str], spots: list[int]) -> None:
        """Go to the next threadgroup of the box, x fastest."""
        w, carry, nexts = self.w, "true", list[str]()
        for axis in range(3):
            step = w.emit(f"zext i1 {carry} to i64")
            moved = w.emit(f"add nsw i64 {cells[axis]}, {step}")
            if axis < 2:
                carry = w.emit(f"icmp eq i64 {moved}, {extent[axis]}")
                moved = w.emit(f"select i1 {carry}, i64 0, i64 {moved}")
            nexts.append(moved)
        for spot, moved in zip(spots, nexts, strict=True):
            w.close_phi(spot, moved, w.block)

    # ---- the module

    def _scratch(self) -> int:
        return self.w.frame_bytes

    def _lines(self, symbol: str) -> list[str]:
        declarations, definitions = dict(self.w.declarations), list[str]()
        for name, width in sorted(self.b.vmath_used):
            declarations.update(dict.fromkeys(vmath.declarations(name, width)))
            definitions += vmath.definition(name, width).split("\n")
        head = (f"define void @{symbol}(ptr noalias readonly %args, i64 %low, i64 %high) nounwind {{", "entry:")
        metadata = "!0 = !{i32 1}" if self.b.streamed else ""
        body = (*self.w.entry, "  br label %first", *self.w.lines)
        return [*sorted(declarations), *definitions, *head, *body, "}", metadata, ""]
