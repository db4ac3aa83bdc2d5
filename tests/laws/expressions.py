"""Random expressions of a given dtype as Python source; what is drawn first is the simplest, so that failures shrink."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hypothesis import strategies as st

WIDE = ("i32", "u32", "i64", "u64")
NARROW = ("i8", "u8", "i16", "u16")
FLOATS = ("f32", "f16", "bf16")
DTYPES = (*WIDE, *NARROW, *FLOATS, "b1")
INPUT = 64
"""Elements of each input buffer."""

OWN = 4
"""Elements of each array of a thread's own, and of each table."""

_INTEGERS = ("0", "1", "2", "3", "7", "31", "32", "100")
_ENDS = {"i32": ("-1", "-7", "2147483647", "-2147483648"), "u32": ("4294967295", "2147483648"), "i8": ("-1", "127", "-128"),
         "i64": ("-1", "-100", str(2**63 - 1), str(-(2**63)), str(2**40)), "u64": (str(2**64 - 1), str(2**33)),
         "u8": ("255", "128"), "i16": ("-1", "32767", "-32768"), "u16": ("65535",)}  # fmt: skip
_REALS = ("0.0", "1.0", "2.0", "0.5", "-1.0", "-1.5", "3.25", "100.0", "0.1")
_MIXED = {"i32": (("i8", "i32"), ("u8", "i16"), ("i8", "i8"), ("u16", "u16"), ("b1", "i32")),
          "u32": (("i32", "u32"), ("u32", "i8")), "i64": (("i64", "i32"), ("u32", "i64")), "u64": (("i64", "u64"), ("u64", "u8")),
          "f32": (("f32", "i32"), ("f16", "f32"), ("bf16", "f32"), ("u32", "f32")), "f16": (("f16", "i32"),),
          "bf16": (("bf16", "u32"),)}  # fmt: skip
_FUNCTIONS = {"imin": 2, "imax": 2, "abs_diff": 2, "add_sat": 2, "sub_sat": 2, "mul_hi": 2, "rotate": 2, "mad_sat": 3, "iclamp": 3,
              "popcount": 1, "clz": 1, "ctz": 1, "reverse_bits": 1}  # fmt: skip

_NO_BODY = ("mad_sat", "rotate")  # of which the stub that clang runs Metal with has no body

X = TypeVar("X")
Draw = Callable[[st.SearchStrategy[Any]], Any]


class Expressions:
    """Draws expressions over the names in scope; `names[dtype]` are those of a dtype, `dtypes` those with buffers.

    With `plain`, only what C++ defines: no division by zero, no wide shift, no float that an integer may not hold.
    """

    def __init__(self, draw: Draw, dtypes: Sequence[str], *, plain: bool = False) -> None:
        self.draw, self.dtypes = draw, tuple(dtypes)
        self.names: dict[str, list[str]] = {dtype: [] for dtype in DTYPES}
        self.lists: dict[str, list[str]] = {dtype: [] for dtype in DTYPES}
        self.arrays: dict[str, list[str]] = {dtype: [] for dtype in DTYPES}
        self.helpers: list[tuple[str, str]] = []
        self.memory = True
        self.plain = plain

    def choose(self, options: Sequence[X]) -> X:
        """Return one of the options, earlier ones when shrinking."""
        return options[self.draw(st.integers(0, len(options) - 1))]

    def leaf(self, dtype: str) -> str:
        """Return a name, a list's element, or a typed literal."""
        options = [*self.names[dtype], *(f"{name}[{k}]" for name in self.lists[dtype] for k in (0, 1))]
        if options and self.choose((True, True, False)):
            return self.choose(options)
        others = [name for other in ("i32", "u32") for name in self.names[other]]
        if not options and others and self.choose((True, False)):
            return f"en.{dtype}({self.choose(others)})"
        return self.literal(dtype)

    def literal(self, dtype: str) -> str:
        """Return a constant of exactly this dtype."""
        if dtype == "b1":
            return f"en.b1({self.choose(('True', 'False'))})"
        numbers = _REALS if dtype in FLOATS else _INTEGERS + _ENDS[dtype]
        return f"en.{dtype}({self.choose(numbers)})"

    def value(self, dtype: str, depth: int) -> str:
        """Return an expression whose value has exactly this dtype."""
        if depth <= 0:
            return self.leaf(dtype)
        if dtype == "b1":
            return self.condition(depth)
        forms = [
            self._leaf,
            self._binary,
            self._call,
            self._load,
            self._choice,
            self._convert,
            self._mixed,
            self._guarded,
            self._own,
            self._component,
        ]
        return self.choose(forms)(dtype, depth - 1)

    def index(self, depth: int) -> str:
        """Return an index into an input buffer."""
        return f"({self.value(self.choose(('u32', 'i32', 'i64')), depth)} & {INPUT - 1})"

    def condition(self, depth: int) -> str:
        """Return a truth value."""
        if depth <= 0:
            return self.leaf("b1") if self.names["b1"] and self.choose((True, False)) else self._comparison(0)
        forms: list[Callable[[int], str]] = [
            self._comparison,
            lambda d: f"({self.condition(d)} and {self.condition(d)})",
            lambda d: f"({self.condition(d)} or {self.condition(d)})",
            lambda d: f"(not {self.condition(d)})",
            self._chain,
            lambda d: f"({self.condition(d)} {self.choose('&|^')} {self.condition(d)})",
        ]
        return self.choose(forms)(depth - 1)

    def _leaf(self, dtype: str, depth: int) -> str:
        return self.leaf(dtype)

    def _comparison(self, depth: int) -> str:
        dtype = self.choose(("i32", "u32", "f32", *self.dtypes))
        if dtype == "b1":
            dtype = "i32"
        operator = self.choose(("<", ">", "<=", ">=", "==", "!="))
        # `u >= 0` and `u < 0` are warned about: they are decided
        right = self.value(dtype, depth)
        return f"({self.value(dtype, depth)} {operator} {right})"

    def _chain(self, depth: int) -> str:
        dtype = self.choose(WIDE)
        a, b, c = (self.value(dtype, depth) for _ in range(3))
        return f"({a} {self.choose(('<', '<='))} {b} {self.choose(('<', '<='))} {c})"

    def _binary(self, dtype: str, depth: int) -> str:
        if dtype in NARROW:
            return f"en.{dtype}({self._binary('i32', depth)})"
        if dtype in FLOATS:
            operators = ("+", "-", "*", "/") if dtype == "f32" else ("+", "-", "*")
            return f"({self.value(dtype, depth)} {self.choose(operators)} {self.value(dtype, depth)})"
        operator = self.choose(("+", "-", "*", "&", "|", "^", "<<", ">>", "%", "//", "/"))
        left = self.value(dtype, depth)
        if self.plain and operator not in "+-*&|^":
            return f"({left} {operator} {self.choose(('1', '2', '3', '16', '7'))})"
        if operator in ("<<", ">>"):
            return f"({left} {operator} {self.value(self.choose(('i32', 'u32', 'u8', 'i64')), depth)})"
        if self.choose((False, False, True)):
            return f"({left} {operator} {self.choose(('1', '2', '3', '16', '7'))})"
        return f"({left} {operator} {self.value(dtype, depth)})"

    def _call(self, dtype: str, depth: int) -> str:
        known = [name for name, result in self.helpers if result == dtype]
        if known and self.choose((True, False)):
            return f"{self.choose(known)}({self.value(dtype, depth)}, {self.value(dtype, depth)})"
        if dtype in FLOATS:
            return self._float_call(dtype, depth)
        if dtype in WIDE and self.choose((True, False)):
            return f"({self.choose('-~')}{self.value(dtype, depth)})"
        name = self.choose(tuple(name for name in _FUNCTIONS if not self.plain or name not in _NO_BODY))
        arguments = ", ".join(self.value(dtype, depth) for _ in range(_FUNCTIONS[name]))
        return f"en.{name}({arguments})"

    def _float_call(self, dtype: str, depth: int) -> str:
        x = self.value(dtype, depth)
        forms = (
            lambda: f"(-{x})",
            lambda: f"abs({x})",
            lambda: f"en.fmin({x}, {self.value(dtype, depth)})",
            lambda: f"en.fmax({x}, {self.value(dtype, depth)})",
            lambda: f"en.floor({x})",
            lambda: f"en.sqrt(abs({x}))",
            lambda: f"en.fma({x}, {self.value(dtype, depth)}, {self.value(dtype, depth)})",
        )
        return self.choose(forms)()

    def _load(self, dtype: str, depth: int) -> str:
        if dtype not in self.dtypes or not self.memory:
            return self.leaf(dtype)
        if self.choose((True, True, False)):
            return f"A_{dtype}[{self.index(depth)}]"
        return f"Out_{dtype}[gid * 4 + {self.choose('0123')}]"

    def _own(self, dtype: str, depth: int) -> str:
        """Return an element of an array of the thread's own, if there is one, or of a table."""
        if self.arrays[dtype] and self.choose((True, True, False)):
            return f"{self.choose(self.arrays[dtype])}[{self.place(depth)}]"
        whole = [n for n in _INTEGERS if n != "100"] + [n for n in _ENDS.get(dtype, ()) if abs(int(n)) < 2**31]
        numbers = ", ".join(self.choose(_REALS if dtype in FLOATS else whole) for _ in range(OWN))
        return f"en.{dtype}(({numbers})[{self.place(depth)}])"

    def _component(self, dtype: str, depth: int) -> str:
        """Return a component of an expression of vectors."""
        if dtype not in (*WIDE, "f32"):  # narrow ones would widen
            return self.leaf(dtype)
        lanes = self.choose((2, 3, 4))
        text = f"({self._vector(dtype, lanes, depth)} {self._between(dtype)} {self._vector(dtype, lanes, depth)})"
        if self.choose((True, False)):
            names = "".join(self.choose("xyzw"[:lanes]) for _ in range(lanes))
            text = f"({text}.{names} {self._between(dtype)} {self.value(dtype, depth - 1)})"
        return f"{text}.{self.choose('xyzw'[:lanes])}"

    def _between(self, dtype: str) -> str:
        return self.choose("+-*" if dtype == "f32" else "+-*&|^")

    def _vector(self, dtype: str, lanes: int, depth: int) -> str:
        if self.memory and dtype in self.dtypes and self.choose((True, False)):
            return f"A_{dtype}.load({self.value('u32', 0)} & {INPUT - 5}, {lanes})"
        parts = 1 if self.choose((False, True)) else lanes
        return f"en.{dtype}x{lanes}({', '.join(self.value(dtype, depth - 1) for _ in range(parts))})"

    def place(self, depth: int) -> str:
        """Return an index into an array of the thread's own."""
        return f"{self.value(self.choose(('u32', 'i32')), depth)} & {OWN - 1}"

    def _guarded(self, dtype: str, depth: int) -> str:
        if dtype not in self.dtypes or not self.memory:
            return self.leaf(dtype)
        other, place = self.leaf(dtype), self.choose(("gid", "lid"))
        forms = (
            f"(A_{dtype}[{place} - 1] if {place} > 0 and {place} < {INPUT} else {other})",
            f"(A_{dtype}[{place} + 1] if {place} + 1 < {INPUT} else {other})",
            f"en.load_if(A_{dtype}, {place} - 1, ({place} > 0) & ({place} < {INPUT}), {other})",
        )
        return self.choose(forms)

    def _choice(self, dtype: str, depth: int) -> str:
        a, b = self.value(dtype, depth), self.value(dtype, depth)
        if self.choose((True, False)):
            return f"({a} if {self.condition(depth)} else {b})"
        return f"en.where({self.condition(depth)}, {a}, {b})"

    def _convert(self, dtype: str, depth: int) -> str:
        source = self.choose(("i32", "u32", "f32", *self.dtypes, "b1"))
        if self.plain and source in FLOATS and dtype not in FLOATS:
            source = "i32"
        return f"en.{dtype}({self.value(source, depth)})"

    def _mixed(self, dtype: str, depth: int) -> str:
        if dtype not in _MIXED:
            return self._convert(dtype, depth)
        a, b = self.choose(_MIXED[dtype])
        if self.choose((False, True)):
            a, b = b, a
        return f"({self.value(a, depth)} {self.choose('+-*')} {self.value(b, depth)})"
