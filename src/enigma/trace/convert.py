"""What rewritten code calls: `__en__.if_`, `__en__.call` and so on; and the Python builtins that work on traced values."""

from __future__ import annotations

import builtins
import functools
import inspect
import os
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, cast

from enigma.dtypes import Numeric, b1, f32, i32
from enigma.errors import EnigmaError, EnigmaSyntaxError, EnigmaTypeError
from enigma.source import SourceLoc, caller, is_internal
from enigma.spec.registry import all_rows
from enigma.trace import components, control
from enigma.trace.exits import RUNTIME
from enigma.trace.fragment import Fragment
from enigma.trace.loops import ForLoop, WhileLoop
from enigma.trace.ranges import Range
from enigma.trace.register_tensor import RegisterTensor
from enigma.trace.registers import Registers
from enigma.trace.rewrite import rewrite
from enigma.trace.sources import source_of
from enigma.trace.state import hint, leaves
from enigma.trace.tables import is_numbers, table
from enigma.trace.tracer import warn
from enigma.trace.undefined import Undefined
from enigma.trace.value import Handle, TracedValue, active

_MAX_DEPTH = 100
_STDLIB = os.path.dirname(os.__file__) + os.sep
_FOREIGN = frozenset({"numpy", "ml_dtypes", "torch", "mlx", "enigma"})
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_CACHED = type(functools.lru_cache(lambda: None))


class Runtime:
    """The object rewritten code knows as `__en__`."""

    and_ = staticmethod(control.and_)
    or_ = staticmethod(control.or_)
    not_ = staticmethod(control.not_)
    compare = staticmethod(control.compare)
    contains = staticmethod(control.contains)
    if_expression = staticmethod(control.if_expression)
    if_ = staticmethod(control.Branches)
    while_ = staticmethod(WhileLoop)
    for_ = staticmethod(ForLoop)
    undefined = staticmethod(Undefined)
    slice = staticmethod(builtins.slice)
    assign_component = staticmethod(components.assign)
    assign_component_in = staticmethod(components.assign_in)
    assign_element = staticmethod(components.assign_element)
    assign_element_in = staticmethod(components.assign_element_in)
    assign_component_of = staticmethod(components.assign_of)

    def __init__(self) -> None:
        # by identity: equal code in two files is still two places; holding the code keeps its id its own
        self._rewritten: dict[int, tuple[types.CodeType, types.CodeType | None]] = {}

    def named(self, name: str, value: Any) -> Any:
        """Give a traced value the name of the variable it is assigned to, unless it has one."""
        if isinstance(value, Handle):
            value.name = value.name or name
            value.memory.name = value.memory.name or name
        elif isinstance(value, TracedValue) and value.name is None and not name.startswith("__"):
            value.name = name
        elif isinstance(value, Registers | RegisterTensor):
            value.take_name(name)
        elif type(value) in (list, tuple):
            for path, leaf in leaves(value):
                self.named(hint(name, path), leaf)
        return value

    def all_named(self, names: Sequence[str], value: Any) -> Any:
        """The same for `a, b = ...`."""
        if isinstance(value, tuple | list):
            items = cast(Sequence[Any], value)
            for name, item in zip(names, items, strict=False):
                self.named(name, item)
        return cast(Any, value)

    def annotated(self, name: str, value: Any, annotation: Any) -> Any:
        """`x: enigma.f32 = value`: convert to the dtype; other annotations say nothing to a kernel."""
        if isinstance(annotation, type) and issubclass(annotation, Numeric):
            annotation = annotation()
        if isinstance(annotation, Numeric):
            value = active().convert(value, annotation)
        return self.named(name, value)

    def returned(self, flag: Any, value: Any, always: bool, function: str) -> Any:
        """Return what a function with several `return`s gives: `flag` tells whether one of them was reached."""
        nothing = value is None or isinstance(value, Undefined)
        if isinstance(flag, TracedValue) and not always and not nothing:
            raise EnigmaTypeError(
                f"{function} returns a value on one path and nothing on another", loc=caller(),
                help="end it with a `return` of the value for the other path",
            )  # fmt: skip
        return None if nothing or flag is False else value

    def raised(self) -> None:
        """Refuse a `raise` that only a traced condition guards."""
        if len(active().blocks) > 1:
            raise EnigmaSyntaxError(
                "`raise` under a traced condition",
                loc=caller(),
                help="write enigma.assert_(condition, text): a thread raises nothing itself",
            )

    def asserted(self, condition: Any) -> Any:
        """Return the condition of an `assert`; a traced one is refused."""
        if isinstance(condition, TracedValue):
            raise EnigmaSyntaxError(
                "`assert` of a traced value", loc=caller(), help="write enigma.assert_(condition, text)"
            )
        return condition

    def item(self, container: Any, index: Any, name: str | None) -> Any:
        """`container[index]`: a traced index into Python's numbers reads a table in constant memory."""
        if not _is_traced_index(index) or isinstance(container, TracedValue):
            return container[index]
        if is_numbers(container):
            return table(active(), container, None, name, caller())[index]
        if isinstance(container, Mapping):
            raise EnigmaTypeError(
                "a dict cannot be asked for a key that is known only when the kernel runs", loc=caller(),
                help="put the numbers into a tuple, in order, and write T[i]",
            )  # fmt: skip
        return container[index]

    def call(self, function: Any) -> Any:
        """Return what to call instead of `function`: a rewritten copy, a builtin for traced values, or itself."""
        if isinstance(function, types.FunctionType):
            return self._function(function)
        if isinstance(function, types.MethodType) and isinstance(function.__func__, types.FunctionType):
            converted = self._function(function.__func__)
            return function if converted is function.__func__ else types.MethodType(converted, function.__self__)
        if isinstance(function, types.BuiltinFunctionType):
            return _BUILTINS.get(function, function)
        if isinstance(function, type):
            return _BUILTINS.get(function) or self._class(function)
        if isinstance(function, functools.partial):
            return functools.partial(self.call(function.func), *function.args, **function.keywords)
        if isinstance(function, _CACHED):
            return self.call(function.__wrapped__)  # what it keeps would be values of another kernel
        if type(function).__name__ == "ufunc":
            return _of_numpy(function)
        method = type(function).__dict__.get("__call__")
        if isinstance(method, types.FunctionType) and not isinstance(function, Undefined):
            converted = self._function(method)
            return function if converted is method else types.MethodType(converted, function)
        return function

    def _class(self, cls: type) -> Any:
        """A class of the user's: its `__init__` is rewritten too."""
        init = cls.__dict__.get("__init__")
        plain = type(cls) is type and cls.__new__ is object.__new__
        if not plain or not isinstance(init, types.FunctionType) or (converted := self._function(init)) is init:
            return cls

        def make(*args: Any, **kwargs: Any) -> Any:
            made = object.__new__(cast(type[Any], cls))
            converted(made, *args, **kwargs)
            return made

        return make

    def _function(self, function: types.FunctionType) -> Any:
        code = function.__code__
        known = self._rewritten.get(id(code))
        new = known[1] if known is not None else self._rewrite(function)
        if new is code:  # defined inside of rewritten code
            return self._guarded(function)
        return function if new is None else self._guarded(self._with_code(function, new))

    def convert(self, function: types.FunctionType) -> types.FunctionType:
        """Return the rewritten copy of a Python function; the function itself where there is no source."""
        known = self._rewritten.get(id(function.__code__))
        new = known[1] if known is not None else self._rewrite(function, is_kernel=True)
        return function if new is None else self._with_code(function, new)

    def _rewrite(self, function: types.FunctionType, *, is_kernel: bool = False) -> types.CodeType | None:
        code = function.__code__
        plain = is_kernel or not (is_foreign(function) or code.co_flags & _GENERATOR)
        source = source_of(function) if plain else None
        new = rewrite(source, code) if source is not None else None
        if source is not None and not source.is_current:
            loc = SourceLoc(code.co_filename, code.co_firstlineno, 1)
            warn(
                f"the source of {code.co_name} is not what was loaded",
                loc,
                "was the file edited? restart Python, or reload the module",
            )
        self._rewritten[id(code)] = code, new
        for inner in _inner_codes(new) if new is not None else ():
            self._rewritten[id(inner)] = inner, inner
        return new

    def _with_code(self, function: types.FunctionType, code: types.CodeType) -> types.FunctionType:
        """A copy of a function with rewritten code, sharing globals, defaults and closure."""
        cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=True))
        cells[RUNTIME] = types.CellType(self)
        closure = tuple(cells[name] for name in code.co_freevars)
        new = types.FunctionType(code, function.__globals__, function.__name__, function.__defaults__, closure)
        new.__kwdefaults__ = function.__kwdefaults__
        return new

    def _guarded(self, function: types.FunctionType) -> Callable[..., Any]:
        """Refuse recursion that no Python value ends, and let an error say from where the function was called."""
        code = function.__code__

        def run(*args: Any, **kwargs: Any) -> Any:
            depth: dict[types.CodeType, int] = active().depth
            depth[code] = depth.get(code, 0) + 1
            try:
                if depth[code] > _MAX_DEPTH:
                    raise EnigmaSyntaxError(
                        f"{function.__name__} calls itself without end while the kernel is traced", loc=caller(),
                        help="a traced condition cannot end a recursion: write a loop",
                    )  # fmt: skip
                return function(*args, **kwargs)
            except EnigmaError as error:
                _add_call(error, caller())
                raise
            finally:
                depth[code] -= 1

        return run


def _add_call(error: EnigmaError, loc: SourceLoc) -> None:
    """Note the call that led to an error; of a recursion only the outermost calls are worth a line."""
    calls = [note for note in error.notes if note[0] == _CALLED]
    if len(calls) < _MOST_CALLS and (not calls or str(calls[-1][1]) != str(loc)):
        error.notes = (*error.notes, (_CALLED, loc))
        error.args = (error.render(),)


_CALLED = "called from here"
_MOST_CALLS = 6


def _inner_codes(code: types.CodeType) -> Iterator[types.CodeType]:
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            yield const
            yield from _inner_codes(const)


def is_foreign(function: types.FunctionType) -> bool:
    """Return whether a function belongs to Python, to enigma or to a library of arrays: it runs as it is."""
    code = function.__code__
    if is_internal(code) or (code.co_filename.startswith(_STDLIB) and "site-packages" not in code.co_filename):
        return True
    return (function.__module__ or "").split(".")[0] in _FOREIGN and not _is_library(function)


def _is_library(function: types.FunctionType) -> bool:
    return (function.__module__ or "").startswith("enigma.lib")


def _is_traced_index(index: Any) -> bool:
    if isinstance(index, tuple):
        return _has_traced(cast(tuple[Any, ...], index))
    return isinstance(index, TracedValue)


def _has_traced(args: Sequence[Any]) -> bool:
    return any(isinstance(arg, TracedValue) for arg in args)


def _range(*args: Any) -> Any:
    __tracebackhide__ = True  # what Python's own raises is a mistake of the kernel: see debug.users
    if not _has_traced(args):
        return builtins.range(*args)
    return runtime_range(*args)


def runtime_range(*args: Any) -> Range:
    """Return the range whose loop is always one of the kernel.

    for k in enigma.range(0, n, 2):
        acc += A[k]
    """
    if not 1 <= len(args) <= 3:
        raise EnigmaTypeError(
            f"range takes 1 to 3 arguments, but it got {len(args)}", loc=caller(), help="write range(low, high, step)"
        )
    low, high, step = (0, args[0], 1) if len(args) == 1 else (*args, 1)[:3]
    return Range(low, high, step)


def _extreme(python: Callable[..., Any], function: str) -> Callable[..., Any]:
    def choose(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        one = len(args) == 1 and isinstance(args[0], Iterable)  # a vector gives its components, a number refuses
        items = list(cast(Iterable[Any], args[0])) if one else list(args)
        if not any(isinstance(x, TracedValue | Fragment) for x in items):
            return python(items, **kwargs) if one else python(*args, **kwargs)
        if kwargs:
            raise EnigmaTypeError(
                f"{function}() of traced values takes no {', '.join(kwargs)}",
                loc=caller(),
                help="choose with enigma.where(c, x, y)",
            )
        best = items[0]
        for item in items[1:]:
            best = _pairwise(function, best, item)
        return best

    return choose


def _pairwise(function: str, a: Any, b: Any) -> Any:
    """The smaller or larger of two; of floats the one that is no NaN."""
    return active().operator(f"{function}()", (a, b), caller())


def _cast(python: Callable[..., Any], dtype: Numeric) -> Callable[..., Any]:
    def convert(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if len(args) == 1 and isinstance(args[0], TracedValue) and not isinstance(args[0], Handle):
            return control.truth(args[0]) if dtype is b1 else active().convert(args[0], dtype)
        return python(*args, **kwargs)

    return convert


def _of_numpy(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of NumPy, which has numbers of traced values only when it is too late."""

    def numbers(*args: Any, **kwargs: Any) -> Any:
        __tracebackhide__ = True
        if not _has_traced(args):
            return function(*args, **kwargs)
        name = function.__name__
        ours = any(row.public_name == name for row in all_rows())
        raise EnigmaTypeError(
            f"numpy.{name} of a traced value would need its number now", loc=caller(),
            help=f"write enigma.{name}" if ours else "`enigma ops` lists the functions of kernels",
        )  # fmt: skip

    return numbers


def _any(items: Any) -> Any:
    __tracebackhide__ = True
    found: Any = False
    for item in items:
        found = control.or_(found, lambda item=item: item)
    return found


def _all(items: Any) -> Any:
    __tracebackhide__ = True
    every: Any = True
    for item in items:
        every = control.and_(every, lambda item=item: item)
    return every


_BUILTINS: dict[Any, Any] = {
    range: _range, min: _extreme(min, "min"), max: _extreme(max, "max"),
    int: _cast(int, i32), float: _cast(float, f32), bool: _cast(bool, b1), any: _any, all: _all,
}  # fmt: skip

RUNTIME_OBJECT = Runtime()
