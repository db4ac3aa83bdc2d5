"""Every row takes the dtypes of its signature, refuses the others with a message that names them, and shows an example."""

from __future__ import annotations

from typing import Any

import pytest

import enigma
from enigma.dtypes import DTYPES, Matrix, Numeric, b1, bf16, f16, f32, i32, names, u32, widened
from enigma.errors import EnigmaError, EnigmaTypeError
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.registry import all_rows, by_public_name
from enigma.spec.terms import Algebra, Buffer, Choice, DTypeArg, Effect, Element, Static, Term, Var, Variadic, Vec
from enigma.trace.functions import functions
from tests.spec.forms import BY_CALL, accepts, expression, forms, kernels, lane_rows, load, pure_rows


@pytest.mark.parametrize("kind", ["pure", "lane"])
def test_every_dtype_of_a_signature_is_accepted(kind: str) -> None:
    for form in forms(kind):
        traced = kernels(kind)[form.name].trace()
        calls = [node for node in traced.body.nodes if getattr(node, "row", None) is form.row]
        found = [call.result.type for call in calls]
        # a conversion to its own dtype is no operation
        wanted = [
            use.dtype for use in form.uses if use.dtype not in form.inputs.values() or len(found) == len(form.uses)
        ]
        assert found == wanted, form.source


def refusals() -> list[tuple[Intrinsic, str, Numeric]]:
    """Return each row, parameter and dtype that does not go together."""
    found: list[tuple[Intrinsic, str, Numeric]] = []
    for row in (*pure_rows(), *lane_rows()):
        if row.operator in ("and", "or", "not"):  # as conditions, numbers are compared with 0
            continue
        for name, term in row.operands.items():
            if isinstance(term, Var):
                found += [(row, name, dtype) for dtype in DTYPES if not accepts(row, term, dtype)]
            elif term is b1:
                found += [(row, name, dtype) for dtype in DTYPES if dtype is not b1]
            elif isinstance(term, Numeric) and term.is_integer:
                found += [(row, name, dtype) for dtype in DTYPES if dtype.is_float]
    return found


def _message(row: Intrinsic, name: str, dtype: Numeric) -> str:
    term = row.operands[name]
    if row.algebra is Algebra.SELECT and term is b1:
        return f"where: the {name} must be a bool, but it is {dtype.name}"
    if isinstance(term, Var):
        return f" takes {names(term.dtypes)}, but {name} is {dtype.name}"
    return f": {name} must be a bool, but {name} is" if term is b1 else f": {name} must be an integer, but {name} is"


def _refused_source(row: Intrinsic, wrong: str, dtype: Numeric, number: int) -> str:
    """A kernel that calls the row with a wrong dtype for the parameter `wrong`, and for those of the same variable."""
    term = row.operands[wrong]
    dtypes: dict[str, Numeric] = {}
    for name, other in row.operands.items():
        first = other.dtypes[0] if isinstance(other, Var) else other
        dtypes[name] = dtype if name == wrong or (isinstance(term, Var) and other == term) else first
    attrs: dict[str, Any] = {}
    for name, other in row.attributes.items():
        if isinstance(other, DTypeArg):
            attrs[name] = other.var.dtypes[0]
        elif isinstance(other, Static):
            attrs[name] = other.low
    params = [f"{name}_in: en.{each.name}" for name, each in dtypes.items()]
    lines = [f"    {name} = {name}_in[0]" for name in dtypes]
    call = expression(row, list(dtypes), attrs)
    return "\n".join(["@en.kernel", f"def k{number}({', '.join(params)}):", *lines, f"    {call}"]) + "\n"


def test_every_other_dtype_is_refused_at_the_line_with_what_is_taken() -> None:
    cases = refusals()
    assert len(cases) > 400
    module = load("\n\n".join(_refused_source(*case, k) for k, case in enumerate(cases)), "refused")
    for k, (row, name, dtype) in enumerate(cases):
        with pytest.raises(EnigmaTypeError) as caught:
            getattr(module, f"k{k}").trace()
            pytest.fail(f"{row.name} takes {dtype.name} for {name}")
        text, wanted = str(caught.value), _message(row, name, dtype)
        first = next((n for n, t in row.operands.items() if t == row.operands[name]), name)
        assert wanted in text or wanted.replace(f"but {name}", f"but {first}") in text, (
            row.name,
            name,
            dtype.name,
            text,
        )
        assert text.startswith("refused.py:") or row.name in BY_CALL, text
        assert "\n  help: " in text, text


def test_halves_of_two_kinds_have_no_common_dtype() -> None:
    binary = [
        row
        for row in pure_rows()
        if row.variables and f16 in row.variables[0].dtypes and bf16 in row.variables[0].dtypes
    ]
    binary = [row for row in binary if sum(term == row.variables[0] for term in row.operands.values()) >= 2]
    assert binary
    for row in binary:
        operands = [n for n, term in row.operands.items() if term == row.variables[0]]
        others = {n: f16 if n != operands[1] else bf16 for n in operands}
        params = [f"{n}: en.{others.get(n, b1).name}" for n in row.operands]
        call = expression(row, [f"{n}[0]" for n in row.operands], {})
        kernel = load(f"@en.kernel\ndef k({', '.join(params)}):\n    {call}\n").k
        with pytest.raises(EnigmaTypeError, match="Metal has no common type"):
            kernel.trace()


BUFFER_ROWS = [
    row for row in all_rows() if any(isinstance(term, Buffer) for term in row.operands.values()) and row.public_name
]


@pytest.mark.parametrize("row", BUFFER_ROWS, ids=lambda row: row.name)
def test_rows_on_buffers_refuse_other_elements_and_plain_values(row: Intrinsic) -> None:
    term = next(term for term in row.operands.values() if isinstance(term, Buffer))
    assert isinstance(term.element, Var)
    values = ["buf", *("0" for name in row.operands if name != "buf")]
    sources = []
    for dtype in DTYPES:
        sources.append(f"@en.kernel\ndef k_{dtype.name}(buf: en.{dtype.name}):\n    {expression(row, values, {})}\n")
    sources.append(f"@en.kernel\ndef element(buf: en.i32):\n    {expression(row, ['buf[0]', *values[1:]], {})}\n")
    module = load("\n\n".join(sources), "buffers")
    for dtype in DTYPES:
        kernel = getattr(module, f"k_{dtype.name}")
        if dtype in term.element.dtypes:
            assert row in [node.row for node in kernel.trace().body.nodes]
        else:
            with pytest.raises(
                EnigmaTypeError, match=f"works on buffers of {names(term.element.dtypes)}, but buf holds {dtype.name}"
            ):
                kernel.trace()
    with pytest.raises(EnigmaTypeError, match="buf must be a buffer, but it is i32"):
        module.element.trace()


def test_choices_and_numbers_fixed_at_compile_time_are_checked() -> None:
    for row in all_rows():
        if not row.public_name or row.reports is not None:  # the tracer gives these
            continue
        for name, term in row.attributes.items():
            if isinstance(term, Choice):
                call, message = f"en.{row.public_name}({_given(row)}{name}='nonsense')", f"{name} cannot be 'nonsense'"
            elif isinstance(term, Static):
                rest = "".join(f", {other}=0" for other in row.attributes if other != name)
                call = f"en.{row.public_name}({_given(row)}{name}={term.high + 1}{rest})"
                message = f"{name} must be from {term.low} to {term.high}, but it is {term.high + 1}"
            else:
                continue
            kernel = load(f"@en.kernel\ndef k(A: en.i32):\n    {call}\n").k
            with pytest.raises(EnigmaError, match=message):
                kernel.trace()


def _given(row: Intrinsic) -> str:
    return "".join("A, " if isinstance(term, Buffer) else "A[0], " for term in row.operands.values())


@pytest.mark.parametrize("name", sorted(functions()))
def test_the_docstring_of_every_function_has_an_example_that_traces(name: str) -> None:
    function = functions()[name]
    assert function.__doc__ is not None
    example = function.__doc__.rstrip().rpartition("\n")[2].strip()
    assert "enigma." in example, example
    row = by_public_name()[name]
    params, lines = [], []
    for parameter, term in row.operands.items():
        parameter = "x" if isinstance(term, Variadic) else parameter
        dtype = _example_dtype(term)
        if isinstance(term, Buffer):
            params.append(f"{parameter}: en.{dtype.name}")
        elif isinstance(term, Var) and term.exact:  # no buffer holds matrices
            whole = term.exact[0]
            made = f"{whole.name}(1.0)" if isinstance(whole, Matrix) else "make_filled_simdgroup_matrix(1.0)"
            lines.append(f"    {parameter} = en.{made}")
        elif dtype.parts > 1 and dtype.element is b1:  # no buffer holds such
            params.append(f"{parameter}_in: en.u8x{dtype.lanes}")
            lines.append(f"    {parameter} = {parameter}_in[0] != 0")
        else:
            params.append(f"{parameter}_in: en.{dtype.name}")
            lines.append(f"    {parameter} = {parameter}_in[0]")
    call = example.replace("enigma.", "en.")
    text = "\n".join(["@en.kernel", f"def k({', '.join(params)}):", *lines, f"    {call.removeprefix('y = ')}"])
    traced = load(text + "\n").k.trace()
    assert any(getattr(node, "row", None) is row for node in traced.nodes()), example


def _example_dtype(term: Term) -> Numeric:
    if isinstance(term, Buffer):
        term = term.element
    if isinstance(term, Vec):
        assert isinstance(term.element, Numeric) and isinstance(term.lanes, int)
        return widened(term.element, term.lanes)
    if isinstance(term, Element):
        return _example_dtype(term.of).element
    if isinstance(term, Var):
        dtype = f32 if f32 in term.dtypes else i32 if i32 in term.dtypes else term.dtypes[0]
        return dtype if 1 in term.lanes else widened(dtype, term.lanes[-1])
    return term if isinstance(term, Numeric) else u32


def test_functions_outside_of_a_kernel_say_so() -> None:
    for name, function in functions().items():
        row = by_public_name()[name]
        with pytest.raises(EnigmaError, match="no kernel is being traced"):
            function(*(1 for _ in row.operands))


def test_every_row_is_complete() -> None:
    for row in all_rows():
        assert row.effect is not Effect.PURE or not any(isinstance(term, Buffer) for term in row.params.values()), row
        if row.public_name:
            assert row.example, row
            assert getattr(enigma, row.public_name).__name__ == row.public_name
        for dtype, tolerance in row.ulp.items():
            assert dtype.is_float and tolerance >= 0, row
