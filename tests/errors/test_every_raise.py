"""Every `raise` of the front end is reached by a wrong kernel of the corpus, so that a person has read its text."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import enigma
from tests.errors.corpus import every, found

SRC = Path(enigma.__file__).parent
PARTS = ("trace", "spec", "dtypes.py", "random.py")

UNREACHED: dict[str, str] = {
    "trace/hooks.py:launcher": "an internal error",
    "trace/hooks.py:launch": "an internal error",
    "trace/tracer.py:operator": "an internal error",
    "trace/tracer.py:_in_whole": "every row that takes a buffer takes an index into it",
    "trace/tensor.py:buffer_type": "an internal error",
    "trace/tensor.py:__array_interface__": "NumPy takes it for a protocol that a described tensor does not have",
    "trace/infer.py:_texture": "an internal error; the other one is in the corpus",
    "trace/texture.py:_dtype": "an internal error",
    "trace/texture.py:texture_type": "an internal error",
    "trace/value.py:__getattr__": "names with an underscore are Python's own questions",
    "spec/terms.py:concrete": "an internal error",
    "trace/value.py:dtype": "a buffer answers for itself",
    "trace/infer.py:_fixed": "conditions are made bools before they reach a row",
    "trace/kernel.py:_argument": "an internal error",
    "trace/kernel.py:_placed": "an internal error",
    "trace/kernel.py:_parameters_in": "tests/unit/test_vec_width.py has it",
    "trace/kernel.py:constants": "test_launch_errors.py has it",
    "spec/kit.py:precisions": "a mistake in a table: tests/unit/test_math_precision.py has it",
    "spec/tables/constants.py:_at_launch": "an internal error",
    "trace/small.py:_kind": "an internal error",
    "spec/tables/small_matrices.py:_held": "an internal error",
    "spec/intrinsic.py:spelling": "a mistake in a table: tests/unit/spec has it",
    "spec/registry.py:check": "a mistake in a table: tests/unit/spec has it",
    "spec/registry.py:_check_spelling": "a mistake in a table: tests/unit/spec has it",
    "spec/registry.py:collect": "a mistake in a table: tests/unit/spec has it",
}
"""Functions whose `raise` no kernel reaches, as `file:function`, and why."""


def raises() -> Iterator[tuple[str, str, range]]:
    """Yield each `raise` that makes an error: its file below `src/enigma`, the function it stands in, its lines."""
    for part in PARTS:
        root = SRC / part
        for path in sorted(root.rglob("*.py")) if root.is_dir() else [root]:
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for function in ast.walk(tree):
                if isinstance(function, ast.FunctionDef):
                    for node in own(function):
                        if is_refusal(node):
                            yield (
                                path.relative_to(SRC).as_posix(),
                                function.name,
                                range(node.lineno, (node.end_lineno or 0) + 1),
                            )


def is_refusal(node: ast.AST) -> bool:
    """Return whether a node makes an error: a `raise` of a new one, or a call of the function that does it for values."""
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "_refuse"
    return isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)


def own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function, those of functions inside of it left out."""
    for child in ast.iter_child_nodes(function):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.ClassDef):
            yield from own(child)


@contextmanager
def watching(lines: set[tuple[str, int]]) -> Iterator[None]:
    """Note the line of every exception that passes through the front end."""

    def local(frame: FrameType, event: str, arg: Any) -> Any:
        if event == "exception":
            lines.add((frame.f_code.co_filename, frame.f_lineno))
        return local

    def start(frame: FrameType, event: str, arg: Any) -> Any:
        if not frame.f_code.co_filename.startswith(str(SRC)):
            return None
        frame.f_trace_lines = False
        return local

    before = sys.gettrace()
    sys.settrace(start)
    try:
        yield
    finally:
        sys.settrace(before)


def test_every_raise_of_the_front_end_is_reached_by_the_corpus(tmp_path: Path) -> None:
    lines: set[tuple[str, int]] = set()
    with watching(lines):
        for number, case in enumerate(every()):
            folder = tmp_path / str(number)
            folder.mkdir()
            found(case, folder)
    missed = [
        f"{file}:{function}"
        for file, function, where in raises()
        if not any((str(SRC / file), line) in lines for line in where)
    ]
    unexpected = [place for place in missed if place not in UNREACHED]
    assert not unexpected, "write a case, or give the reason in UNREACHED:\n" + "\n".join(unexpected)
    assert set(UNREACHED) <= set(missed), "these are reached: take them out of UNREACHED"
