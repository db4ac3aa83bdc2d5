"""The type stub is current, names all that is public, and makes a type checker see what the compiler would say."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest

import enigma
from tests.arch.tree import ROOT
from tests.typing import program
from tools import make_stub

PYRIGHT = shutil.which("pyright")
PROGRAM = Path(__file__).with_name("program.py")
WRONG = """\
from __future__ import annotations

import enigma as en


@en.kernel
def wrong(x: en.f32, h: en.f16, y: en.u32):
    i = en.thread_position_in_grid
    x[i] = en.exp(i)  # wrong: exp of an integer
    en.barrier("device")  # wrong: no such flag
    x[1.5] = 0.0  # wrong: an index is an integer
    en.atomic_fetch_add(h, i, 1)  # wrong: no atomics on half
    en.tanhh(x[i])  # wrong: no such function
    y[i].to(en.f32).foo  # wrong: no such member
    en.compile(wrong, emit_only="yes")  # wrong: no bool
"""


def checked(folder: Path, text: str) -> list[tuple[int, str]]:
    """Return line and rule of each error that pyright reports of a program, checked strictly."""
    if PYRIGHT is None:
        pytest.skip("pyright is not installed: pip install -e '.[dev]'")
    (folder / "program.py").write_text(text, encoding="utf-8")
    config = {"extraPaths": [str(ROOT / "src")], "typeCheckingMode": "strict", "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(config), encoding="utf-8")
    done = subprocess.run([PYRIGHT, "--outputjson", "-p", str(folder)], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [(item["range"]["start"]["line"] + 1, item.get("rule", item["message"])) for item in found]


def test_the_stub_is_current() -> None:
    assert make_stub.TARGET.read_text(encoding="utf-8") == make_stub.stub(), "run: python tools/make_stub.py"


def test_the_stub_has_every_public_name() -> None:
    tree = ast.parse(make_stub.stub())
    names: set[str] = set()
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.ImportFrom(names=aliases):
                names.update(alias.asname or alias.name for alias in aliases)
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                names.add(name)
    assert set(dir(enigma)) - names <= {"tuple"}  # a module that type checkers find: the stub needs the builtin


def test_the_types_of_the_language_functions_name_real_parameters() -> None:
    for name, types in make_stub.LANGUAGE.items():
        parameters = make_stub.inspect.signature(getattr(enigma, name)).parameters
        assert set(types) <= {*parameters, "return"}, name


def test_a_right_program_passes_strict_checks(tmp_path: Path) -> None:
    assert checked(tmp_path, PROGRAM.read_text(encoding="utf-8")) == []


def test_the_right_program_runs() -> None:
    program.main()


def test_each_mistake_is_seen_at_its_line(tmp_path: Path) -> None:
    found = {line for line, _ in checked(tmp_path, WRONG)}
    assert found == {number for number, line in enumerate(WRONG.splitlines(), 1) if "# wrong" in line}
