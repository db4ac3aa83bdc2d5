"""Records what NVIDIA's CuTe gives for random layouts: the data that tests of the layout algebra compare with.

    python tools/layout_oracle.py tests/data/layout_oracle_parts.jsonl.gz --seed 1 --cases 60

Run it with a Python that has the package `nvidia-cutlass-dsl` (4.8.1 recorded the file in the tree); no GPU is needed. Each
line is a call, {"op", "args", "result"}: layouts are texts as CuTe prints them, a tiler or
coordinate is a list; the result is CuTe's text, or null where CuTe refuses. CuTe ends the process
on some arguments, so that calls are made in children, and what ends one counts as refused.
"""

from __future__ import annotations

import argparse
import gzip
import importlib.util
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from itertools import pairwise
from math import prod
from pathlib import Path
from random import Random
from typing import Any

SIZES = (1, 1, 2, 2, 3, 4, 4, 5, 6, 8, 8, 12, 16, 32)
Json = Any


def parse(text: str) -> Any:
    """Return the value of CuTe's text: in it `(5)` is a tuple of one element."""
    return eval(re.sub(r"(?<=[^(,])\)", ",)", text.replace(" ", "")), {"None": None})


def show(x: Any) -> str:
    return f"({','.join(map(show, x))})" if isinstance(x, tuple) else str(x)


def size(shape: Any) -> int:
    return prod(map(size, shape)) if isinstance(shape, tuple) else shape


def divisors(n: int) -> list[int]:
    return [d for d in range(1, n + 1) if n % d == 0]


class Maker:
    """Makes random arguments."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng

    def nesting(self, leaves: int, depth: int) -> Any:
        """Return a nested list with as many places, each a None."""
        if depth == 0 or (leaves == 1 and self.rng.random() < 0.75):
            return None if leaves == 1 else [None] * leaves
        cuts = sorted(self.rng.sample(range(1, leaves), self.rng.randint(0, leaves - 1)))
        bounds = [0, *cuts, leaves]
        return [self.nesting(b - a, depth - 1) for a, b in pairwise(bounds)]

    def strides(self, sizes: list[int], *, compact: bool) -> list[int]:
        """Return strides without gaps in any order, sometimes with gaps, zeros, or anything."""
        rng, found = self.rng, [0] * len(sizes)
        kind = "compact" if compact else rng.choice(["compact", "compact", "gaps", "zeros", "any"])
        if kind == "any":
            return [rng.choice((0, 1, 1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64)) for _ in sizes]
        reached = 1 if kind == "compact" else rng.choice((1, 1, 1, 2, 3, 4, 8))
        for place in rng.sample(range(len(sizes)), len(sizes)):
            found[place] = 0 if kind == "zeros" and rng.random() < 0.4 else reached
            reached *= sizes[place] * (rng.choice((1, 2, 3, 4)) if kind == "gaps" else 1)
        zero = rng.random() < 0.5
        return [0 if zero and s == 1 else d for s, d in zip(sizes, found, strict=True)]

    def layout(self, rank: int | None = None, most: int = 6000, sizes: Any = SIZES, *, compact: bool = False) -> str:
        """Return a random layout, of `rank` modes or of any."""
        rng = self.rng
        while True:
            if rank is None:
                nesting = self.nesting(rng.choice((1, 1, 2, 2, 3, 3, 4, 5)), rng.choice((0, 1, 1, 2, 2, 3)))
            else:
                nesting = [self.nesting(rng.choice((1, 1, 2, 3)), rng.choice((0, 1, 2))) for _ in range(rank)]
            extents = [rng.choice(sizes) for _ in range(json.dumps(nesting).count("null"))]
            if prod(extents) <= most:
                parts = extents, self.strides(extents, compact=compact)
                return ":".join(show(_filled(nesting, iter(part))) for part in parts)

    def shape(self) -> Any:
        return shape(self.layout())

    def tile(self, count: int) -> str:
        """Return a layout that often picks elements of `count` evenly."""
        rng = self.rng
        if rng.random() < 0.3:
            return self.layout(most=256, sizes=(1, 2, 2, 3, 4, 8))
        first = rng.choice(divisors(count))
        second = rng.choice(divisors(count // first))
        gap = rng.choice(divisors(count // first // second))
        return rng.choice(
            [f"{first}:{gap}", f"({first},{second}):(1,{first * gap})", f"({first},{second}):({second},1)"]
        )

    def tiler(self, of: Any, depth: int = 0) -> Json:
        """Return a tiler by mode: integers, layouts, None, and tilers of nested modes."""
        rng, found = self.rng, []
        modes = of if isinstance(of, tuple) else (of,)
        for mode in modes[: rng.randint(1, len(modes)) if rng.random() < 0.4 else len(modes)]:
            kind = rng.random()
            if kind < 0.1:
                found.append(None)
            elif kind < 0.25 and isinstance(mode, tuple) and depth < 2:
                found.append(self.tiler(mode, depth + 1))
            elif kind < 0.65:
                found.append(rng.choice(divisors(size(mode))) if rng.random() < 0.85 else rng.randint(1, 8))
            else:
                found.append(self.tile(size(mode)))
        return found

    def coordinate(self, of: Any, open_: float = 0.4) -> Json:
        if self.rng.random() < open_:
            return None
        if isinstance(of, tuple) and self.rng.random() < 0.6:
            return [self.coordinate(mode, open_) for mode in of]
        return self.rng.randrange(size(of))

    def profile(self, of: Any) -> Json:
        modes = of if isinstance(of, tuple) else (of,)
        return [
            self.profile(mode) if isinstance(mode, tuple) and self.rng.random() < 0.4 else 1
            for mode in modes[: self.rng.randint(1, len(modes))]
        ]

    def composed(self, layout: str) -> str:
        bits = self.rng.choice((1, 1, 2, 2, 3))
        shift = self.rng.choice((1, -1)) * self.rng.randint(bits, bits + 3)
        swizzle = f"S<{bits},{self.rng.choice((0, 0, 1, 2, 3, 4))},{shift}>"
        return f"{swizzle} o {self.rng.choice((0, 0, 0, 8, 16, 64))} o {layout}"

    def path(self, of: Any) -> Json:
        found: list[int] = []
        while isinstance(of, tuple) and (not found or self.rng.random() < 0.5):
            found.append(self.rng.randrange(len(of)))
            of = of[found[-1]]
        return found


def _filled(nesting: Any, values: Any) -> Any:
    return tuple(_filled(part, values) for part in nesting) if isinstance(nesting, list) else next(values)


def shape(layout: str) -> Any:
    return parse(layout.split(":")[0])


DIVIDES = ("composition", "logical_divide", "zipped_divide", "tiled_divide", "flat_divide")
PRODUCTS = ("logical_product", "zipped_product", "tiled_product", "flat_product", "blocked_product", "raked_product")
PLAIN = ("coalesce", "filter", "left_inverse", "right_inverse")
ONE = ("coalesce", "filter", "cosize")
"""Functions of a composed layout alone."""
NUMBERED = ("select", "get", "group_modes", "append", "prepend", "coalesce_profile", "tile_to_shape")


def arguments(op: str, make: Maker) -> Json:
    """Return random arguments for an operation; for a name that starts with "composed_", with a composed layout first."""
    rng, name = make.rng, op.removeprefix("composed_")
    rank = rng.choice((1, 2, 2, 3)) if name.endswith(("_tiler", "_profile", "select", "group_modes")) else None
    a = make.layout(rank)
    if name in PRODUCTS or name == "tile_to_shape":
        rank = rng.choice((1, 2, 2, 3))
        a = make.layout(rank, 256, (1, 2, 3, 4, 8), compact=name == "tile_to_shape")
    if name == "recast_layout":
        a = make.layout(None, 4096, (1, 2, 4, 8, 16), compact=True)
    first = make.composed(a) if op != name else a
    if name == "recast_layout":
        return [*rng.choices((4, 8, 16, 32), k=2), first]
    return [first, *_others(name, a, rank, make)]


def _others(name: str, a: str, rank: int | None, make: Maker) -> Json:
    rng, of = make.rng, shape(a)
    modes = len(of) if isinstance(of, tuple) else 1
    if name in DIVIDES:
        return [make.tile(size(of))]
    if name in PRODUCTS:
        return [make.layout(rank, 64, (1, 2, 3, 4), compact=True)]
    if name.endswith("_tiler"):
        return [make.tiler(of)]
    if name in ("max_common_layout", "max_common_vector"):
        flat = [int(x) for x in re.findall(r"\d+", a.split(":")[0])]
        same = _filled(
            json.loads(re.sub(r"\d+", "0", json.dumps(of))), iter(make.strides(flat, compact=rng.random() < 0.5))
        )
        return [f"{show(of)}:{show(same)}" if rng.random() < 0.7 else make.layout()]
    table: dict[str, Callable[[], Json]] = {
        "coalesce_profile": lambda: [make.profile(of)],
        "complement_shape": lambda: [show(make.shape())],
        "slice": lambda: [make.coordinate(of)],
        "dice": lambda: [make.coordinate(of)],
        "crd2idx": lambda: [make.coordinate(of, 0.0)],
        "call": lambda: [[rng.randrange(size(of)) for _ in range(8)]],
        "select": lambda: [[rng.randrange(modes) for _ in range(rng.randint(1, modes))]],
        "get": lambda: [make.path(of)],
        "group_modes": lambda: sorted(rng.sample(range(modes + 1), 2)),
        "append": lambda: [make.layout(), *rng.choice([[], [], [rng.randint(modes, 5)] if modes <= 5 else []])],
        "prepend": lambda: [make.layout(), *rng.choice([[], [], [rng.randint(modes, 5)] if modes <= 5 else []])],
        "tile_to_shape": lambda: [
            show(tuple(size(mode) * rng.randint(1, 4) for mode in of)),
            show(tuple(rng.sample(range(modes), modes))),
        ],
    }
    return table[name]() if name in table else []


def tensor_arguments(op: str, make: Maker) -> Json:
    """Return random arguments for tiles and partitions, with a projection where the name ends in "_proj"."""
    rng = make.rng
    keep = rng.choice([[1, None, 1], [None, 1, 1], [1, 1, None]]) if op.endswith("_proj") else [1, 1]
    kept = [number for number, part in enumerate(keep) if part is not None]
    if op.startswith("local_partition"):
        threads = make.layout(len(keep), 128, (1, 2, 4, 8), compact=True)
        own = [size(shape(threads)[number]) for number in kept]
        whole = tuple(extent * rng.randint(1, 4) for extent in own)
        strides = tuple(make.strides(list(whole), compact=False))
        found = [f"{show(whole)}:{show(strides)}", threads, rng.randrange(size(shape(threads)))]
    else:
        a = make.layout(2)
        tiler = [rng.choice((1, 2, 4)) for _ in keep]
        for number, mode in zip(kept, shape(a), strict=True):
            tiler[number] = rng.choice(divisors(size(mode)))
        found = [a, tiler, [None if rng.random() < 0.5 else rng.randrange(2) for _ in keep]]
    return [*found, keep] if op.endswith("_proj") else found


def tuple_arguments(op: str, make: Maker) -> Json:
    a = make.shape()
    if op == "idx2crd":
        return [make.rng.randrange(size(a)), show(a)]
    if op == "ceil_div":
        return [show(a), str(make.rng.randint(1, 16))]
    return [show(a), show(a if make.rng.random() < 0.4 else make.shape())]


OPS: dict[str, Callable[[str, Maker], Json]] = {
    **dict.fromkeys([*PLAIN, *DIVIDES, *PRODUCTS, *(f"{name}_tiler" for name in DIVIDES), *NUMBERED], arguments),
    **dict.fromkeys(["slice", "dice", "crd2idx", "complement_shape", "max_common_layout", "max_common_vector"], arguments),
    **dict.fromkeys([f"composed_{name}" for name in (*DIVIDES, *PRODUCTS, *ONE, *NUMBERED, "call", "recast_layout")], arguments),
    **dict.fromkeys([f"composed_{name}_tiler" for name in DIVIDES], arguments),
    **dict.fromkeys(["local_tile", "local_tile_proj", "local_partition", "local_partition_proj"], tensor_arguments),
    **dict.fromkeys(["idx2crd", "ceil_div", "is_congruent", "is_weakly_congruent"], tuple_arguments),
}  # fmt: skip


def calls(cute: Any, cutlass: Any) -> dict[str, Callable[..., Any]]:
    """Return what makes each call in CuTe."""

    def layout(text: str) -> Any:
        extents, strides = text.split(":")
        return cute.make_layout(parse(extents), stride=parse(strides))

    def value(x: Json) -> Any:
        """Return an argument: a layout, a composed layout, a tiler, a number."""
        if isinstance(x, str) and x.startswith("S<"):
            swizzle, offset, inner = x.split(" o ")
            return cute.make_composed_layout(cute.make_swizzle(*eval(swizzle[2:-1])), int(offset), layout(inner))
        if isinstance(x, str):
            return layout(x) if ":" in x else parse(x)
        return tuple(map(value, x)) if isinstance(x, list) else x

    def of_values(name: str) -> Callable[..., Any]:
        return lambda *args: getattr(cute, name)(*map(value, args))

    def part(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(a: str, *args: Json) -> str:
            found = function(cute.make_tensor(0, layout(a)), *args)
            return f"{found.iterator} | {found.layout}"

        return call

    table = {name: of_values(name) for name in OPS}
    table |= {
        name: of_values(name.removeprefix("composed_").removesuffix("_tiler"))
        for name in OPS
        if name.endswith("_tiler")
    }
    table |= {
        name: of_values(name.removeprefix("composed_")) for name in OPS
        if name.startswith("composed_") and not name.endswith("_tiler")
    }  # fmt: skip
    for prefix in ("", "composed_"):
        table[f"{prefix}coalesce_profile"] = lambda a, p: cute.coalesce(value(a), target_profile=value(p))
        table[f"{prefix}select"] = lambda a, m: cute.select(value(a), mode=m)
        table[f"{prefix}get"] = lambda a, m: cute.get(value(a), mode=m)
    table["slice"] = of_values("slice_")
    table["complement_shape"] = of_values("complement")
    table["composed_call"] = lambda a, places: [str(value(a)(place)) for place in places]
    table["crd2idx"] = lambda a, c: cute.crd2idx(value(c), value(a))
    for suffix in ("", "_proj"):
        table[f"local_tile{suffix}"] = part(
            lambda t, tiler, c, p=None: cute.local_tile(t, value(tiler), value(c), value(p))
        )
        table[f"local_partition{suffix}"] = part(
            lambda t, threads, k, p=1: cute.local_partition(t, value(threads), cutlass.Int32(k), value(p))
        )
    return table


def work(file: Path, first: int) -> None:
    """Make the calls of a file from number `first` on; each result is a line of the output as soon as there is one."""
    import cutlass  # pyright: ignore[reportMissingImports]
    from cutlass import cute  # pyright: ignore[reportMissingImports]

    cases = [json.loads(line) for line in file.read_text().splitlines()[first:]]
    table = calls(cute, cutlass)

    def all_calls() -> None:
        for case in cases:
            try:
                found = table[case["op"]](*case["args"])
                case["result"] = found if isinstance(found, list) else _printed(found)
            except Exception:  # noqa: BLE001  (CuTe's refusals have no class of their own)
                case["result"] = None
            print(f"case {json.dumps(case)}", flush=True)

    cute.jit(lambda: all_calls())()


def _printed(found: Any) -> str | None:
    """Return CuTe's text, with the bracket that it leaves out after a negative shift; None for a swizzle of overflown numbers."""
    text = re.sub(r"(S<\d+,\d+,-\d+) o", r"\1> o", show(found) if isinstance(found, tuple) else str(found))
    return None if re.search(r"S<\d+,\d+ o", text) else text


def record(cases: list[Json]) -> list[Json]:
    """Return the cases with their results, from as many children as it takes."""
    done: list[Json] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "cases.jsonl"
        file.write_text("".join(json.dumps(case) + "\n" for case in cases))
        while len(done) < len(cases):
            command = [sys.executable, __file__, "--work", str(file), "--first", str(len(done))]
            lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
            done += [json.loads(line.removeprefix("case ")) for line in lines if line.startswith("case ")]
            if len(done) < len(cases):
                done.append({**cases[len(done)], "result": None})
    return done


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", nargs="?", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cases", type=int, default=60, help="for each operation")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work is not None:
        work(given.work, given.first)
        return
    if importlib.util.find_spec("cutlass") is None:
        sys.exit("this Python has no CuTe: install nvidia-cutlass-dsl into a virtual environment and run it with that")
    found: dict[str, Json] = {}
    for op, arguments_of in OPS.items():
        make = Maker(Random(f"{given.seed} {op}"))
        for _ in range(given.cases):
            case = {"op": op, "args": arguments_of(op, make)}
            found[json.dumps(case)] = case
    lines = "".join(json.dumps(case) + "\n" for case in record(list(found.values())))
    given.out.write_bytes(gzip.compress(lines.encode(), mtime=0))


if __name__ == "__main__":
    main()
