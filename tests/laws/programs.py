"""Random kernels as Python source, with the text that the oracle runs beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.laws.expressions import DTYPES, Draw
from tests.laws.statements import INDENT, Author

Size = tuple[int, int, int]
_POSITIONS = """\
gx = en.thread_position_in_grid_xyz("x")
gy = en.thread_position_in_grid_xyz("y")
gz = en.thread_position_in_grid_xyz("z")
gid = (gz * en.threads_per_grid("y") + gy) * en.threads_per_grid("x") + gx
lid = en.thread_index_in_threadgroup()
lane = en.thread_index_in_simdgroup()
group = en.threadgroup_position_in_grid("x")
count = en.threads_per_threadgroup("x") * en.threads_per_threadgroup("y") * en.threads_per_threadgroup("z")
""".splitlines()


@dataclass(frozen=True)
class Program:
    """A kernel in both texts, what it is launched on, and the seed of its input arrays."""

    kernel: str
    oracle: str
    dtypes: tuple[str, ...]
    tiles: dict[str, tuple[str, int]]
    grid: Size
    threads: Size
    seed: int
    scalars: dict[str, tuple[str, Any]]

    def __repr__(self) -> str:
        return f"grid={self.grid} threads={self.threads} seed={self.seed} scalars={self.scalars}\n{self.kernel}"


class Meetings(Author):
    """Writes statements in which the threads of a threadgroup talk, in uniform control flow."""

    def __init__(self, draw: Draw, dtypes: tuple[str, ...], tile: int, *, plain: bool) -> None:
        super().__init__(draw, dtypes, plain=plain)
        self.tiles: dict[str, tuple[str, int]] = {}
        self.tile = tile

    def meeting(self, depth: int) -> None:
        """Write a statement in which the threads of a threadgroup talk."""
        forms = [self.lanes, self.exchange]
        if depth > 0:
            forms += [lambda: self.uniform(depth)]
        self.choose(forms)()

    def uniform(self, depth: int) -> None:
        """Write a loop or branch that all threads of a threadgroup run alike."""
        heads = (
            "for {k} in range((n & 3) + 1):", "for {k} in en.range(0, 3):", "for {k} in range(2):", "if n > 4:",
            "for {k} in range((group & 1) + 1):", "if (group & 1) == 0:", "if (group == 0) and (n > 0):",
        )  # fmt: skip
        with self.block(self.choose(heads).format(k=self.new("k"))):
            self.assign()
            self.meeting(depth - 1)
            self.assign()

    def exchange(self) -> None:
        """Write an exchange through threadgroup memory, between barriers."""
        dtype = self.choose(self.ex.dtypes)
        name = f"tile_{dtype}"
        self.tiles[name] = (dtype, self.tile)
        self.line(f"{name}[lid] = {self.ex.value(dtype, 2)}")
        self.line("en.barrier()", "yield None")
        place = self.choose(("count - 1 - lid", "(lid + 1) % count", f"({self.ex.value('u32', 1)}) % count"))
        target = (
            self.choose(self.variables[dtype]) if self.variables[dtype] else self.define(dtype, self.ex.literal(dtype))
        )
        self.line(f"{target} = {name}[{place}]")
        self.line("en.barrier()", "yield None")

    def lanes(self) -> None:
        """Write a function across lanes."""
        dtype = self.choose([d for d in self.ex.dtypes if d != "b1"])
        names = ["sum", "max", "min", "shuffle_xor", "shuffle_down", "shuffle_up", "shuffle_rotate_up", "shuffle_rotate_down",
                 "broadcast", "broadcast_first", "shuffle"]  # fmt: skip
        if dtype[0] in "iu":
            names += [
                "prefix_inclusive_sum",
                "prefix_exclusive_sum",
                "product",
                "prefix_exclusive_product",
                "and",
                "or",
                "xor",
            ]
        name = f"{self.choose(('simd', 'simd', 'quad'))}_{self.choose(names)}"
        arguments = [self.ex.value(dtype, 2)]
        if "rotate" in name or name.endswith("broadcast"):
            arguments.append(self.choose(("0", "1", "3", "n & 31")))
        elif "shuffle" in name:
            arguments.append(
                f"{self.ex.value('u32', 1)} & 31" if self.choose((False, True)) else self.choose(("1", "5", "16"))
            )
        text = ", ".join(arguments)
        target = (
            self.choose(self.variables[dtype]) if self.variables[dtype] else self.define(dtype, self.ex.literal(dtype))
        )
        self.line(f"{target} = en.{name}({text})", f'{target} = yield ("{name}", {text})')


def _helper(draw: Draw, number: int, dtype: str, *, plain: bool) -> list[str]:
    """Return the lines of a function of two values of a dtype, which kernels call."""
    author = Author(draw, (dtype,), plain=plain)
    author.ex.memory = False
    author.budget = 3
    for name in ("x", "y"):
        author.variables[dtype].append(name)
        author.ex.names[dtype].append(name)
    with author.block(f"if {author.ex.condition(1)}:"):
        author.line(f"return {author.ex.value(dtype, 2)}")
    if author.choose((False, True)):
        with author.block("for k in range(3):"):
            author.line(f"x = {author.ex.value(dtype, 1)}")
            with author.block(f"if {author.ex.condition(1)}:"):
                author.line(author.choose(("break", "return y", "continue")))
    author.line(f"return {author.ex.value(dtype, 2)}")
    return [f"def h{number}(x, y):", *author.kernel, "", ""]


@st.composite
def programs(draw: Draw, *, plain: bool = False) -> Program:
    """Return a program: an integer core, any other dtypes, early exits, and threads that meet.

    A `plain` one is for C++: threads do not meet, threadgroups are whole, and nothing is left undefined there.
    """
    others = draw(
        st.lists(st.sampled_from(tuple(d for d in DTYPES if d not in ("i32", "u32", "f32"))), max_size=2, unique=True)
    )
    dtypes = ("i32", "u32", "f32", *others)
    threads, grid = _geometry(draw)
    author = Meetings(draw, dtypes, threads[0] * threads[1] * threads[2], plain=plain)
    helpers: list[str] = []
    for number, dtype in enumerate(draw(st.lists(st.sampled_from(("i32", "f32")), max_size=1))):
        helpers += _helper(draw, number, dtype, plain=plain)
        author.ex.helpers.append((f"h{number}", dtype))
    for line in _POSITIONS:
        author.line(line)
    author.ex.names["u32"] += ["gid", "lid", "lane", "gx", "n"]
    author.ex.names["i32"] += ["p"]
    author.ex.names["f32"] += ["q"]
    for dtype in dtypes:
        author.define(dtype, f"A_{dtype}[gid & 63]")
    if plain:
        x, y, z = (-(-total // size) * size for total, size in zip(grid, threads, strict=True))
        grid = (x, y, z)
    else:
        for _ in range(draw(st.integers(0, 4))):
            author.choose([lambda: author.meeting(1), lambda: author.meeting(1), lambda: author.statement(2)])()
    for _ in range(draw(st.integers(2, 6))):
        author.statement(3, leave=True)
    for dtype, names in author.variables.items():
        for place, name in enumerate(names[:4] if dtype in dtypes else ()):
            author.line(f"Out_{dtype}[gid * 4 + {place}] = {name}")
    seed, n, p = draw(st.integers(0, 5)), draw(st.integers(0, 9)), draw(st.integers(-9, 99))
    scalars: dict[str, tuple[str, Any]] = {"n": ("u32", n), "p": ("i32", p), "q": ("f32", p / 4)}
    kernel, oracle = _texts(author, helpers, dtypes, scalars)
    return Program(kernel, oracle, dtypes, author.tiles, grid, threads, seed, scalars)


def _geometry(draw: Draw) -> tuple[Size, Size]:
    axes = draw(st.integers(1, 3))
    per_axis = {
        1: ((1, 7, 32, 33, 64, 50), (1,), (1,)),
        2: ((1, 8, 5, 16), (1, 3, 4), (1,)),
        3: ((2, 5, 1), (3, 2), (2, 3)),
    }[axes]
    threads: list[int] = []
    grid: list[int] = []
    for axis, sizes in enumerate(per_axis):
        size = sizes[draw(st.integers(0, len(sizes) - 1))]
        limit = 2 * size + 1 if axis == 0 else size + 1
        threads.append(size)
        grid.append(draw(st.integers(1, limit)) if axis < axes else 1)
    return (threads[0], threads[1], threads[2]), (grid[0], grid[1], grid[2])


def _texts(
    author: Meetings, helpers: list[str], dtypes: tuple[str, ...], scalars: dict[str, tuple[str, Any]]
) -> tuple[str, str]:
    """Return the kernel and the oracle's text of it."""
    buffers = [name for dtype in dtypes for name in (f"A_{dtype}", f"Out_{dtype}")]
    params = [f"{name}: en.{name.partition('_')[2]}" for name in buffers] + ["Count: en.i32"]
    params += [f"{name}: en.Scalar(en.{dtype})" for name, (dtype, _) in scalars.items()]
    alloc = [
        f"{INDENT}{name} = en.threadgroup_alloc(en.{dtype}, {size})" for name, (dtype, size) in author.tiles.items()
    ]
    kernel = [*helpers, "@en.kernel", f"def kernel({', '.join(params)}):", *alloc, *author.kernel]
    names = ", ".join([*buffers, "Count", *scalars, *author.tiles])
    oracle = [*helpers, f"def kernel({names}):", *author.oracle, f"{INDENT}if False: yield"]
    return "\n".join(kernel) + "\n", "\n".join(oracle) + "\n"
