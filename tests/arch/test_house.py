"""House style that no linter states: sizes, docstrings, annotations, errors. Exceptions stand below with a reason."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize
from collections.abc import Callable, Iterator

import pytest

from tests.arch.tree import Module, functions, imports, modules

MAX_FILE, MAX_FUNCTION, MEDIAN_FILE = 600, 60, 250

ALLOWED: dict[tuple[str, str], str] = {}
"""(rule, "path" or "path:name") -> why this place may break the rule. Rules are the functions below, without `_`."""

FRAMEWORK = {"apply", "match_and_rewrite", "verify_", "print_parameters", "parse_parameters", "__init_subclass__"}
"""Methods that xDSL names and documents: an override needs no docstring of its own."""


def file_length(module: Module) -> Iterator[str]:
    if len(module.lines) > MAX_FILE:
        yield f"{module.rel}: {len(module.lines)} lines, over {MAX_FILE}: split by subject"


def function_length(module: Module) -> Iterator[str]:
    for function in functions(module.tree):
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > MAX_FUNCTION:
            yield f"{module.rel}:{function.name}: {length} lines, over {MAX_FUNCTION}"


def file_name(module: Module) -> Iterator[str]:
    if module.name.rpartition(".")[2] in {"utils", "util", "helpers", "helper", "misc", "common"}:
        yield f"{module.rel}: a file's name says its subject"


def no_assert(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assert):
            yield f"{module.rel}:{node.lineno}: assert: raise a located error, or InternalError"


def no_silent_except(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ExceptHandler) and _is_broad(node.type) and not _raises(node):
            yield f"{module.rel}:{node.lineno}: catches everything and does not re-raise"


def _is_broad(caught: ast.expr | None) -> bool:
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or ast.unparse(caught).rpartition(".")[2] in {"Exception", "BaseException"}


def _raises(handler: ast.ExceptHandler) -> bool:
    # a `raise` in a function defined there does not run there
    nested = {id(n) for f in functions(handler) for n in ast.walk(f)}
    return any(isinstance(node, ast.Raise) and id(node) not in nested for node in ast.walk(handler))


def annotations(module: Module) -> Iterator[str]:
    for function in functions(module.tree):
        spec = function.args
        given = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *filter(None, (spec.vararg, spec.kwarg))]
        bare = [arg.arg for arg in given if arg.annotation is None and arg.arg not in {"self", "cls"}]
        if bare:
            yield f"{module.rel}:{function.name}: no annotation on {', '.join(bare)}"
        if function.returns is None:
            yield f"{module.rel}:{function.name}: no annotation on the result"


def docstrings(module: Module) -> Iterator[str]:
    if not ast.get_docstring(module.tree):
        yield f"{module.rel}: no module docstring"
    yield from _undocumented(module, module.tree.body, "")


def _undocumented(module: Module, body: list[ast.stmt], prefix: str) -> Iterator[str]:
    for node in body:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) or node.name.startswith("_"):
            continue
        if not ast.get_docstring(node) and not _documented_elsewhere(node, prefix):
            yield f"{module.rel}:{prefix}{node.name}: no docstring"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(module, node.body, f"{prefix}{node.name}.")


def _documented_elsewhere(node: ast.stmt, prefix: str) -> bool:
    """Whether a method is an overload, a setter, a framework's hook, or overrides a documented method of ours."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return False
    marks = {ast.unparse(mark).rpartition(".")[2] for mark in node.decorator_list}
    if marks & {"overload", "setter", "override"}:
        return True
    return bool(prefix) and (node.name in FRAMEWORK or node.name.startswith("visit_") or _inherits(prefix, node.name))


def _inherits(prefix: str, method: str) -> bool:
    classes = {
        node.name: node for module in modules() for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)
    }
    waiting, seen = [prefix.rstrip(".").rpartition(".")[2]], set[str]()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in classes:
            continue
        seen.add(name)
        if any(
            getattr(n, "name", "") == method and ast.get_docstring(n)
            for n in classes[name].body
            if isinstance(n, ast.FunctionDef)
        ):
            return True
        waiting += [ast.unparse(base).partition("[")[0].rpartition(".")[2] for base in classes[name].bases]
    return False


def inner_imports(module: Module) -> Iterator[str]:
    lines = {item.line for item in imports(module) if item.inner}
    tokens = tokenize.generate_tokens(io.StringIO(module.text).readline)
    comments = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    for line in sorted(lines):
        first = line
        while first - 1 in lines:  # one comment explains a run of imports
            first -= 1
        if not comments & set(range(first - 1, line + 1)):
            yield f"{module.rel}:{line}: an import inside a function needs a comment that says why"


def relative_imports(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ImportFrom) and (node.level or any(alias.name == "*" for alias in node.names)):
            yield f"{module.rel}:{node.lineno}: import by full name, and no *"


RULES: tuple[Callable[[Module], Iterator[str]], ...] = (
    file_length, function_length, file_name, no_assert, no_silent_except, annotations, docstrings, inner_imports,
    relative_imports,
)  # fmt: skip


def _is_allowed(rule: str, finding: str) -> bool:
    return any(rule == known and finding.startswith(f"{place}:") for known, place in ALLOWED)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_house_style(rule: Callable[[Module], Iterator[str]]) -> None:
    found = [finding for module in modules() for finding in rule(module) if not _is_allowed(rule.__name__, finding)]
    assert not found, "\n".join(found)


def test_the_median_file_is_short() -> None:
    assert statistics.median(len(module.lines) for module in modules()) < MEDIAN_FILE


def test_each_exception_is_still_needed() -> None:
    rules = {rule.__name__: rule for rule in RULES}
    found = {name: [finding for module in modules() for finding in rule(module)] for name, rule in rules.items()}
    stale = [key for key in ALLOWED if not any(text.startswith(f"{key[1]}:") for text in found[key[0]])]
    assert not stale


BROKEN: dict[Callable[[Module], Iterator[str]], str] = {
    file_length: "x = 1\n" * 601,
    function_length: "def f() -> None:\n" + "    x = 1\n" * 60,
    no_assert: "assert True",
    no_silent_except: "try:\n    f()\nexcept (OSError, Exception):\n    pass",
    annotations: "def f(x: int, *rest) -> None: ...",
    docstrings: '"""A module."""\nclass A:\n    """A class."""\n    def f(self) -> None: ...',
    inner_imports: "def f() -> None:\n    import os",
    relative_imports: "from . import x",
}


@pytest.mark.parametrize("rule", BROKEN, ids=lambda rule: rule.__name__)
def test_each_rule_finds_what_breaks_it(rule: Callable[[Module], Iterator[str]]) -> None:
    text = BROKEN[rule]
    assert len(list(rule(Module("enigma.spec.x", "spec/x.py", text, ast.parse(text))))) == 1


def test_a_file_named_for_nothing_is_found() -> None:
    assert list(file_name(Module("enigma.spec.utils", "spec/utils.py", "", ast.parse(""))))
