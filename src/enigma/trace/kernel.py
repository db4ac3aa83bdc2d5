"""`@enigma.kernel`: the object that a decorated function becomes, and its tracing."""

from __future__ import annotations

import ast
import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast, overload

from enigma import context
from enigma.context import current
from enigma.dtypes import BufferType
from enigma.errors import EnigmaError, EnigmaSyntaxError, EnigmaTypeError, EnigmaValueError, ErrorGroup, InternalError
from enigma.layout import Layout
from enigma.source import SourceLoc, caller, calling_frame, raised_at
from enigma.spec.terms import Precision
from enigma.trace.args import Kind, Parameter, Place, annotation_scope, in_vectors, location, parameters
from enigma.trace.constants import finish
from enigma.trace.convert import RUNTIME_OBJECT
from enigma.trace.divergence import warn_where_threads_are_missing
from enigma.trace.fingerprint import Fingerprint
from enigma.trace.hooks import hooks
from enigma.trace.node import Form, Param, Part, Traced
from enigma.trace.reads import fingerprint
from enigma.trace.recording import recorder
from enigma.trace.scopes import own_statements
from enigma.trace.sources import remember, source_of
from enigma.trace.structs import instance
from enigma.trace.tensor import Tensor, View
from enigma.trace.texture import Texture
from enigma.trace.tracer import Tracer
from enigma.trace.undefined import Undefined
from enigma.trace.value import TracedValue


class _Missing:
    """An argument that was not given; None may be a wrong one."""

    def __repr__(self) -> str:
        return "..."


MISSING: Any = _Missing()


class KernelDef:
    """A kernel: a Python function whose body becomes GPU code. `.fn` is the function, `.name` its name.

    `.math` is how exact its float arithmetic is on Metal.

    `kernel[grid, threads](*arguments)` runs it: `grid` is the number of threads per axis, `threads` how many of them
    form a threadgroup; both are ints or tuples of up to three. `enigma.compile(kernel)` shows every stage.
    """

    def __init__(self, fn: types.FunctionType, *, math: Any = "default") -> None:
        given: Any = fn
        if not isinstance(given, types.FunctionType):
            raise EnigmaTypeError(
                f"@enigma.kernel takes a function, but it got {given!r}", loc=caller(), help="write it above a `def`"
            )
        remember(fn)
        self.fn = fn
        self.math = math_named(math).value
        self.scope = annotation_scope(fn, calling_frame())
        self.name = fn.__name__
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__
        self.__wrapped__ = fn
        self._parameters: tuple[Parameter, ...] | None = None
        self._traced: dict[tuple[Any, ...], tuple[Fingerprint, Traced]] = {}
        self.compiled: dict[Any, Any] = {}
        self.bound: dict[Any, Any] = {}  # by what the arguments of a jit launch are

    @cached_property
    def signature(self) -> inspect.Signature:
        """The function's parameters, for launches that give them by name; found when the first one asks."""
        return inspect.signature(self.fn)

    def with_parameters(self, parameters: tuple[Parameter, ...]) -> KernelDef:
        """Return the kernel with parameters that a launch says; it is traced for itself."""
        other = object.__new__(KernelDef)
        other.__dict__.update(self.__dict__)
        other._parameters, other._traced, other.compiled, other.bound = parameters, {}, {}, {}
        return other

    def __repr__(self) -> str:
        return f"<enigma.kernel {self.name}>"

    def _repr_html_(self) -> str:
        return context.load_explorer().kernel_html(self)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters in slot order. Raises `EnigmaTypeError` for missing or wrong annotations, all together."""
        if self._parameters is None:
            self._parameters = parameters(self.fn, self.scope)
        return self._parameters

    def __call__(self, *args: Any, **kwargs: Any) -> KernelHandle:
        """Bind arguments for `.launch(grid, block)` inside an `@enigma.jit` function."""
        if isinstance(current.get(), Tracer):
            raise EnigmaTypeError(
                f"the kernel {self.name} is called inside of another kernel", loc=caller(),
                help="call a plain Python function: helpers need no decorator",
            )  # fmt: skip
        return KernelHandle(self, args, kwargs)

    def __getitem__(self, launch: Any) -> Callable[..., None]:
        """Return the launcher of `kernel[grid, threads]`."""
        return hooks.launcher(self, launch)

    def launch(
        self,
        *args: Any,
        grid: Any,
        threads: Any = None,
        constants: Mapping[Any, Any] | None = None,
        device: str | None = None,
    ) -> None:
        """Run the kernel on arrays, outputs written in place. `device` is "cpu", "sim" or "metal" (default: the best here).

        `grid` counts threads per axis. `constants` gives constexpr parameters by name, and function constants by index or
        name. Raises `LaunchError` for arrays that do not fit.
        """
        hooks.launch(self, args, grid, threads, constants, device)

    def _parameters_in(self, vec_width: int) -> tuple[Parameter, ...]:
        if not vec_width:
            return self.parameters
        found = in_vectors(self.parameters, vec_width)
        if not any(parameter.padded for parameter in found):
            raise EnigmaValueError(
                f"vec_width is {vec_width}, but {self.name} has no buffer of f32, f16 or bf16, so nothing becomes a vector",
                loc=location(self.fn), help="leave vec_width at 0, or annotate the buffers with vectors: enigma.i32x4",
            )  # fmt: skip
        return found

    def constants(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the value of every constexpr parameter: given, or its default. Raises `EnigmaTypeError` for others."""
        wanted = {p.name: p for p in self.parameters if p.kind is Kind.CONSTEXPR}
        for name in given:
            if name not in wanted:
                known = ", ".join(wanted) or "none"
                raise EnigmaTypeError(f"kernel {self.name} has no constexpr parameter {name} (it has: {known})")
        values: dict[str, Any] = {}
        for name, parameter in wanted.items():
            value = given.get(name, parameter.default)
            if value is parameter.default and type(value) is type and value.__name__ == "_empty":
                raise EnigmaTypeError(
                    f"constexpr parameter {name} of {self.name} has no value", loc=parameter.loc,
                    help=f"pass it: enigma.compile({self.name}, {name}=...)",
                )  # fmt: skip
            values[name] = value
        return values

    def trace(self, given: Mapping[str, Any] | None = None, *, raw_copies: bool = False, vec_width: int = 0) -> Traced:
        """Return the traced IR for these constexpr values; kept until a Python value the kernel reads changes.

        With `raw_copies` asynchronous copies are Apple's own instructions, which only Metal has. With `vec_width` the float
        buffers hold vectors of so many numbers; raises `EnigmaValueError` where there is no such buffer.
        """
        constants = self.constants(given or {})
        key = tuple(sorted((name, type(value).__name__, _hashable(value)) for name, value in constants.items()))
        key = (*key, raw_copies, vec_width)
        known = self._traced.get(key)
        if known is not None and known[0].is_current():
            return known[1]
        try:
            traced = trace(self.fn, self._parameters_in(vec_width), constants, raw_copies=raw_copies)
        except EnigmaError as error:
            if isinstance(error, InternalError | ErrorGroup):
                raise
            if error.loc is None:  # the algebra of layouts knows no kernels
                if (loc := raised_at(error.__traceback__)) is None:
                    raise
                error.at(loc)
            raise error.with_traceback(None) from None  # the message shows the kernel's lines, the rest is enigma's own
        traced.math = Precision(self.math)
        structs = (parameter.struct.cls for parameter in self.parameters if parameter.struct is not None)
        self._traced[key] = (fingerprint([self.fn, *structs, *constants.values()]), traced)
        return traced


@dataclass(frozen=True, slots=True)
class KernelHandle:
    """A kernel with arguments, `kernel(x, y)`; `kernel(x, y).launch(grid, block)` belongs into an `@enigma.jit` function."""

    kernel: KernelDef
    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def launch(self, grid: Any, block: Any = None) -> None:
        """Run the launch, or record it where the jit function is compiled. Raises `RuntimeError` outside of a jit function.

        `grid` counts threads per axis, `block` those of a threadgroup; both are ints or tuples of up to three.
        """
        found = recorder.get()
        if found is not None:
            found.launch(self.kernel, self.args, self.kwargs, grid, block, caller())
            return
        raise EnigmaRuntimeError(
            f"kernel {self.kernel.name} is launched outside of compile() and of any @enigma.jit function", loc=caller(),
            help=f"to run it on arrays, write {self.kernel.name}[grid, threads](...)",
        )  # fmt: skip


class EnigmaRuntimeError(EnigmaError, RuntimeError):
    """Something done at the wrong time or place."""


def _hashable(value: Any) -> Any:
    """Return what tells a constexpr value from others: its contents, where it can be changed in place."""
    if isinstance(value, dict):
        return tuple((key, _hashable(item)) for key, item in cast(dict[Any, Any], value).items())
    if isinstance(value, list | tuple):
        return tuple((type(item).__name__, _hashable(item)) for item in cast(Sequence[Any], value))
    if isinstance(value, float):
        return value.hex()
    if type(value).__module__ == "numpy" and hasattr(value, "tobytes"):
        return str(value.dtype), value.shape, value.tobytes()
    try:
        hash(value)
    except TypeError:
        return repr(value)
    return value


def trace(
    fn: types.FunctionType, params: tuple[Parameter, ...], constants: Mapping[str, Any], *, raw_copies: bool = False
) -> Traced:
    """Run a kernel's function once and return what it recorded."""
    tracer = Tracer(fn.__name__)
    tracer.raw_copies = raw_copies
    arguments: dict[str, Any] = dict(constants)
    slots: list[Param] = []
    numbers, memories = slots_of(params), dict[int, Tensor]()
    for parameter in sorted(
        (p for p in params if p.kind is not Kind.CONSTEXPR), key=lambda p: numbers.get(p.name, len(params))
    ):
        made, arguments[parameter.name] = _argument(parameter, numbers.get(parameter.name), memories)
        slots += made
    for param in slots:
        if isinstance(param.value, TracedValue):
            param.value.scope = tracer.body
        if isinstance(param.value, Tensor):
            tracer.buffers[param.name] = param.value
    _refuse_results(fn)
    with tracer.active():
        unnamed = [arguments.pop(name) for name in fn.__code__.co_varnames[: fn.__code__.co_posonlyargcount]]
        result = RUNTIME_OBJECT.convert(fn)(*unnamed, **arguments)
    tracer.place_tables()
    if result is not None and not isinstance(result, Undefined):  # of a function without source
        raise _returns(fn, location(fn))
    declared = finish(tracer, tuple(parameter.name for parameter in params))
    traced = Traced(fn.__name__, tuple(slots), tracer.body, location(fn), dict(constants), declared)
    warn_where_threads_are_missing(traced)
    return traced


def slots_of(params: Sequence[Parameter]) -> dict[str, int]:
    """Return the slot of each parameter, by name: of those that share memory the first one's; memories come in their order."""
    own: list[Parameter] = []
    seen: set[int] = set()
    for parameter in params:
        if parameter.kind is Kind.CONSTEXPR or (parameter.place is not None and parameter.place.memory in seen):
            continue
        own.append(parameter)
        if parameter.place is not None:
            seen.add(parameter.place.memory)
    ranked = iter(sorted((p for p in own if p.place is not None), key=lambda p: p.place.memory if p.place else 0))
    return {(next(ranked) if p.place is not None else p).name: slot for slot, p in enumerate(own)}


def _argument(parameter: Parameter, slot: int | None, memories: dict[int, Tensor]) -> tuple[list[Param], Any]:
    """Return what stands in the slot of a parameter, and what the kernel's function is given for it."""
    name, loc = parameter.name, parameter.loc
    if parameter.place is not None:
        return _placed(parameter, parameter.place, slot, memories)
    if slot is None:
        raise InternalError(f"the parameter {name} has no slot", loc=loc)
    if parameter.struct is not None:
        fields = {
            member.name: TracedValue(member.dtype, f"{name}.{member.name}") for member in parameter.struct.members
        }
        params = [
            Param(f"{name}.{field}", slot, value.dtype, True, value, loc, Part(name, parameter.struct, field))
            for field, value in fields.items()
        ]
        return params, instance(parameter.struct, name, fields)
    if parameter.dtype is None:
        raise InternalError(f"the parameter {name} has no dtype", loc=loc)
    if parameter.kind is Kind.SCALAR:
        value = TracedValue(parameter.dtype, name)
    elif parameter.texture is not None:
        value = Texture(parameter.texture, name)
    else:
        form = parameter.form or Form(None, None)
        value = Tensor.of(BufferType(parameter.dtype, parameter.space), name, form.extents, form.layout)
        value.strict = True
    scalar = parameter.kind is Kind.SCALAR
    return [Param(name, slot, parameter.dtype, scalar, value, loc, padded=parameter.padded, form=parameter.form)], value


def _placed(
    parameter: Parameter, place: Place, slot: int | None, memories: dict[int, Tensor]
) -> tuple[list[Param], Any]:
    """Return the slot of a memory, unless it has one already, and the part of it that a parameter is."""
    name, form = parameter.name, parameter.form or Form(None, None)
    made: list[Param] = []
    memory = memories.get(place.memory)
    if memory is None:
        dtype = parameter.dtype
        if dtype is None or slot is None:
            raise InternalError(f"the parameter {name} has no dtype or slot", loc=parameter.loc)
        own = form if place.start == 0 else Form(None, None)
        memory = memories[place.memory] = Tensor.of(BufferType(dtype, parameter.space), name, own.extents, own.layout)
        memory.strict = True
        whole = Form(None, Layout(place.extent))
        made.append(Param(name, slot, dtype, False, memory, parameter.loc, form=whole))
        if place.start == 0:
            return made, memory
    part = View(memory, place.start, form.extents, form.layout)
    part.strict = True
    return made, part


def _refuse_results(fn: types.FunctionType) -> None:
    source = source_of(fn)
    if source is None:
        return
    if isinstance(source.node, ast.AsyncFunctionDef):
        raise EnigmaSyntaxError("a kernel cannot be async", loc=location(fn), help="write `def`")
    for part in own_statements(source.node.body) if isinstance(source.node, ast.FunctionDef) else ():
        if isinstance(part, ast.Return) and not (
            part.value is None or (isinstance(part.value, ast.Constant) and part.value.value is None)
        ):
            raise _returns(fn, SourceLoc(source.file, part.lineno, part.col_offset + 1, 0, fn.__name__))


def _returns(fn: types.FunctionType, loc: SourceLoc) -> EnigmaTypeError:
    return EnigmaTypeError(
        f"the kernel {fn.__name__} returns a value",
        loc=loc,
        help="a kernel returns nothing: store the result in a buffer",
    )


def math_named(math: Any) -> Precision:
    """Return the math of a kernel by name. Raises `EnigmaValueError` for any other."""
    for known in Precision:
        if math in (known, known.value):
            return known
    listed = ", ".join(repr(known.value) for known in Precision)
    raise EnigmaValueError(f"math cannot be {math!r}", loc=caller(), help=f"write one of {listed}")


@overload
def kernel(fn: types.FunctionType, /) -> KernelDef:
    """Return the kernel of a function."""


@overload
def kernel(*, math: str = "default") -> Callable[[types.FunctionType], KernelDef]:
    """Return the decorator that makes kernels with such math."""


def kernel(fn: Any = MISSING, /, *, math: str = "default") -> Any:
    """Make a kernel of a function: each parameter annotated with a dtype (a buffer), `Scalar[dtype]`, a dataclass of such
    numbers, or `constexpr`.

    `@enigma.kernel(math="fast")` lets Metal compute it with fast math, where NaN and infinity mean nothing and float functions
    are the fast ones; `"precise"` names Metal's precise functions in the text, whoever compiles it. `"default"` is safe math.

    >>> import enigma
    >>> @enigma.kernel
    ... def double(A: enigma.f32, Out: enigma.f32):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] * 2
    >>> double
    <enigma.kernel double>
    """
    if fn is MISSING:
        chosen = math_named(math)

        def decorate(fn: types.FunctionType) -> KernelDef:
            return KernelDef(fn, math=chosen)

        return decorate
    return KernelDef(fn, math=math)
