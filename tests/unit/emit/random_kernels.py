"""Random kernels of integer control flow: Python sources that plain Python runs too, which says what they mean."""

from __future__ import annotations

import random
from collections.abc import Iterator

VARIABLES = ("a", "b", "c", "d")
ELEMENTS = 64


class Writer:
    """Writes one kernel; `depth` limits how deep statements nest."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.counters = 0

    def source(self, name: str) -> str:
        """Return the source of a kernel: buffers A (read) and Out, scalars p and q."""
        body = [
            f"    {variable} = {start}" for variable, start in zip(VARIABLES, ("p", "q", "p + q", "1"), strict=True)
        ]
        body += [f"    {line}" for _ in range(4) for line in self.statement(3, loop=False)]
        body += [f"    Out[{k}] = {variable}" for k, variable in enumerate(VARIABLES)]
        head = f"def {name}(A: en.i32, Out: en.i32, p: en.Scalar(en.i32), q: en.Scalar(en.i32)):"
        return "\n".join(["@en.kernel", head, *body]) + "\n"

    def value(self) -> str:
        """Return an expression without an effect."""
        x, y = self.random.choice(VARIABLES), self.random.choice((*VARIABLES, "p", "3", "17"))
        forms = (
            f"{x} + {y}",
            f"{x} - {y}",
            f"({x} ^ {y}) + 1",
            f"{x} * 3 + {y}",
            f"A[({x} + {y}) & 63]",
            f"Out[({x} ^ {y}) & 63] + {x}",
            f"(A[{x} & 63] if {self.condition()} else {y})",
            f"({x} if {self.condition()} else {y} - {x})",
        )
        return f"({self.random.choice(forms)}) & 1023"

    def condition(self) -> str:
        """Return a condition, some of which read memory only when a first part holds."""
        x, y = self.random.sample(VARIABLES, 2)
        forms = (
            f"{x} < {y}",
            f"({x} & 3) == 1",
            f"{x} > 100 and {y} != 5",
            f"{x} < 500 or A[{y} & 63] > {x}",
            f"not {x} > {y}",
            f"{x} > 9 and Out[{y} & 63] < {x}",
        )
        return self.random.choice(forms)

    def statement(self, depth: int, *, loop: bool) -> Iterator[str]:
        """Yield the lines of one statement."""
        choice = self.random.random()
        x, y = self.random.sample(VARIABLES, 2)
        if depth == 0 or choice < 0.25:
            yield f"{x} = {self.value()}"
        elif choice < 0.31:
            yield f"Out[{4 + self.random.randrange(60)}] = {self.value()}"
        elif choice < 0.35:
            element = f"Out[({x} & 31) + 4]"
            yield f"{element} = {element} {self.random.choice('+-^|')} {self.value()} & 1023"
        elif choice < 0.42:
            yield f"{x}, {y} = {y}, {self.value()}"
        elif choice < 0.48:
            yield f"{x} += {y} & 7"
        elif choice < 0.70:
            yield from self.branch(depth, loop=loop)
        elif choice < 0.82:
            yield from self.counted(depth)
        elif choice < 0.86:
            yield from self.unrolled(depth)
        elif choice < 0.96:
            yield from self.conditional(depth)
        elif loop:
            yield f"if {self.condition()}:"
            yield f"    {self.random.choice(('break', 'continue', 'break', 'return'))}"
        else:
            yield f"if {self.condition()} and {x} > 900:"
            yield "    return"

    def block(self, depth: int, *, loop: bool) -> Iterator[str]:
        """Yield one to three indented statements."""
        for _ in range(self.random.randint(1, 3)):
            for line in self.statement(depth - 1, loop=loop):
                yield f"    {line}"

    def leave(self, *, loop: bool) -> Iterator[str]:
        """Yield, sometimes, a statement that leaves the loop."""
        if loop and self.random.random() < 0.5:
            yield f"    {self.random.choice(('break', 'continue'))}"

    def branch(self, depth: int, *, loop: bool) -> Iterator[str]:
        """Yield an if statement."""
        yield f"if {self.condition()}:"
        yield from self.block(depth, loop=loop)
        yield from self.leave(loop=loop)
        if self.random.random() < 0.3:
            yield f"elif {self.condition()}:"
            yield from self.block(depth, loop=loop)
        if self.random.random() < 0.6:
            yield "else:"
            yield from self.block(depth, loop=loop)
            yield from self.leave(loop=loop)

    def counted(self, depth: int) -> Iterator[str]:
        """Yield a for loop of a traced length."""
        self.counters += 1
        x, index = self.random.choice(VARIABLES), f"i{self.counters}"
        y = self.random.choice(VARIABLES)
        bounds = self.random.choice((f"({x} & 7) + 1", f"{x} & 3, ({y} & 7) + 1", f"{x} & 1, {y} & 15, 3"))
        yield f"for {index} in range({bounds}):"
        yield f"    {self.random.choice(VARIABLES)} += {index}"
        yield from self.block(depth, loop=True)

    def unrolled(self, depth: int) -> Iterator[str]:
        """Yield a for loop of a known length, which the tracer writes out."""
        self.counters += 1
        index = f"i{self.counters}"
        yield f"for {index} in range({self.random.randint(2, 3)}):"
        if self.random.random() < 0.5:
            yield f"    if {self.condition()}:"
            yield f"        {self.random.choice(('break', 'continue', 'break'))}"
        yield f"    {self.random.choice(VARIABLES)} += {index} & 1023"
        yield from self.block(depth, loop=True)

    def conditional(self, depth: int) -> Iterator[str]:
        """Yield a while loop that ends."""
        self.counters += 1
        fuel = f"n{self.counters}"
        yield f"{fuel} = {self.random.choice(VARIABLES)} & 7"
        yield f"while {fuel} > 0 and ({self.condition()}):"
        yield f"    {fuel} -= 1"
        yield from self.block(depth, loop=True)
        if self.random.random() < 0.4:
            x, y = self.random.sample(VARIABLES, 2)
            yield f"    {x}, {y} = {y} + 1 & 1023, {x}"
            yield f"    if {self.condition()}:"
            yield "        break"
