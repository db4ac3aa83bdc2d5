"""A kernel's parameters: what their annotations mean, checked all at once."""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar, Self, cast, get_args

from enigma.dtypes import (
    DTYPES,
    FLOATS,
    TEXELS,
    Matrix,
    Numeric,
    Shaped,
    SimdgroupMatrix,
    Space,
    TextureAccess,
    TextureKind,
    TextureType,
    as_dtype,
    b1,
    names,
    widened,
)
from enigma.errors import EnigmaError, EnigmaTypeError, EnigmaValueError, raise_all
from enigma.source import SourceLoc, caller
from enigma.trace import coordinates
from enigma.trace.given import literal
from enigma.trace.node import Form, Struct
from enigma.trace.sources import source_of
from enigma.trace.structs import is_struct, struct_of
from enigma.trace.tensor import Tensor


class _Annotation:
    """What annotates a parameter besides a bare dtype: a class called with a dtype."""

    def __init__(self, dtype: Numeric) -> None:
        given: Any = dtype
        if not isinstance(given, Numeric):
            raise EnigmaTypeError(
                f"{self._word()} takes a dtype object, but it got {_shown(dtype)}", loc=caller(), help=self._help(dtype)
            )
        self.dtype = dtype

    def __class_getitem__(cls, dtype: Any) -> Self:
        """Return `cls(dtype)`, in the form that type checkers take for an annotation."""
        return cls(dtype)

    @classmethod
    def _word(cls) -> str:
        return cls.__name__

    def _help(self, dtype: Any) -> str:
        try:
            return f"write enigma.{self._word()}(enigma.{as_dtype(dtype).name})"
        except EnigmaTypeError:
            return f"dtypes are {names(DTYPES)}, for example enigma.{self._word()}(enigma.u32)"

    @property
    def metal_name(self) -> str:
        """Metal's name of the dtype."""
        return self.dtype.metal_name

    @property
    def width(self) -> int:
        """Bits of the dtype."""
        return self.dtype.width

    def __repr__(self) -> str:
        return f"{self._word()}({self.dtype.metal_name})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Annotation) and type(other) is type(self) and other.dtype is self.dtype

    def __hash__(self) -> int:
        return hash((self._word(), self.dtype.name))


class Scalar(_Annotation):
    """Annotation of a by-value parameter: `n: enigma.Scalar[enigma.u32]`. In the kernel it is a value, read-only.

    `enigma.Scalar(enigma.u32)` is the same, but type checkers do not take a call for an annotation.

    Raises `EnigmaTypeError` (a `TypeError`) when `dtype` is no dtype object, and for a vector.
    """

    def __init__(self, dtype: Numeric) -> None:
        super().__init__(dtype)
        if self.dtype.parts > 1:
            raise EnigmaTypeError(
                f"Scalar takes the dtype of a number, but it got {self.dtype.name}", loc=caller(),
                help="pass its components as Scalars, or the vector in a buffer",
            )  # fmt: skip


class Constant(_Annotation):
    """Annotation of a read-only buffer in constant memory: `W: enigma.Constant[enigma.f32]`, of at most 65536 bytes.

    It suits small arrays that all threads read at the same place at the same time. Raises `EnigmaTypeError` when `dtype` is
    no dtype object.
    """


class _TextureAnnotation(_Annotation):
    """What annotates a texture parameter; `access` is what the kernel may do with it."""

    kind: ClassVar[TextureKind]

    def __init__(self, dtype: Numeric, access: str = "read") -> None:
        super().__init__(dtype)
        if dtype not in TEXELS:
            raise EnigmaTypeError(
                f"{self._word()} of {dtype.name}: a component of a texture is {names(TEXELS)}", loc=caller(),
                help=f"a texel has four components whatever is stored: write enigma.{self._word()}(enigma.f32)",
            )  # fmt: skip
        known = [one for one in TextureAccess if access in (one, one.value)]
        if not known:
            legal = ", ".join(repr(one.value) for one in TextureAccess)
            raise EnigmaValueError(
                f"{self._word()}: the access cannot be {access!r}", loc=caller(), help=f"write one of {legal}"
            )
        self.access = known[0]

    def __class_getitem__(cls, item: Any) -> Self:
        """Return the annotation of a dtype, or of a dtype and an access, which may be a `Literal` for type checkers."""
        dtype, *access = cast("tuple[Any, ...]", item) if isinstance(item, tuple) else (item,)
        return cls(dtype, *(text for one in access for text in (get_args(one) or (one,))))

    @property
    def type(self) -> TextureType:
        """The type of the parameter."""
        return TextureType(self.dtype, self.kind, self.access)

    def __repr__(self) -> str:
        return f"{self._word()}({self.dtype.metal_name}, {self.access.value!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _TextureAnnotation) and other.type == self.type

    def __hash__(self) -> int:
        return hash(self.type)


class Texture1D(_TextureAnnotation):
    """Annotation of a texture of one row of texels: `T: enigma.Texture1D(enigma.f32, "read")`. See `Texture2D`."""

    kind = TextureKind.D1


class Texture2D(_TextureAnnotation):
    """Annotation of a texture parameter: `T: enigma.Texture2D(enigma.f32, "read")`, or `enigma.Texture2D[enigma.f32]`.

    The access is "read", "write", "read_write" or "sample" (sampled, and read too). In the kernel `T.read(x, y)` is the texel
    in column x of row y, four components; `T.write(value, x, y)` sets it, `T.sample(u, v)` reads between texels, and
    `T.width()` and `T.height()` are its size. At a launch it is an array of shape (height, width), or (height, width, c) with
    c of 1, 2 or 4 stored components.

    Raises `EnigmaTypeError` when `dtype` is not f32, f16, i32, u32, i16 or u16, `EnigmaValueError` for another access.
    """

    kind = TextureKind.D2


class Texture3D(_TextureAnnotation):
    """Annotation of a texture with depth: `T: enigma.Texture3D(enigma.f32, "sample")`; an array of (depth, height, width, c)."""

    kind = TextureKind.D3


class Texture2DArray(_TextureAnnotation):
    """Annotation of layers of 2-D textures: `T: enigma.Texture2DArray(enigma.f32)`; an array of (layers, height, width, c).

    The layer is the last coordinate: `T.read(x, y, layer)`.
    """

    kind = TextureKind.D2_ARRAY


TEXTURES = (Texture1D, Texture2D, Texture3D, Texture2DArray)


def _shown(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else repr(value)


class Constexpr:
    """Annotation of a parameter that is a Python value, `N: enigma.constexpr = 16`: the kernel is compiled anew for each."""

    def __repr__(self) -> str:
        return "constexpr"


constexpr = Constexpr()


class Kind(Enum):
    """What a parameter is."""

    BUFFER = "buffer"
    SCALAR = "scalar"
    STRUCT = "struct"
    TEXTURE = "texture"
    CONSTEXPR = "constexpr"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a buffer parameter of a jit launch begins: in which memory, at which element, and how many the memory has at least.

    Parameters of one memory share a slot.
    """

    memory: int
    start: int
    extent: int


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter as annotated: its kind, its dtype (None for constexpr and struct), and the default of a constexpr.

    A `padded` buffer holds vectors where the annotation says numbers.
    """

    name: str
    kind: Kind
    dtype: Numeric | None
    default: Any
    loc: SourceLoc
    space: Space = Space.DEVICE
    struct: Struct | None = None
    texture: TextureType | None = None
    padded: bool = False
    form: Form | None = None
    place: Place | None = None


def location(fn: types.FunctionType) -> SourceLoc:
    """Return the place of the `def` of a function."""
    source = source_of(fn)
    if source is None:
        return SourceLoc(fn.__code__.co_filename, fn.__code__.co_firstlineno, 1, 0, fn.__name__)
    return SourceLoc(source.file, source.node.lineno, source.node.col_offset + 1, 0, fn.__name__)


def _param_location(fn: types.FunctionType, name: str) -> SourceLoc:
    source = source_of(fn)
    args = source.node.args if source is not None else None
    every = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg] if args is not None else []
    for arg in every:
        if arg is not None and arg.arg == name:
            return SourceLoc(fn.__code__.co_filename, arg.lineno, arg.col_offset + 1, 0, fn.__name__)
    return location(fn)


def _scope(fn: types.FunctionType) -> dict[str, Any]:
    """The variables of enclosing functions that the function uses."""
    scope: dict[str, Any] = {}
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            scope[name] = cell.cell_contents
        except ValueError:  # a variable of the enclosing function that is assigned later
            continue
    return scope


def annotation_scope(fn: types.FunctionType, frame: types.FrameType) -> dict[str, Any]:
    """Return the local variables of the defining `frame` that annotations written as text name.

    With `from __future__ import annotations` nothing else would keep them: Python makes closures for code only.
    """
    scope = _scope(fn)
    for annotation in fn.__annotations__.values():
        if isinstance(annotation, str) and frame.f_locals is not frame.f_globals:
            scope |= {name: frame.f_locals[name] for name in _NAME.findall(annotation) if name in frame.f_locals}
    return scope


_NAME = re.compile(r"[^\W\d]\w*")


def _annotation(fn: types.FunctionType, name: str, scope: dict[str, Any], loc: SourceLoc) -> Any:
    """A parameter's annotation, evaluated: `from __future__ import annotations` makes it a string."""
    return _evaluated(name, fn.__annotations__.get(name, inspect.Parameter.empty), fn.__globals__, scope, loc)


def _evaluated(name: str, annotation: Any, module: Mapping[str, Any], scope: Mapping[str, Any], loc: SourceLoc) -> Any:
    if not isinstance(annotation, str):
        return annotation
    try:
        return eval(annotation, dict(module), scope)
    except (NameError, AttributeError, SyntaxError) as error:
        what = error.msg if isinstance(error, SyntaxError) else str(error)
        raise EnigmaTypeError(
            f"the annotation of {name} cannot be evaluated: {what}", loc=loc,
            help=f"write {name}: enigma.f32, and import what the annotation names",
        ) from None  # fmt: skip


def parameters(
    fn: types.FunctionType, scope: dict[str, Any], given: Mapping[str, Parameter] | None = None
) -> tuple[Parameter, ...]:
    """Return the parameters of a kernel in slot order; `scope` is where annotations written as text are evaluated.

    `given` are those of parameters without an annotation.

    Raises the errors of all parameters together.
    """
    signature = inspect.signature(fn)
    errors: list[EnigmaError] = []
    found: list[Parameter] = []
    for name, parameter in signature.parameters.items():
        loc = _param_location(fn, name)
        if given is not None and name in given and parameter.annotation is inspect.Parameter.empty:
            found.append(given[name])
            continue
        try:
            found.append(_parameter(name, parameter, _annotation(fn, name, scope, loc), scope, loc))
        except EnigmaError as error:
            errors.append(error)
    raise_all(errors)
    return tuple(found)


def in_vectors(params: tuple[Parameter, ...], lanes: int) -> tuple[Parameter, ...]:
    """Return the parameters with each buffer of a float dtype as one of vectors of so many."""
    for parameter in params:
        if parameter.form is not None and parameter.dtype in FLOATS:
            raise EnigmaValueError(
                f"vec_width is {lanes}, but {parameter.name} has a shape, which counts numbers", loc=parameter.loc,
                help=f"annotate it enigma.{parameter.dtype.name}, or leave vec_width at 0",
            )  # fmt: skip
    return tuple(
        replace(parameter, dtype=widened(parameter.dtype, lanes), padded=True)
        if parameter.kind is Kind.BUFFER and (parameter.dtype in FLOATS)
        else parameter
        for parameter in params
    )


def _dtype(annotation: Any) -> Numeric | None:
    """Return the dtype that an annotation is, or a Scalar's; None for anything else."""
    if isinstance(annotation, Scalar):
        return annotation.dtype
    if isinstance(annotation, type) and issubclass(annotation, Numeric) and annotation is not Numeric:
        return annotation()
    return annotation if isinstance(annotation, Numeric) else None


def _refuse_bools(dtype: Numeric, name: str, loc: SourceLoc) -> None:
    if isinstance(dtype, SimdgroupMatrix | Matrix):
        raise EnigmaTypeError(
            f"parameter {name} is a buffer of {dtype.name}, but a buffer holds numbers or vectors", loc=loc,
            help=f"write {name}: enigma.{dtype.element.name}, and load the matrix from it",
        )  # fmt: skip
    if dtype.parts > 1 and dtype.element is b1:
        raise EnigmaTypeError(
            f"parameter {name} is a buffer of {dtype.name}, but a buffer holds no vectors of bools", loc=loc,
            help=f"write {name}: enigma.u8x{dtype.lanes}, and compare: {name}[i] != 0",
        )  # fmt: skip


def _parameter(
    name: str, parameter: inspect.Parameter, annotation: Any, scope: Mapping[str, Any], loc: SourceLoc
) -> Parameter:  # fmt: skip
    empty = inspect.Parameter.empty
    if parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD):
        stars = "*" if parameter.kind is inspect.Parameter.VAR_POSITIONAL else "**"
        raise EnigmaTypeError(
            f"a kernel cannot take {stars}{name}",
            loc=loc,
            help="name every buffer: its slot is its place in the signature",
        )
    if annotation is empty and name in ("self", "cls"):
        raise EnigmaTypeError(
            f"a kernel cannot be a method: its parameter {name} is no buffer", loc=loc,
            help="define it outside of the class; helpers that it calls may be methods",
        )  # fmt: skip
    if annotation is empty:
        raise EnigmaTypeError(
            f"parameter {name} has no annotation", loc=loc,
            help=f"write {name}: enigma.f32 for a buffer, {name}: enigma.Scalar(enigma.u32) for a number, or "
            f"{name}: enigma.constexpr for a Python value",
        )  # fmt: skip
    if annotation is constexpr or annotation is Constexpr:
        return Parameter(name, Kind.CONSTEXPR, None, parameter.default, loc)
    if parameter.default is not empty:
        raise EnigmaTypeError(
            f"parameter {name} has a default, which only a constexpr can have", loc=loc, help="pass it at launch"
        )
    if isinstance(annotation, Scalar):
        return Parameter(name, Kind.SCALAR, annotation.dtype, None, loc)
    if isinstance(annotation, _TextureAnnotation):
        return Parameter(name, Kind.TEXTURE, annotation.dtype, None, loc, texture=annotation.type)
    if isinstance(annotation, Constant):
        _refuse_bools(annotation.dtype, name, loc)
        return Parameter(name, Kind.BUFFER, annotation.dtype, None, loc, Space.CONSTANT)
    if isinstance(annotation, Shaped | Tensor):
        return _shaped(name, annotation, loc)
    if (dtype := _dtype(annotation)) is not None:
        _refuse_bools(dtype, name, loc)
        return Parameter(name, Kind.BUFFER, dtype, None, loc)
    if is_struct(annotation):
        struct = struct_of(
            annotation, name, loc, _dtype, lambda what, text, module: _evaluated(what, text, module, scope, loc)
        )
        return Parameter(name, Kind.STRUCT, None, None, loc, struct=struct)
    if annotation is Scalar or annotation is Constant or annotation in TEXTURES:
        word = annotation.__name__
        raise EnigmaTypeError(
            f"parameter {name} is a {word} without a dtype", loc=loc, help=f"write {name}: enigma.{word}(enigma.f32)"
        )
    shown = _shown(annotation)
    native = {"float": "enigma.f32", "int": "enigma.i32", "bool": "enigma.b1"}.get(shown)
    raise EnigmaTypeError(
        f"parameter {name} is annotated {shown}, which is no dtype of a kernel", loc=loc,
        help=f"write {native or 'enigma.f32'} for a buffer or enigma.Scalar({native or 'enigma.f32'}) for a number",
    )  # fmt: skip


def _shaped(name: str, annotation: Shaped | Tensor, loc: SourceLoc) -> Parameter:
    """Return the parameter of an annotation with a shape or a layout."""
    _refuse_bools(annotation.dtype, name, loc)
    if isinstance(annotation, Tensor):
        space = annotation.buffer_type.space
        if space not in (Space.DEVICE, Space.CONSTANT) or literal(annotation.start) != 0:
            where = f"{space.value} memory" if literal(annotation.start) == 0 else f"element {annotation.start} on"
            raise EnigmaTypeError(
                f"parameter {name} is annotated with a tensor from {where}, but a parameter is a whole buffer", loc=loc,
                help=f"write {name}: enigma.Tensor(enigma.{annotation.dtype.name}, layout), and take its parts in the kernel",
            )  # fmt: skip
        form = Form(
            None if annotation.is_laid_out else annotation.shape, annotation.layout if annotation.is_laid_out else None
        )
        return Parameter(name, Kind.BUFFER, annotation.dtype, None, loc, annotation.buffer_type.space, form=form)
    try:
        extents = coordinates.extents(annotation.shape, f"the shape of {name}")
    except EnigmaError as error:
        raise type(error)(error.message, loc=loc, help=error.help) from None
    return Parameter(name, Kind.BUFFER, annotation.dtype, None, loc, form=Form(extents, None))
