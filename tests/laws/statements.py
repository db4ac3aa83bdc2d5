"""Random statements as Python source: assignments, branches, loops and early exits of one thread."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from tests.laws.expressions import DTYPES, OWN, Draw, Expressions

INDENT = "    "


class Author:
    """Writes one program. Lines go to both texts, unless the oracle's differs."""

    def __init__(self, draw: Draw, dtypes: tuple[str, ...], *, plain: bool = False) -> None:
        self.ex = Expressions(draw, dtypes, plain=plain)
        self.choose = self.ex.choose
        self.kernel: list[str] = []
        self.oracle: list[str] = []
        self.level, self.count, self.loops = 1, 0, 0
        self.budget = 24
        self.variables: dict[str, list[str]] = {dtype: [] for dtype in DTYPES}

    def line(self, text: str, oracle: str | None = None) -> None:
        """Write a line; with `oracle`, the oracle reads that instead."""
        self.kernel.append(INDENT * self.level + text)
        self.oracle.append(INDENT * self.level + (text if oracle is None else oracle))

    def new(self, prefix: str) -> str:
        """Return a name that was not used yet."""
        self.count += 1
        return f"{prefix}{self.count}"

    def define(self, dtype: str, text: str, oracle: str | None = None) -> str:
        """Write the definition of a new variable of a dtype."""
        name = self.new(dtype[0])
        self.line(f"{name} = {text}", None if oracle is None else f"{name} = {oracle}")
        self.variables[dtype].append(name)
        self.ex.names[dtype].append(name)
        return name

    @contextlib.contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Write an indented block; what it defines ends with it."""
        self.line(head)
        kept = [
            {d: list(names) for d, names in table.items()}
            for table in (self.variables, self.ex.names, self.ex.lists, self.ex.arrays)
        ]
        self.level += 1
        yield
        self.level -= 1
        self.variables, self.ex.names, self.ex.lists, self.ex.arrays = kept

    def body(self, head: str, *, loop: bool, leave: bool, depth: int) -> None:
        """Write a block of one to three statements."""
        with self.block(head):
            for _ in range(self.choose((1, 2, 3))):
                self.statement(depth - 1, loop=loop, leave=leave)

    def statement(self, depth: int, *, loop: bool = False, leave: bool = False) -> None:
        """Write one statement; `loop` allows break and continue, `leave` an early return."""
        self.budget -= 1
        plain: list[Callable[[], None]] = [
            self.assign,
            self.assign,
            self.declare,
            self.store,
            self.swap,
            self.element,
            self.own,
        ]
        if self.ex.memory and not self.ex.plain:
            plain.append(self.tally)
        nested: list[Callable[[], None]] = [
            lambda: self.branch(loop=loop, leave=leave, depth=depth),
            lambda: self.counted(leave=leave, depth=depth),
            lambda: self.conditional(leave=leave, depth=depth),
        ]
        if self.loops >= 2:
            nested = nested[:1]
        leaving: list[Callable[[], None]] = []
        if loop:
            leaving.append(lambda: self.exit(self.choose(("break", "continue"))))
        if leave:
            leaving.append(lambda: self.exit("return"))
        self.choose(plain if depth <= 0 or self.budget < 0 else [*plain, *nested, *nested, *leaving])()

    def assign(self) -> None:
        """Write an assignment to a variable, which keeps its dtype."""
        dtypes = [dtype for dtype, names in self.variables.items() if names]
        dtype = self.choose(dtypes)
        name = self.choose(self.variables[dtype])
        if dtype in ("i32", "u32", "f32", "i64") and self.choose((False, True)):
            self.line(f"{name} {self.choose('+-*')}= {self.ex.value(dtype, 2)}")
        else:
            self.line(f"{name} = {self.ex.value(dtype, 3)}")

    def declare(self) -> None:
        """Write a new variable, or a list of two."""
        dtype = self.choose((*self.ex.dtypes, "b1"))
        if self.choose((True, True, False)):
            self.define(dtype, self.ex.value(dtype, 2))
            return
        name = self.new("l")
        if self.choose((True, False)):
            self.line(f"{name} = [{self.ex.value(dtype, 1)}, {self.ex.value(dtype, 1)}]")
        else:
            fill = self.ex.literal(dtype)
            self.line(
                f"{name} = en.register_tensor(2, en.{dtype}, {fill})", f'{name} = Buffer("{dtype}", [{fill}] * 2)'
            )
        self.ex.lists[dtype].append(name)

    def own(self) -> None:
        """Write an array of the thread's own, or a store to one at a place that the thread computes."""
        dtypes = [dtype for dtype, names in self.ex.arrays.items() if names]
        if dtypes and self.choose((True, True, False)):
            dtype = self.choose(dtypes)
            self.line(f"{self.choose(self.ex.arrays[dtype])}[{self.ex.place(1)}] = {self.ex.value(dtype, 2)}")
            return
        if self.level > 1:  # a loop that is unrolled around a `break` would leave one of several arrays behind
            self.assign()
            return
        dtype, name = self.choose((*self.ex.dtypes, "b1")), self.new("m")
        fill = self.choose(("False", "True") if dtype == "b1" else ("0", "1", "7"))
        self.line(
            f"{name} = en.thread_alloc(en.{dtype}, {OWN}, fill={fill})", f'{name} = Buffer("{dtype}", [{fill}] * {OWN})'
        )
        self.ex.arrays[dtype].append(name)

    def element(self) -> None:
        """Write an assignment to a list's element, if there is a list."""
        dtypes = [dtype for dtype, names in self.ex.lists.items() if names]
        if not dtypes:
            self.assign()
            return
        dtype = self.choose(dtypes)
        self.line(f"{self.choose(self.ex.lists[dtype])}[{self.choose('01')}] = {self.ex.value(dtype, 2)}")

    def store(self) -> None:
        """Write a store to one of the thread's own elements."""
        dtype = self.choose(self.ex.dtypes)
        place = f"gid * 4 + {self.choose('0123')}"
        if self.choose((True, True, False)):
            self.line(f"Out_{dtype}[{place}] = {self.ex.value(dtype, 2)}")
        else:
            self.line(f"en.store_if(Out_{dtype}, {place}, {self.ex.value(dtype, 1)}, {self.ex.condition(1)})")

    def tally(self) -> None:
        """Write an atomic operation whose order among the threads does not matter; each has an element of its own."""
        place, name = self.choose(tuple(enumerate(("add", "or", "xor", "max"))))
        self.line(f"en.atomic_fetch_{name}(Count, {place}, {self.ex.value('i32', 2)})")

    def swap(self) -> None:
        """Write a parallel assignment."""
        dtype = next((d for d, names in self.variables.items() if len(names) > 1), None)
        if dtype is None:
            self.assign()
            return
        a, b = self.variables[dtype][:2]
        self.line(f"{a}, {b} = {b}, {self.ex.value(dtype, 1) if self.choose((False, True)) else a}")

    def exit(self, word: str) -> None:
        """Write a condition that leaves a loop or the kernel."""
        with self.block(f"if {self.ex.condition(1)}:"):
            self.line(word)

    def repeated(self, *, leave: bool, depth: int) -> None:
        """Write the statements of a loop, with an exit between them."""
        for _ in range(self.choose((1, 2))):
            self.statement(depth - 1, loop=True, leave=leave)
        if self.choose((False, True)):
            self.exit(self.choose(("break", "continue", "return") if leave else ("break", "continue")))
            self.statement(depth - 1, loop=True, leave=leave)

    def branch(self, *, loop: bool, leave: bool, depth: int) -> None:
        """Write if, elif and else."""
        self.body(f"if {self.ex.condition(2)}:", loop=loop, leave=leave, depth=depth)
        for _ in range(self.choose((0, 0, 1, 2))):
            self.body(f"elif {self.ex.condition(1)}:", loop=loop, leave=leave, depth=depth)
        if self.choose((True, False)):
            self.body("else:", loop=loop, leave=leave, depth=depth)

    def counted(self, *, leave: bool, depth: int) -> None:
        """Write a for loop: unrolled, of constant bounds, or of bounds that a thread computes."""
        few = f"({self.ex.value('i32', 1)} & 7)"
        ranges = (
            "range(3)",
            f"range({few})",
            "en.range(0, 5)",
            f"range({self.choose('0123')}, {few}, {self.choose('123')})",
            f"range(({self.ex.value('i32', 1)} & 3), {few}, ({self.ex.value('i32', 0)} & 1) + 1)",
            "range(6, 0, -2)",
            f"range({few}, -1, -1)",
            f"range({self.ex.value('u32', 1)} & 3)",
        )
        index = self.new("k")
        self.loops += 1
        with self.block(f"for {index} in {self.choose(ranges)}:"):
            self.define("i32", f"en.i32({index})")
            self.repeated(leave=leave, depth=depth)
        self.loops -= 1

    def conditional(self, *, leave: bool, depth: int) -> None:
        """Write a while loop; a counter bounds it."""
        fuel = self.new("n")
        self.line(f"{fuel} = {self.ex.value('i32', 1)} & 7")
        self.loops += 1
        rest = f" and {self.ex.condition(1)}" if self.choose((True, False)) else ""
        with self.block(f"while {fuel} > 0{rest}:"):
            self.line(f"{fuel} -= 1")
            self.repeated(leave=leave, depth=depth)
        self.loops -= 1
