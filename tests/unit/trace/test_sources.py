"""Where a kernel may be defined: a file, a console, a notebook, standard input, `-c`, `exec`, and under which names enigma goes."""

from __future__ import annotations

import code
import importlib
import linecache
import subprocess
import sys
import textwrap
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import enigma as en
from enigma.errors import EnigmaTypeError
from enigma.trace.node import If
from enigma.trace.tracer import EnigmaWarning
from tests.unit.trace.running import run

SRC = Path(en.__file__).parents[1]

CLIP = """
import enigma as en

@en.kernel
def clip(A: en.f32):
    i = en.thread_position_in_grid
    if A[i] < 0:
        A[i] = 0
"""

STRAIGHT = """
import enigma as en

@en.kernel
def double(A: en.f32):
    i = en.thread_position_in_grid
    with en.if_(A[i] < 0):
        A[i] = A[i] * 2
"""

REPORT = """
print("branches", sum(type(node).__name__ == "If" for node in {name}.trace().nodes()))
"""


def branches(kernel: Any) -> int:
    return sum(isinstance(node, If) for node in kernel.trace().nodes())


def loaded(text: str, folder: Path, name: str = "loaded_kernels") -> ModuleType:
    (folder / f"{name}.py").write_text(textwrap.dedent(text))
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        sys.modules.pop(name, None)
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(folder))


def python(*arguments: str, text: str = "") -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        input=text,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(SRC)},
        timeout=100,
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("imports", "prefix"),
    [
        ("import enigma", "enigma."), ("import enigma as eg", "eg."), ("import enigma as _", "_."),
        ("from enigma import kernel, f32, Scalar, u32, range, thread_position_in_grid_xyz", ""),
    ],
)  # fmt: skip
def test_any_import_alias_works(imports: str, prefix: str, tmp_path: Path) -> None:
    text = f"""
        {imports}

        @{prefix}kernel
        def total(A: {prefix}f32, n: {prefix}Scalar({prefix}u32)):
            i = {prefix}thread_position_in_grid_xyz("x")
            sum = 0.0
            for k in {prefix}range(n):
                if k == 2:
                    continue
                sum += A[k]
            A[i] = sum
    """
    A = np.array([1, 2, 4, 8], np.float32)
    run(loaded(text, tmp_path).total, A, 4)
    assert A.tolist() == [11, 2, 4, 8]


def test_annotations_as_text_see_globals_and_enclosing_functions(tmp_path: Path) -> None:
    text = """
        from __future__ import annotations
        import enigma as en

        def make(dtype, count):
            wide = en.Scalar(en.u32)

            @en.kernel
            def fill(A: dtype, n: wide, N: en.constexpr = 3):
                for k in range(n):
                    if k > count:
                        A[k] = N
            return fill
    """
    A = np.zeros(4, np.int16)
    run(loaded(text, tmp_path).make(en.i16, 1), A, 4)
    assert A.tolist() == [0, 0, 3, 3]


def test_closures_keep_their_own_values(tmp_path: Path) -> None:
    text = """
        import enigma as en

        def make(limit):
            def clip(x, low=-limit):
                if x > limit:
                    return limit
                return x if x > low else low

            @en.kernel
            def kernel(A: en.i32):
                i = en.thread_position_in_grid
                A[i] = clip(A[i])
            return kernel
    """
    module = loaded(text, tmp_path)
    for limit in (2, 5):
        A = np.array([-9, 1, 4, 9], np.int32)
        run(module.make(limit), A, threads=4)
        assert A.tolist() == [-limit, 1, min(4, limit), limit]


def test_two_lambdas_on_one_line_are_told_apart(tmp_path: Path) -> None:
    text = """
        import enigma as en

        low, high = (lambda x: x if x > 0 else 0), (lambda x: x if x < 0 else 0)

        @en.kernel
        def kernel(A: en.i32):
            A[0], A[1] = low(A[0]), high(A[0])
    """
    A = np.array([-3, 9], np.int32)
    run(loaded(text, tmp_path).kernel, A)
    assert A.tolist() == [0, -3]


def test_a_console_without_source_traces_straight_lines_and_refuses_native_if() -> None:
    console = code.InteractiveConsole({"en": en})
    for line in STRAIGHT.splitlines():
        console.push(line)
    console.push("")
    assert branches(console.locals["double"]) == 1
    for line in CLIP.splitlines():
        console.push(line)
    console.push("")
    with pytest.raises(EnigmaTypeError, match=r"whose source is in a file or notebook, elsewhere `with enigma.if_"):
        console.locals["clip"].trace()


def test_a_notebook_cell_is_rewritten() -> None:
    name = "<ipython-input-7-abc>"
    linecache.cache[name] = (len(CLIP), None, CLIP.splitlines(keepends=True), name)
    scope: dict[str, Any] = {}
    exec(compile(CLIP, name, "exec"), scope)
    assert branches(scope["clip"]) == 1


def test_a_cell_that_is_run_again_with_other_text_is_rewritten_anew() -> None:
    name = "<ipython-input-8-abc>"
    for limit in (0, 5):
        text = CLIP.replace("< 0", f"< {limit}")
        linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)
        scope: dict[str, Any] = {}
        exec(compile(text, name, "exec"), scope)
        A = np.array([3], np.float32)
        run(scope["clip"], A)
        assert A[0] == (3 if limit == 0 else 0)


def test_standard_input() -> None:
    assert "branches 1" in python("-", text=STRAIGHT + REPORT.format(name="double"))
    shown = python("-", text=CLIP + REPORT.format(name="clip"))
    assert "branches 1" in shown or "with enigma.if_(c):" in shown


def test_interactive_python() -> None:
    shown = python("-i", "-q", text=STRAIGHT.replace("\n\n", "\n").lstrip() + "\n" + REPORT.format(name="double"))
    assert "branches 1" in shown


def test_a_command_line() -> None:
    assert "branches 1" in python("-c", STRAIGHT + REPORT.format(name="double"))
    shown = python("-c", CLIP + REPORT.format(name="clip"))
    assert "branches 1" in shown or "with enigma.if_(c):" in shown


def test_exec_without_source_never_takes_the_text_of_other_code() -> None:
    name = "<string>"
    other = "\n\n\n@en.kernel\ndef clip(A: en.f32):\n    if A[0] > 1:\n        A[1] = 7\n"
    linecache.cache[name] = (len(other), None, other.splitlines(keepends=True), name)
    scope: dict[str, Any] = {}
    try:
        exec(CLIP, scope)
        with pytest.raises(EnigmaTypeError, match="no truth value"):
            scope["clip"].trace()
    finally:
        del linecache.cache[name]


def test_a_file_edited_after_import_is_not_taken_for_the_source(tmp_path: Path) -> None:
    module = loaded(CLIP, tmp_path, "edited_kernels")
    (tmp_path / "edited_kernels.py").write_text(CLIP.replace("A[i] = 0", "A[i] = 5"))
    A = np.array([-3], np.float32)
    run(module.clip, A)
    assert A[0] == 0


def test_a_helper_edited_after_import_is_warned_of(tmp_path: Path) -> None:
    text = "def helper(x):\n    if x > 1:\n        return x\n    return 1\n"
    module = loaded(text, tmp_path, "edited_helper")
    (tmp_path / "edited_helper.py").write_text(text.replace("x > 1", "x > 200"))

    @en.kernel
    def kernel(A: en.i32):
        A[0] = module.helper(A[0])

    with pytest.warns(EnigmaWarning, match="the source of helper is not what was loaded"):
        kernel.trace()


def test_a_module_loaded_anew_brings_its_new_source(tmp_path: Path) -> None:
    for value in (1, 25):
        text = f"def helper(x):\n    if x > 1:\n        return {value}\n    return x\n# {'x' * value}\n"
        module = loaded(text, tmp_path, "reloaded_helper")

        @en.kernel
        def kernel(A: en.i32, module: en.constexpr = module):
            A[0] = module.helper(A[0])

        A = np.array([9], np.int32)
        run(kernel, A)
        assert A[0] == value


def test_one_kernel_may_trace_another_while_it_is_traced() -> None:
    @en.kernel
    def inner(A: en.f32):
        if A[0] > 0:
            A[0] = 1

    @en.kernel
    def outer(A: en.f32):
        if A[0] > 0:
            A[1] = 1
            count = len(inner.trace().body.nodes)
            A[2] = count
        A[3] = 1

    assert branches(outer) == 1
    assert branches(inner) == 1
    names = [node.attrs.get("value") for node in outer.trace().nodes() if hasattr(node, "attrs")]
    assert len(inner.trace().body.nodes) in names


def test_an_assert_that_pytest_rewrote_is_no_obstacle() -> None:
    size = 3

    @en.kernel
    def kernel(A: en.f32):
        assert size == 3, "the size"
        if A[0] > 0:
            A[0] = size

    assert branches(kernel) == 1
