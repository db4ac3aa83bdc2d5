"""The value users handle in a kernel: every Python operator works on it, or says at the line what to write instead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NoReturn, Self

from enigma.context import current
from enigma.dtypes import BufferType, Matrix, Numeric, SimdgroupMatrix, TextureType, Type
from enigma.errors import EnigmaError, EnigmaTypeError
from enigma.layout.leaf import Dynamic
from enigma.source import caller, is_internal
from enigma.trace.node import Block, Node, Op, Value


def active() -> Any:
    """Return the tracer of the kernel being traced; raises `EnigmaError` outside of one."""
    tracer = current.get()
    if tracer is None:
        raise EnigmaError(
            "this is an operation of kernels, and no kernel is being traced",
            loc=caller(),
            help="call it inside a function decorated with @enigma.kernel",
        )
    return tracer


def _operator(symbol: str, *operands: Any) -> Any:
    return active().operator(symbol, operands)


def _refuse(message: str, help: str) -> NoReturn:
    raise EnigmaTypeError(message, loc=caller(), help=help)


class TracedValue(Value, Dynamic):
    """A value that exists when the kernel runs. `.dtype` is its dtype, `.name` the variable it was first assigned to."""

    __slots__ = ("scope", "weak")

    def __init__(self, type: Type, name: str | None = None, owner: Node | None = None) -> None:
        super().__init__(type, name, owner)
        self.scope: Block | None = None
        self.weak: Callable[[Numeric], None] | None = None  # asks the loop that made it to start with another dtype

    @property
    def dtype(self) -> Numeric:
        """The dtype, for example `enigma.f32`."""
        if not isinstance(self.type, Numeric):
            _refuse("a buffer has no single value", "read an element: A[i]")
        return self.type

    def _kind(self) -> str:
        match self.type:
            case Numeric():
                return self.type.name
            case BufferType():
                return f"buffer of {self.type.element.name}"
            case TextureType():
                return f"{self.type.kind.title} of {self.type.element.name}"

    def as_leaf(self) -> Self:
        """Return itself, as an extent or a stride of a layout; raises `EnigmaTypeError` for what is no single integer."""
        if not isinstance(self.type, Numeric) or not self.type.is_integer or self.type.parts > 1:
            _refuse(
                f"{self.name or 'this value'} is a {self._kind()}, and shapes, strides and coordinates are made of integers",
                f"convert it: {self.name or 'x'}.to(enigma.i32)",
            )
        return self

    def to(self, dtype: Any) -> TracedValue:
        """Return this value converted to `dtype`: floats to integers truncate and saturate, integers wrap.

        Raises `EnigmaTypeError` for an unknown dtype.
        """
        return active().convert(self, dtype)

    def __repr__(self) -> str:
        return f"<{self.name or 'value'}: {self.type!r}>"

    def __hash__(self) -> int:
        # Python's dicts and sets would look for this very object, not for a value; ours do want the object
        if not is_internal(sys._getframe(1).f_code):  # pyright: ignore[reportPrivateUsage] - documented, and the only way
            _refuse(
                "a traced value cannot be a key of a dict, nor an element of a set: it has no number yet",
                "numbers looked up by a traced index go into a tuple: T[i]; compare with `i in (1, 2)` or `i == 1`",
            )
        return object.__hash__(self)

    __array_ufunc__ = None  # so that NumPy's numbers leave their operators to ours

    # fmt: off
    def __add__(self, other: Any) -> Any: return _operator("+", self, other)
    def __radd__(self, other: Any) -> Any: return _operator("+", other, self)
    def __sub__(self, other: Any) -> Any: return _operator("-", self, other)
    def __rsub__(self, other: Any) -> Any: return _operator("-", other, self)
    def __mul__(self, other: Any) -> Any: return _operator("*", self, other)
    def __rmul__(self, other: Any) -> Any: return _operator("*", other, self)
    def __matmul__(self, other: Any) -> Any: return _operator("@", self, other)
    def __rmatmul__(self, other: Any) -> Any: return _operator("@", other, self)
    def __truediv__(self, other: Any) -> Any: return _operator("/", self, other)
    def __rtruediv__(self, other: Any) -> Any: return _operator("/", other, self)
    def __floordiv__(self, other: Any) -> Any: return _operator("//", self, other)
    def __rfloordiv__(self, other: Any) -> Any: return _operator("//", other, self)
    def __mod__(self, other: Any) -> Any: return _operator("%", self, other)
    def __rmod__(self, other: Any) -> Any: return _operator("%", other, self)
    def __pow__(self, other: Any) -> Any: return _operator("**", self, other)
    def __rpow__(self, other: Any) -> Any: return _operator("**", other, self)
    def __and__(self, other: Any) -> Any: return _operator("&", self, other)
    def __rand__(self, other: Any) -> Any: return _operator("&", other, self)
    def __or__(self, other: Any) -> Any: return _operator("|", self, other)
    def __ror__(self, other: Any) -> Any: return _operator("|", other, self)
    def __xor__(self, other: Any) -> Any: return _operator("^", self, other)
    def __rxor__(self, other: Any) -> Any: return _operator("^", other, self)
    def __lshift__(self, other: Any) -> Any: return _operator("<<", self, other)
    def __rlshift__(self, other: Any) -> Any: return _operator("<<", other, self)
    def __rshift__(self, other: Any) -> Any: return _operator(">>", self, other)
    def __rrshift__(self, other: Any) -> Any: return _operator(">>", other, self)
    def __divmod__(self, other: Any) -> Any: return _operator("//", self, other), _operator("%", self, other)
    def __rdivmod__(self, other: Any) -> Any: return _operator("//", other, self), _operator("%", other, self)
    def __neg__(self) -> Any: return _operator("u-", self)
    def __pos__(self) -> TracedValue: return self
    def __invert__(self) -> Any: return _operator("u~", self)
    def __abs__(self) -> Any: return _operator("abs()", self)
    def __round__(self, digits: Any = None) -> Any:
        if digits is not None:
            _refuse("round() of a traced value takes no digits", "scale first: enigma.round(x * 100) / 100")
        return _operator("round()", self)
    def __floor__(self) -> Any: return _operator("floor()", self)
    def __ceil__(self) -> Any: return _operator("ceil()", self)
    def __trunc__(self) -> Any: return _operator("trunc()", self)
    def __eq__(self, other: object) -> Any: return _operator("==", self, other)
    def __ne__(self, other: object) -> Any: return _operator("!=", self, other)
    def __lt__(self, other: Any) -> Any: return _operator("<", self, other)
    def __le__(self, other: Any) -> Any: return _operator("<=", self, other)
    def __gt__(self, other: Any) -> Any: return _operator(">", self, other)
    def __ge__(self, other: Any) -> Any: return _operator(">=", self, other)
    # fmt: on

    def __bool__(self) -> bool:
        _refuse(
            "a traced value has no truth value while the kernel is compiled",
            "write enigma.where(c, x, y), `c & d` or `c | d`; native `if`, `while`, `and`, `or` and `not` work in functions whose "
            "source is in a file or notebook, elsewhere `with enigma.if_(c):` does",
        )

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        if name == "thread_elements" and isinstance(self.type, SimdgroupMatrix):
            return active().matrix_elements(self, caller())
        return active().named_components(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        try:
            object.__setattr__(self, name, value)
        except AttributeError:
            active().refuse_attribute(self, name)

    def replace(self, **components: Any) -> TracedValue:
        """Return this vector with some components replaced: `v.replace(x=1.0, zw=w)`. What `v.x = 1.0` does to `v`.

        Raises `EnigmaTypeError` for components that the vector does not have, and values that do not fit.
        """
        made = self
        for name, value in components.items():
            made = active().replaced_components(made, name, value)
        return made

    def __len__(self) -> int:
        if isinstance(self.type, Numeric) and self.type.lanes > 1:
            return self.type.lanes
        if isinstance(self.type, SimdgroupMatrix):
            return self.type.parts
        if isinstance(self.type, Matrix):
            return self.type.columns
        _refuse(
            f"len() of a single {self._kind()}", "only a list, a tuple, a vector or threadgroup memory has a length"
        )

    def __int__(self) -> int:
        _refuse("int() of a traced value would need its number now", "convert in the kernel: x.to(enigma.i32)")

    def __float__(self) -> float:
        _refuse(
            "float() of a traced value would need its number now",
            "convert it with x.to(enigma.f32); for a function of Python's math module write enigma's own",
        )

    def __index__(self) -> int:
        _refuse(
            "a traced value cannot be an index of a Python list, nor a bound of Python's range()",
            "numbers go into constant memory, enigma.constant(...), values of the kernel into enigma.thread_alloc(dtype, size); "
            "a function whose source is not in a file loops with `with enigma.for_range(0, n) as i:`",
        )

    def __iter__(self) -> Any:
        if isinstance(self.type, Numeric) and self.type.lanes > 1:
            return iter([self[lane] for lane in range(self.type.lanes)])
        if isinstance(self.type, SimdgroupMatrix):
            return iter(active().matrix_elements(self, caller()))
        if isinstance(self.type, Matrix):
            return iter(active().matrix_columns(self, caller()))
        _refuse(f"a traced {self._kind()} cannot be iterated over", "loop over indices: for i in range(n): A[i]")

    def __getitem__(self, index: Any) -> Any:
        if isinstance(self.type, Numeric) and self.type.lanes > 1:
            return active().numbered_component(self, index)
        if isinstance(self.type, SimdgroupMatrix):
            return active().matrix_element(self, index, caller())
        if isinstance(self.type, Matrix):
            return active().matrix_column(self, index, caller())
        _refuse(f"{self.name or 'this value'} is a single {self._kind()}, not a buffer: it cannot be indexed",
                "index a buffer parameter, annotated enigma.f32 and the like")  # fmt: skip

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(self.type, Numeric) and self.type.lanes > 1:
            _refuse(f"{self.name or 'this vector'}[...] cannot be assigned",
                    "write v.x = value, or v = v.replace(x=value)")  # fmt: skip
        if isinstance(self.type, SimdgroupMatrix):
            _refuse(f"{self.name or 'this matrix'}[...] cannot be assigned",
                    f"write {self.name or 'm'}.thread_elements[0] = value")  # fmt: skip
        if isinstance(self.type, Matrix):
            _refuse(f"{self.name or 'this matrix'}[...] cannot be assigned",
                    f"make a new one of its columns: {self.type.name}(column, {self.name or 'm'}[1], ...)")  # fmt: skip
        _refuse(f"{self.name or 'this value'} is a single {self._kind()}, not a buffer: its elements cannot be set",
                "a Scalar is read-only; write to a buffer parameter, annotated enigma.f32 and the like")  # fmt: skip

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        _refuse(
            f"a traced {self._kind()} cannot be called",
            self.along("it is an attribute: write it without (); ")
            or "only functions are called; a product is written x * y",
        )

    def along(self, first: str = "") -> str:
        """Return how another axis of this position is asked for, after `first`; "" for a value that is no grid query."""
        owner = self.owner
        if not isinstance(owner, Op) or owner.row.level is None or not owner.row.params:
            return ""
        return f'{first}for another axis write enigma.{owner.row.public_name}("y")'


class Handle(TracedValue):
    """What stands for memory rather than for a number: no variable of a branch or loop carries it."""

    __slots__ = ()

    @property
    def memory(self) -> Handle:
        """The memory that it stands for, whole."""
        return self
