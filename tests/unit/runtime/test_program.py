"""What runtimes ask of a traced kernel: its slots, what it writes, and a key that names its meaning."""

from __future__ import annotations

import types
from typing import Any

import numpy as np
import pytest

import enigma
from enigma.errors import LaunchError
from enigma.runtime.program import Program
from tests.unit.runtime.launched import add, both, message, saxpy, swap


def program(kernel: enigma.KernelDef, **constants: Any) -> Program:
    return Program(kernel.trace(constants))


def made(source: str, name: str = "k") -> Program:
    """Return the program of a kernel in a source text, as if it stood in a file of its own."""
    module = types.ModuleType("made")
    import linecache  # so that inspect finds the text

    file = f"<made {abs(hash(source))}>"
    linecache.cache[file] = (len(source), None, source.splitlines(True), file)
    exec(compile(source, file, "exec"), module.__dict__)
    return program(getattr(module, name))


BASE = """
import enigma
@enigma.kernel
def k(A: enigma.f32, n: enigma.Scalar(enigma.u32), Out: enigma.f32):
    i = enigma.thread_position_in_grid
    if i < n:
        Out[i] = A[i] * 2.0 + 1.0
"""

SAME = {
    "a variable has another name": BASE.replace("i ", "index ").replace("[i]", "[index]"),
    "lines moved": "\n\n# moved\n" + BASE,
    "a value has a name now": BASE.replace("Out[i] = A[i] * 2.0 + 1.0", "x = A[i] * 2.0\n        Out[i] = x + 1.0"),
}
OTHER = {
    "a constant": BASE.replace("2.0", "2.5"),
    "the sign of a zero": BASE.replace("+ 1.0", "+ -0.0"),
    "another sign of zero": BASE.replace("+ 1.0", "+ 0.0"),
    "an operation": BASE.replace("*", "-"),
    "the order of operands": BASE.replace("A[i] * 2.0 + 1.0", "1.0 + A[i] * 2.0"),
    "a dtype": BASE.replace("f32", "f16"),
    "a scalar's dtype": BASE.replace("u32", "u16"),
    "a condition": BASE.replace("i < n", "i <= n"),
    "an axis": BASE.replace("thread_position_in_grid\n", "thread_position_in_grid_xyz('y')\n"),
    "the store is not guarded": BASE.replace("    if i < n:\n        Out", "    Out"),
    "a loop around it": BASE.replace("        Out", "      for j in enigma.range(3):\n        Out").replace(
        "if i", "if i"
    ),
    "another loop around it": BASE.replace("        Out", "      for j in enigma.range(4):\n        Out"),
    "a parameter": BASE.replace("Out: enigma.f32", "Out: enigma.f32, More: enigma.f32"),
}


@pytest.mark.parametrize("change", SAME)
def test_equal_kernels_have_one_key(change: str) -> None:
    assert made(SAME[change]).key == made(BASE).key


def test_every_change_of_meaning_changes_the_key() -> None:
    keys = {name: made(source).key for name, source in {"": BASE, **OTHER}.items()}
    assert len(set(keys.values())) == len(keys), keys


def test_written_slots_are_those_of_stores_and_atomics() -> None:
    @enigma.kernel
    def count(A: enigma.u32, Bins: enigma.u32, Out: enigma.u32, Unused: enigma.u32):
        i = enigma.thread_position_in_grid
        if A[i] > 0:
            enigma.atomic_fetch_add(Bins, A[i], 1)
        Out[0] = 1

    assert program(count).written == {1, 2}
    assert program(add).written == {2}
    assert program(swap).written == {0, 1}


def test_slots_say_what_an_argument_must_be() -> None:
    array, scalar, total, product = program(both).slots
    assert (array.dtype, array.written, array.number) == (np.dtype(np.int32), False, None)
    assert (scalar.number, scalar.low, scalar.high) == (int, -(2**31), 2**31 - 1)
    assert total.written
    assert product.dtype == np.dtype(np.int64)
    assert program(saxpy).slots[3].high == float(np.finfo(np.float32).max)


def test_buffers_and_scalars_keep_their_order() -> None:
    p = program(both)
    assert [b.name for b in p.buffers] == ["A", "Sum", "Product"]
    assert [s.name for s in p.scalars] == ["k"]
    assert [s.slot for s in p.params] == [0, 1, 2, 3]
    assert p.name == "both"


def test_atomics_are_noticed() -> None:
    @enigma.kernel
    def count(Bins: enigma.u32):
        enigma.atomic_fetch_add(Bins, 0, 1)

    assert program(count).has_atomics
    assert not program(add).has_atomics


def test_a_loop_costs_more_than_its_body() -> None:
    @enigma.kernel
    def once(A: enigma.f32):
        A[0] = A[1] * 2.0

    @enigma.kernel
    def often(A: enigma.f32):
        for _j in enigma.range(100):
            A[0] = A[1] * 2.0

    assert program(often).cost > 8 * program(once).cost


def test_lowering_shows_every_pass_and_leaves_the_kept_module_alone() -> None:
    @enigma.kernel
    def twice(A: enigma.i32, Out: enigma.i32):
        i = enigma.thread_position_in_grid
        Out[i + 0] = A[i * 1] + A[i * 1]

    p = program(twice)
    module = p.module
    seen: list[str] = []
    again = p.lower(lambda name, _: seen.append(name))
    assert seen[0] == "build"
    assert {"simplify", "cse"} <= set(seen)
    assert p.module is module
    assert again is not module


def with_parameters(count: int) -> str:
    names = [f"P{k}" for k in range(count)]
    return (
        "import enigma\n@enigma.kernel\ndef k("
        + ", ".join(f"{n}: enigma.f32" for n in names)
        + "):\n    P0[0] = P1[0]\n"
    )


def test_31_buffers_are_allowed_and_32_are_not() -> None:
    assert len(made(with_parameters(31)).params) == 31
    text = message(lambda: made(with_parameters(32)), LaunchError)
    assert "error: kernel k has 32 parameters, but Metal has 31 buffer slots\n" in text
    assert text.endswith("help: put several arrays into one buffer, or make numbers constexpr")


def test_a_kernel_that_is_not_optimised_has_a_key_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    optimised = made(BASE).key
    monkeypatch.setenv("ENIGMA_NO_CANONICALIZE", "1")
    assert made(BASE).key != optimised
