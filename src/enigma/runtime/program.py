"""A traced kernel on its way to a target: what every runtime asks about it, each stage made once and when first needed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import ml_dtypes

from enigma import config
from enigma.dtypes import BufferType, Numeric, SimdgroupMatrix, Space, TextureType
from enigma.emit.metal_text import MslText
from enigma.errors import LaunchError
from enigma.runtime.reports import Site, sites
from enigma.runtime.texts import metal_text
from enigma.source import SourceLoc
from enigma.spec.terms import Algebra, Buffer, Effect, SamplerFilter, Texture
from enigma.trace.node import Block, For, Form, If, Op, Param, Struct, Traced, Value, While, walk

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

MAX_BUFFERS = 31
MAX_TEXTURES = 128


@dataclass(frozen=True, slots=True)
class Slot:
    """What an argument is compared with: its parameter, the NumPy dtype, whether the kernel writes it.

    A scalar has the Python type `number` that needs no conversion when it is from `low` to `high`; a buffer or texture has
    None.
    """

    param: Param
    dtype: Any
    written: bool
    number: type | None
    low: float
    high: float
    texture: TextureType | None = None

    @property
    def parts(self) -> int:
        """How many numbers of the array are one element."""
        return self.param.dtype.parts


@dataclass(frozen=True, slots=True)
class Argument:
    """What a launch passes in one slot: an array, a number, or a struct, which has one of `params` for each member.

    `index` is its number in the Metal text: `[[buffer(index)]]`, or `[[texture(index)]]` of a texture, which are counted apart.
    """

    name: str
    slot: int
    params: tuple[Param, ...]
    struct: Struct | None
    index: int

    @property
    def texture(self) -> TextureType | None:
        """The type of a texture; None for everything else."""
        return self.params[0].texture

    @property
    def is_scalar(self) -> bool:
        """Whether it is passed by value."""
        return self.params[0].is_scalar

    @property
    def type_name(self) -> str:
        """Metal's name of what is passed by value, or of a buffer's elements."""
        return self.struct.name if self.struct is not None else self.params[0].dtype.metal_name


@dataclass(frozen=True, slots=True)
class TextureParam:
    """A texture parameter as a runtime of Metal binds it: `[[texture(index)]]`, and its place `slot` among all arguments.

    `kind` and `access` are Metal's words, `dtype` that of a component. Its array says the pixel format: one, two or four components
    of that dtype, or of unsigned bytes normalized to 0 to 1.
    """

    name: str
    slot: int
    index: int
    kind: str
    access: str
    dtype: Numeric
    is_written: bool

    @property
    def metal_type(self) -> str:
        """The parameter's type in Metal: `texture2d<float, access::read>`."""
        return f"{self.kind}<{self.dtype.metal_name}, access::{self.access}>"


@dataclass(frozen=True, slots=True)
class Needed:
    """The operation of a kernel that needs the latest GPU family: its name, the family's number, its Python line."""

    operation: str
    family: int
    loc: SourceLoc


class Program:
    """A traced kernel with its derived stages. Raises `LaunchError` for more than 31 parameters, Metal's limit of buffer slots."""

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self._canonical = not config.no_canonicalize()  # its key and its module are made later, of the same kind
        self.native: dict[Any, Any] = {}  # the CPU runtime's code, by threadgroup size
        self.specialised: dict[Any, Program] = {}  # by the values of the function constants
        self.metallib: str | None = None  # the path of a library that was built of `metal`
        textures = sum(argument.texture is not None for argument in self.arguments)
        if len(self.arguments) - textures > MAX_BUFFERS:
            raise LaunchError(
                f"kernel {traced.name} has {len(self.arguments) - textures} parameters, but Metal has {MAX_BUFFERS} buffer slots",
                loc=traced.loc,
                help="put several arrays into one buffer, or make numbers constexpr",
            )
        if textures > MAX_TEXTURES:
            raise LaunchError(
                f"kernel {traced.name} has {textures} textures, but Metal has {MAX_TEXTURES} texture slots",
                loc=traced.loc,
                help="put several of one size into a Texture2DArray",
            )

    @property
    def name(self) -> str:
        """The kernel's name."""
        return self.traced.name

    @property
    def params(self) -> tuple[Param, ...]:
        """The parameters in slot order; a struct is one for each of its members."""
        return self.traced.params

    @cached_property
    def arguments(self) -> tuple[Argument, ...]:
        """What a launch passes, in slot order."""
        found: dict[int, list[Param]] = {}
        for param in self.params:
            found.setdefault(param.slot, []).append(param)
        counts = {True: 0, False: 0}
        made: list[Argument] = []
        for params in found.values():
            is_texture = params[0].texture is not None
            made.append(_argument(params, counts[is_texture]))
            counts[is_texture] += 1
        return tuple(made)

    @cached_property
    def threadgroup_bytes(self) -> int:
        """The bytes of threadgroup memory that the kernel allocates."""
        made = [node for node in self.traced.nodes() if isinstance(node, Op) and node.row.algebra is Algebra.ALLOC]
        types = [(node.result.type, node.attrs["size"]) for node in made if node.result is not None]
        return sum(t.element.size * n for t, n in types if isinstance(t, BufferType) and t.space is Space.THREADGROUP)

    @cached_property
    def has_structs(self) -> bool:
        """Whether some argument is a struct."""
        return any(argument.struct is not None for argument in self.arguments)

    @cached_property
    def buffers(self) -> tuple[Param, ...]:
        """The buffer and texture parameters in slot order."""
        return tuple(param for param in self.params if not param.is_scalar)

    @cached_property
    def scalars(self) -> tuple[Argument, ...]:
        """The arguments passed by value, in slot order."""
        return tuple(argument for argument in self.arguments if argument.is_scalar)

    @cached_property
    def textures(self) -> tuple[TextureParam, ...]:
        """The texture parameters in slot order."""
        return tuple(
            TextureParam(
                argument.name, argument.slot, argument.index, texture.kind.value, texture.access.value, texture.element,
                argument.slot in self.written,
            )
            for argument in self.arguments
            if (texture := argument.texture) is not None
        )  # fmt: skip

    @cached_property
    def written(self) -> frozenset[int]:
        """The slots of the buffers and textures that the kernel may write."""
        values = {param.value: param.slot for param in self.params}
        found: set[int] = set()
        for node in walk(self.traced.body):
            if isinstance(node, Op):
                for term, operand in zip(node.row.terms(len(node.operands)).values(), node.operands, strict=True):
                    if isinstance(term, Buffer | Texture) and term.written and operand in values:
                        found.add(values[operand])
        return frozenset(found)

    @cached_property
    def interpolated(self) -> frozenset[int]:
        """The slots of the textures that the kernel samples between texels."""
        values = {param.value: param.slot for param in self.params}
        return frozenset(
            values[operand]
            for node in self.traced.nodes()
            if isinstance(node, Op) and SamplerFilter.LINEAR in node.attrs.values()
            for operand in node.operands
            if operand in values and isinstance(operand.type, TextureType)
        )

    @cached_property
    def constant(self) -> tuple[tuple[int, Param], ...]:
        """The parameters that are constant memory, which a GPU has little of, with their places."""
        return tuple(
            (place, param)
            for place, param in enumerate(self.params)
            if isinstance(param.value.type, BufferType) and param.value.type.space is Space.CONSTANT
        )

    @cached_property
    def formed(self) -> tuple[tuple[int, Param, Form], ...]:
        """The parameters with a shape or a layout, with their places."""
        return tuple((place, param, param.form) for place, param in enumerate(self.params) if param.form is not None)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """What the launch guard compares each argument with, in slot order."""
        return tuple(_slot(param, written=param.slot in self.written) for param in self.params)

    @cached_property
    def has_padding(self) -> bool:
        """Whether some array may end within a vector."""
        return any(param.padded for param in self.params)

    @cached_property
    def cost(self) -> int:
        """A rough number of operations of one thread; loops count sixteen times, for their length is not known."""
        return _cost(self.traced.body)

    @cached_property
    def has_atomics(self) -> bool:
        """Whether lanes of different threadgroups may meet in memory."""
        return any(
            isinstance(node, Op) and node.row.effect is Effect.SYNC and node.operands for node in walk(self.traced.body)
        )

    @cached_property
    def needs_whole_simdgroups(self) -> bool:
        """Whether simdgroups hold matrices together, for which all 32 lanes must be there."""
        return any(
            isinstance(node, Op) and node.row.effect is Effect.SYNC and any(map(_is_shared_matrix, (*node.operands, node.result)))
            for node in walk(self.traced.body)
        )  # fmt: skip

    @cached_property
    def sites(self) -> dict[int, Site]:
        """The places of the kernel that report, by number: lines to print and assertions; empty for most kernels."""
        return sites(self.traced)

    @cached_property
    def family(self) -> Needed | None:
        """What needs the latest GPU family, or None when any GPU will do that has the language."""
        needing = [node for node in self.traced.nodes() if isinstance(node, Op) and node.row.family]
        if not needing:
            return None
        first = max(needing, key=lambda node: node.row.family)
        return Needed(first.row.shown_name, first.row.family, first.loc)

    @cached_property
    def metal(self) -> MslText:
        """The Metal source; `enigma.compile` puts the text here that it returns."""
        return metal_text(self)

    @cached_property
    def key(self) -> str:
        """A hash of the traced IR: equal for equal kernels, whatever their lines and variables are called."""
        digest = hashlib.blake2b(digest_size=20)
        for part in (f"canonical {self._canonical}", *_serialize(self.traced)):
            digest.update(part.encode())
            digest.update(b"\0")
        return digest.hexdigest()

    @cached_property
    def module(self) -> ModuleOp:
        """The optimised MLIR module: what Metal and LLVM are made from."""
        return self.lower(None)

    def lower(self, observe: Callable[[str, ModuleOp], None] | None) -> ModuleOp:
        """Return a new optimised module; `observe` is called with each pass's name and the module after it."""
        from enigma.dialect.build import build  # xDSL is heavy: a warm start never imports it
        from enigma.passes.pipeline import run  # likewise

        module = build(self.traced)
        if observe is not None:
            observe("build", module)
        run(module, canonicalize=self._canonical, observe=observe)
        return module


def _argument(params: list[Param], index: int) -> Argument:
    first, part = params[0], params[0].part
    if part is None:
        return Argument(first.name, first.slot, tuple(params), None, index)
    return Argument(part.parameter, first.slot, tuple(params), part.struct, index)


def _slot(param: Param, *, written: bool) -> Slot:
    dtype = param.dtype
    if not param.is_scalar:
        return Slot(param, dtype.numpy, written, None, 0, 0, param.texture)
    if dtype.is_float:
        largest = float(cast("Any", ml_dtypes.finfo(dtype.numpy)).max)
        return Slot(param, dtype.numpy, False, float, -largest, largest)
    return Slot(param, dtype.numpy, False, bool if dtype.kind == "b" else int, dtype.min, dtype.max)


def _cost(block: Block) -> int:
    total = 0
    for node in block.nodes:
        inner = sum(_cost(part) for part in node.blocks)
        total += 1 + (inner * 16 if isinstance(node, For | While) else inner)
    return total


def _serialize(traced: Traced) -> Iterator[str]:
    """Yield the kernel as texts: values are numbered in order of definition."""
    numbers: dict[Value, int] = {}
    yield traced.name
    yield traced.math.value
    for param in traced.params:
        numbers[param.value] = len(numbers)
        yield f"{param.name}:{_type(param.value)}:{param.is_scalar}"
    yield from _serialize_block(traced.body, numbers)


def _serialize_block(block: Block, numbers: dict[Value, int]) -> Iterator[str]:
    for arg in block.args:
        numbers[arg] = len(numbers)
        yield f"arg {_type(arg)}"
    for node in block.nodes:
        match node:
            case Op():
                used = ",".join(str(numbers[value]) for value in node.operands)
                attrs = ",".join(f"{name}={_attribute(value)}" for name, value in node.attrs.items())
                yield f"{node.row.name}({used};{attrs}){_type(node.result) if node.result is not None else ''}"
                if node.result is not None:
                    numbers[node.result] = len(numbers)
                continue
            case If():
                yield f"if {numbers[node.condition]}"
            case For():
                yield f"for {numbers[node.low]} {numbers[node.high]} {numbers[node.step]} {[numbers[v] for v in node.inits]}"
            case While():
                yield f"while {[numbers[v] for v in node.inits]}"
        for inner in node.blocks:
            yield from _serialize_block(inner, numbers)
            yield f"yield {[numbers[v] for v in inner.yields]}"
        for result in node.results:
            numbers[result] = len(numbers)
            yield f"result {_type(result)}"


def _type(value: Value) -> str:
    return value.type.name if isinstance(value.type, Numeric) else str(value.type)


def _attribute(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Numeric):
        return value.name
    return value.hex() if isinstance(value, float) else repr(value)


def _is_shared_matrix(value: Value | None) -> bool:
    return value is not None and isinstance(value.type, SimdgroupMatrix)
