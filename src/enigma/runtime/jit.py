"""`@enigma.jit`: host functions that divide tensors and launch kernels on them, one after another."""

from __future__ import annotations

import inspect
import types
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from enigma import context
from enigma.context import current
from enigma.errors import EnigmaError, EnigmaTypeError, LaunchError
from enigma.runtime.base import Runtime
from enigma.runtime.binding import Bound, Dynamic, bind, dynamic, named_arguments
from enigma.runtime.choose import runtime
from enigma.runtime.direct import program_of
from enigma.runtime.fitting import inside, is_array
from enigma.runtime.host import as_result, from_array
from enigma.runtime.launch import Size, check_extents, geometry
from enigma.source import SourceLoc, caller, calling_frame
from enigma.trace.args import Kind, Parameter, annotation_scope, parameters
from enigma.trace.kernel import EnigmaRuntimeError, KernelDef
from enigma.trace.recording import recorder
from enigma.trace.tensor import Tensor


@dataclass(frozen=True, slots=True)
class Launch:
    """One launch of a host function: the kernel as its arguments make it, and its size."""

    bound: Bound
    grid: Size
    block: Size
    loc: SourceLoc


class Written:
    """Writes launches down, for `enigma.compile`."""

    def __init__(self) -> None:
        self.launches: list[Launch] = []
        self.own: list[Tensor] = []

    def launch(self, kernel: KernelDef, args: Any, named: Any, grid: Any, block: Any, loc: SourceLoc) -> None:
        """Write a launch down."""
        try:
            size = geometry(grid, block, word="block")
        except LaunchError as error:
            error.at(loc)
            raise
        self.launches.append(Launch(bind(kernel, args, named, loc), size.grid, size.threads, loc))

    def made(self, tensor: Tensor) -> None:
        """Take note of memory that the function makes for itself."""
        self.own.append(tensor)


@dataclass(slots=True)
class Running:
    """Runs every launch when it comes."""

    runtime: Runtime
    count: int = 0

    def launch(self, kernel: KernelDef, args: Any, named: Any, grid: Any, block: Any, loc: SourceLoc) -> None:
        """Run a launch."""
        bound = bind(kernel, args, named, loc)
        arguments = [_value(argument, kernel, loc) for argument in bound.arguments]
        program = program_of(bound.kernel, bound.constants)
        try:
            size = geometry(grid, block, limit=self.runtime.max_threads, word="block")
            self.runtime.run(program, arguments, size.grid, size.threads)
        except LaunchError as error:
            if error.loc is None:
                error.at(loc)
            raise
        self.count += 1

    def made(self, tensor: Tensor) -> None:
        """New memory is there already."""


def _value(argument: Any, kernel: KernelDef, loc: SourceLoc) -> Any:
    """Return the array of a tensor; numbers and arrays stay."""
    if not isinstance(argument, Tensor):
        return argument
    if argument.memory.array is None:
        raise EnigmaTypeError(
            f"kernel {kernel.name} is to run on {argument.name}, but there is no array for it", loc=loc,
            help="pass an array to the jit function, or make one with enigma.empty(shape, dtype)",
        )  # fmt: skip
    return argument.memory.array


@dataclass(frozen=True, slots=True)
class Recorded:
    """What a host function does for certain arguments: its launches, and the tensors that it got, returns, and made."""

    launches: list[Launch]
    given: list[Tensor]
    returned: list[Tensor]
    own: list[Tensor]


@contextmanager
def _recording(by: Written | Running) -> Generator[None]:
    token = recorder.set(by)
    try:
        yield
    finally:
        recorder.reset(token)


class JitDef:
    """A host function that launches kernels, as `enigma.jit` makes it. `.fn` is the function, `.name` its name.

    It is called with arrays. Raises `RuntimeError` where it launches nothing.

        @enigma.jit
        def run(A, B):
            add(A, B).launch(grid=A.size(), block=256)
    """

    def __init__(self, fn: types.FunctionType) -> None:
        given: Any = fn
        if not isinstance(given, types.FunctionType):
            raise EnigmaTypeError(
                f"@enigma.jit takes a function, but it got {given!r}", loc=caller(), help="write it above a `def`"
            )
        self.fn, self.name = fn, fn.__name__
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__
        self.__wrapped__ = fn
        self._scope = annotation_scope(fn, calling_frame())
        self._signature = inspect.signature(fn)
        self._annotated: dict[str, Parameter] | None = None

    def __repr__(self) -> str:
        return f"<enigma.jit {self.name}>"

    def _repr_html_(self) -> str:
        return context.load_explorer().jit_html(self)

    def __call__(self, *args: Any, **named: Any) -> Any:
        """Run the function on arrays, on the default device; returns what it returns, arrays for tensors."""
        return self._call(args, named, None)

    def launch(self, *args: Any, device: str | None = None, **named: Any) -> Any:
        """Run the function on arrays, on the "cpu", "sim" or "metal"."""
        return self._call(args, named, device)

    def _call(self, args: Any, named: Any, device: str | None) -> Any:
        values = self._arguments(args, named)
        if recorder.get() is not None:  # called by another jit function: its launches are among that one's
            return self.fn(*values.args, **values.kwargs)
        running = Running(runtime(device))
        with _recording(running):
            result = self.fn(*values.args, **values.kwargs)
        self._need_launch(running.count)
        return as_result(result)

    def record(self, args: Any, named: Any) -> Recorded:
        """Return the launches that the function makes for these arguments, without running any."""
        values, written = self._arguments(args, named), Written()
        with _recording(written):
            result = self.fn(*values.args, **values.kwargs)
        self._need_launch(len(written.launches))
        given = _tensors([*values.args, *values.kwargs.values()])
        return Recorded(written.launches, given, _tensors(result), written.own)

    def _need_launch(self, count: int) -> None:
        if not count:
            raise EnigmaRuntimeError(
                f"the jit function {self.name} launched no kernel", loc=caller(),
                help="call a kernel with its arguments, and launch it: kernel(A, B).launch(grid=(n, 1, 1), block=(256, 1, 1))",
            )  # fmt: skip

    def _arguments(self, args: Any, named: Any) -> inspect.BoundArguments:
        """Return the arguments as the function sees them: tensors for arrays, dynamic numbers where it says so."""
        if current.get() is not None:
            raise EnigmaTypeError(
                f"the jit function {self.name} is called inside of a kernel", loc=caller(),
                help="it runs on the host: call a plain Python function",
            )  # fmt: skip
        values = named_arguments(self._signature, self.name, args, named, None)
        seen: dict[Any, Tensor] = {}
        annotated = self._annotations()
        for name, value in values.arguments.items():
            values.arguments[name] = _argument(name, value, annotated.get(name), seen)
        return values

    def _annotations(self) -> dict[str, Parameter]:
        """Return what the annotations say; other annotations than a kernel's, such as `int`, say nothing here."""
        if self._annotated is None:
            self._annotated = {}
            for name, parameter in self._signature.parameters.items():
                try:
                    found = parameters(_alone(self.fn, name, parameter), self._scope)
                except EnigmaError:  # an annotation for readers
                    continue
                self._annotated |= {one.name: one for one in found}
        return self._annotated


def _tensors(value: Any) -> list[Tensor]:
    """Return the tensors in tuples, lists and dicts."""
    if isinstance(value, Tensor):
        return [value]
    return [tensor for item in inside(value) for tensor in _tensors(item)]


def _alone(fn: types.FunctionType, name: str, parameter: inspect.Parameter) -> types.FunctionType:
    """Return a function with one parameter of another's, annotated alike."""

    def alone() -> None: ...

    made = types.FunctionType(alone.__code__, fn.__globals__, fn.__name__)
    made.__annotations__ = {name: parameter.annotation}
    made.__signature__ = inspect.Signature([parameter])  # type: ignore[attr-defined]
    return made


def _argument(name: str, value: Any, annotated: Parameter | None, seen: dict[Any, Tensor]) -> Any:
    """Return an argument as the function sees it; arrays in tuples, lists and dicts are tensors too."""
    if isinstance(value, Tensor | Dynamic):
        return value
    if annotated is not None and annotated.kind is Kind.SCALAR:
        return dynamic(value, annotated.dtype)
    if type(value) is tuple or type(value) is list:
        made = [
            _argument(f"{name}[{number}]", item, None, seen) for number, item in enumerate(cast("Sequence[Any]", value))
        ]
        return tuple(made) if isinstance(value, tuple) else made
    if type(value) is dict:
        items = cast("dict[Any, Any]", value).items()
        return {key: _argument(f"{name}[{key!r}]", item, None, seen) for key, item in items}
    if not is_array(value):
        return value
    if annotated is not None and annotated.kind is Kind.CONSTEXPR:
        return value
    form = annotated if annotated is not None and annotated.kind is Kind.BUFFER else None
    key = id(value), form  # the same array twice is one tensor
    if key not in seen:
        seen[key] = from_array(value, name=name) if form is None else _annotated(name, value, form)
    return seen[key]


def _annotated(name: str, value: Any, wanted: Parameter) -> Tensor:
    """Return the tensor over an array for a parameter with an annotation: of its dtype, and its shape or layout."""
    dtype, form = wanted.dtype, wanted.form
    plain = from_array(value, name=name)
    if dtype is None or plain.dtype is not dtype.element:
        raise LaunchError(
            f"{name} holds {plain.array.dtype}, but it is annotated {dtype.name if dtype is not None else '?'}",
            help="convert it, or annotate another dtype",
        )
    if form is None:
        return plain if dtype.parts == 1 else from_array(value, name=name, dtype=dtype)
    if form.extents is None:
        return from_array(value, form.layout, name=name, dtype=dtype)
    flat = from_array(plain.array.reshape(-1), name=name, dtype=dtype)
    check_extents(name, form.extents, flat.size(), wanted.loc)
    row = prod(extent or 1 for extent in form.extents[1:])
    made = Tensor.of(flat.buffer_type, name, (flat.size() // row, *form.extents[1:]))
    made.strict, made.array = True, plain.array
    return made


def jit(fn: Any) -> JitDef:
    """Make a host function of a Python function: it gets arrays as tensors, divides them, and launches kernels in order.

    A kernel's parameters need no annotation there: a tensor becomes a buffer with its layout compiled in, a number that is
    `dynamic` is passed by value, and anything else is a Python value that the kernel is compiled with. A parameter of the host
    function annotated `enigma.Scalar[enigma.u32]` is dynamic. `enigma.compile(function, tensors...)` compiles the launches.

    >>> import enigma, numpy as np
    >>> @enigma.kernel
    ... def add(A, B, Out):
    ...     i = enigma.thread_position_in_grid
    ...     Out[i] = A[i] + B[i]
    >>> @enigma.jit
    ... def run(A, B):
    ...     out = enigma.empty(A.shape, A.dtype)
    ...     add(A, B, out).launch(grid=A.shape, block=32)
    ...     return out
    >>> run(np.arange(4, dtype=np.float32), np.ones(4, np.float32)).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    return JitDef(fn)
