"""A kernel with one launch of it: all that a target of `enigma.export` knows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import Any, cast

import numpy as np

from enigma.dtypes import BufferType, Numeric, Space, TextureType
from enigma.errors import EnigmaTypeError
from enigma.runtime import structs
from enigma.runtime.arrays import Array
from enigma.runtime.launch import SIMDGROUP, Geometry
from enigma.runtime.program import Argument, Program
from enigma.runtime.tolerances import tolerance
from enigma.runtime.toolchain import LOGGING, OLDEST_STANDARD
from enigma.source import SourceLoc
from enigma.spec.spelling import Builtin
from enigma.spec.terms import Precision
from enigma.trace.args import Kind
from enigma.trace.node import Constant, Struct

Files = Mapping[str, str | bytes]
"""The files of an export: the content by the path in its folder, with / between the parts."""


class Access(Enum):
    """What a kernel does with the memory of a parameter."""

    READ = "read"
    WRITE = "write"
    READ_WRITE = "read_write"

    @property
    def writes(self) -> bool:
        """Whether the memory is changed."""
        return self is not Access.READ


@dataclass(frozen=True, slots=True, eq=False)
class Parameter:
    """A parameter, with what the reference launch passes in it.

    `given` is the array before the launch, the number, or the numbers of a struct's members in order. `expected` is what the
    array holds afterwards; None where the kernel does not write it. `tolerance` is relative and absolute.
    """

    argument: Argument
    access: Access
    given: Any
    expected: Array | None
    tolerance: tuple[float, float]

    @property
    def name(self) -> str:
        """The name in the kernel."""
        return self.argument.name

    @property
    def kind(self) -> Kind:
        """A buffer, a scalar, a struct or a texture."""
        if self.struct is not None:
            return Kind.STRUCT
        if self.texture is not None:
            return Kind.TEXTURE
        return Kind.SCALAR if self.argument.is_scalar else Kind.BUFFER

    @property
    def index(self) -> int:
        """The number in the Metal text: `[[buffer(index)]]`, or `[[texture(index)]]` of a texture."""
        return self.argument.index

    @property
    def dtype(self) -> Numeric:
        """The dtype of an element of a buffer, of a number, of a texel's component. A struct has none of its own."""
        return self.argument.params[0].dtype

    @property
    def struct(self) -> Struct | None:
        """The type of a struct; None for everything else."""
        return self.argument.struct

    @property
    def texture(self) -> TextureType | None:
        """The type of a texture; None for everything else."""
        return self.argument.texture

    @property
    def metal_name(self) -> str:
        """Metal's name of what is passed by value, or of a buffer's elements: three components are packed."""
        return f"packed_{self.dtype.metal_name}" if self.dtype.lanes == 3 else self.argument.type_name

    @property
    def is_constant_memory(self) -> bool:
        """Whether it is a buffer in constant memory."""
        kind = self.argument.params[0].value.type
        return isinstance(kind, BufferType) and kind.space is Space.CONSTANT

    @property
    def extents(self) -> tuple[int | None, ...] | None:
        """The annotated shape of a buffer, whose first extent may be None; None where nothing is annotated."""
        form = self.argument.params[0].form
        return form.extents if form is not None else None

    @property
    def loc(self) -> SourceLoc:
        """Where it is annotated."""
        return self.argument.params[0].loc

    @property
    def array(self) -> Array | None:
        """The array before the launch; None for what is passed by value."""
        return None if self.argument.is_scalar else cast(Array, self.given)

    @property
    def value_bytes(self) -> bytes:
        """What is passed by value, in the bytes that Metal reads."""
        return structs.packed(self.argument, self.given if self.struct is not None else (self.given,))


@dataclass(frozen=True, slots=True)
class GivenConstant:
    """A function constant, and its value in the reference launch; `is_given` says that this is not merely its default."""

    constant: Constant
    value: bool | int | float
    is_given: bool


@dataclass(frozen=True, eq=False)
class Bundle:
    """A kernel with one launch of it: its Metal, its parameters, and arrays before and after.

    `device` names the runtime that computed the reference: "sim" or "cpu".
    """

    program: Program
    parameters: tuple[Parameter, ...]
    constants: tuple[GivenConstant, ...]
    geometry: Geometry
    device: str

    @property
    def name(self) -> str:
        """The kernel's name in Python."""
        return self.program.name

    @property
    def entry(self) -> str:
        """The kernel's name in the Metal text."""
        return self.program.metal.entry

    @property
    def metal(self) -> str:
        """The Metal text."""
        return self.program.metal.text

    @property
    def language(self) -> tuple[int, int]:
        """The version of Metal's language that the text is to be compiled as."""
        return max(self.program.metal.msl_version, OLDEST_STANDARD, LOGGING if self.logs else OLDEST_STANDARD)

    @property
    def math(self) -> Precision:
        """The math that the kernel is written for."""
        return self.program.traced.math

    @property
    def is_fast(self) -> bool:
        """Whether it is to be compiled with fast math."""
        return self.math is Precision.FAST

    @property
    def logs(self) -> bool:
        """Whether the kernel prints or asserts, for which Metal's log must be enabled."""
        return bool(self.program.sites)

    @property
    def max_threads(self) -> int:
        """The threads that a pipeline is made for: those of the reference launch, up to whole simdgroups."""
        x, y, z = self.geometry.threads
        return -(-x * y * z // SIMDGROUP) * SIMDGROUP

    @property
    def thread_multiple(self) -> int:
        """What the threads of every threadgroup, partial ones too, must be a multiple of."""
        return SIMDGROUP if self.program.needs_whole_simdgroups else 1

    @property
    def family(self) -> int:
        """The first of Apple's GPU families that has all the kernel uses, or 0 for any."""
        return self.program.family.family if self.program.family is not None else 0

    @cached_property
    def attributes(self) -> tuple[str, ...]:
        """The positions and sizes that the kernel asks for, by the names of Metal's attributes."""
        from enigma.dialect.operation import IntrinsicOp  # xDSL is heavy

        ops = [op for op in self.program.module.walk() if isinstance(op, IntrinsicOp)]
        return tuple(sorted({op.ROW.msl.attribute for op in ops if isinstance(op.ROW.msl, Builtin)}))

    @property
    def source(self) -> str:
        """The file and line of the kernel, without the folder."""
        return f"{self.program.traced.loc.short_file}:{self.program.traced.loc.line}"

    def refuse_reports(self, target: str) -> None:
        """Refuse a kernel that prints or asserts, for a target whose host code reads no log. Raises `EnigmaTypeError`."""
        for site in self.program.sites.values():
            raise EnigmaTypeError(
                f"kernel {self.name} prints or asserts, and what {target} exports reads no log", loc=site.loc,
                help="take the line out of what is shipped, or export to msl and read Metal's log",
            )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far results may be from the reference where the usual tolerance is not meant: None leaves it."""

    relative: float | None = None
    absolute: float | None = None

    def of(self, usual: tuple[float, float]) -> tuple[float, float]:
        """Return what holds in place of the usual tolerance."""
        relative, absolute = usual
        return (
            relative if self.relative is None else self.relative,
            absolute if self.absolute is None else self.absolute,
        )


def parameter(
    program: Program, argument: Argument, access: Access, given: Any, expected: Array | None, wanted: Tolerance
) -> Parameter:  # fmt: skip
    """Return a parameter with its part of the reference launch, and how exact that is: integers are, whatever is wanted."""
    dtype = argument.params[0].dtype
    close = tolerance(dtype, program.traced.math)
    if argument.texture is not None and expected is not None and expected.dtype == np.uint8:
        close = (0.0, 1.0)  # a fraction that is stored as one of 256
    elif dtype.is_float:
        close = wanted.of(close)
    return Parameter(argument, access, given, expected, close)
