"""The checker against texts known to be legal or not: every injected defect is found, and nothing else."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.msl.check import assert_legal, check_msl, clang_available
from tests.msl.clang import CLANG, rewrite, run_mode, skipped_modes
from tests.msl.stub import stub_text
from tests.msl.tables import FUNCTIONS, LANE_MOVES
from tests.msl.tokens import parse, tokenize

CASES = sorted(Path(__file__).with_name("inj").glob("*.metal"))
EXPECT = re.compile(r"// expect: (legal|illegal \((lint|A|B|any)\) .+)\n(?:// msl: (\d)\.(\d)\n)?")

needs_clang = pytest.mark.skipif(not clang_available(), reason=f"{CLANG} is not installed")


def kernel(body: str, *, params: str = "device float* out [[buffer(0)]]") -> str:
    return (
        "#include <metal_stdlib>\nusing namespace metal;\n"
        f"kernel void work({params}, uint gid [[thread_position_in_grid]]) {{ {body} }}\n"
    )


@pytest.mark.parametrize("path", CASES, ids=lambda p: p.stem)
def test_verdict_on_an_injected_case(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    match = EXPECT.match(text)
    assert match is not None, "the first line must say what is expected"
    version = (int(match[3]), int(match[4])) if match[3] else (3, 1)
    found = check_msl(text, msl_version=version)
    if match[1] == "legal":
        assert found == []
        return
    if match[2] in {"A", "B"} and not clang_available():
        pytest.skip(f"{CLANG} is not installed")
    sources = {d.source for d in found}
    assert sources if match[2] == "any" else match[2] in sources, found


def test_there_are_enough_cases_of_both_kinds() -> None:
    legal = [p for p in CASES if "expect: legal" in p.read_text(encoding="utf-8")]
    assert len(legal) >= 30 and len(CASES) - len(legal) >= 90


@needs_clang
def test_diagnostic_points_at_the_line_and_column() -> None:
    text = kernel("out[gid] = nothing;")
    assert [(d.line, text.splitlines()[d.line - 1][d.col - 1 :][:7]) for d in check_msl(text)] == [(3, "nothing")]


@needs_clang
def test_rejection_inside_the_stub_is_placed_at_the_call() -> None:
    text = kernel("out[gid] = simd_sum(gid > 3u) ? 1.0f : 0.0f;")
    (found,) = check_msl(text)
    assert (found.line, found.source) == (3, "A") and "simd_sum does not take this type" in found.message


@needs_clang
def test_line_directives_do_not_move_diagnostics() -> None:
    text = kernel('out[gid] = 1.0f;\n#line 40 "blur.py"\nout[gid] = nothing;')
    assert [d.line for d in check_msl(text)] == [5]


def test_rewrites_keep_every_place() -> None:
    text = (
        'constant uint n [[function_constant(0)]];\ntemplate [[host_name("a b")]] kernel void k<float>();\n'
        '[[kernel]] void f(threadgroup float* t [[threadgroup(0)]]) { bfloat b = 1.0bf; }\n#line 3 "x.py"\n'
        "constexpr sampler s(coord::pixel); constexpr constant uint m = 3;\n"
    )
    for mode in "AB":
        lines = rewrite(text, mode).splitlines()
        assert [len(line) for line in lines] == [len(line) for line in text.splitlines()]


def test_assert_legal_lists_defects_and_the_numbered_text() -> None:
    text = kernel("out[gid] = 0x1p-3f;")
    with pytest.raises(AssertionError) as caught:
        assert_legal(text)
    assert "3:102: [lint] 0x1p-3f: hexadecimal floats are not used" in str(caught.value)
    assert "   3 | kernel void work(" in str(caught.value)


def test_assert_legal_accepts_a_legal_text() -> None:
    assert_legal(kernel("out[gid] = 1.0f;"))


def test_version_gate_opens_with_the_version() -> None:
    text = kernel("out[gid] = bfloat(1.0f);", params="device bfloat* out [[buffer(0)]]")
    assert check_msl(text, msl_version=(3, 1)) == []
    assert {d.source for d in check_msl(text, msl_version=(3, 0))} == {"lint"}


@needs_clang
def test_language_version_macro_follows_the_version() -> None:
    text = kernel("\n#if __METAL_VERSION__ >= 320\nout[gid] = nothing;\n#endif\n out[gid] = 1.0f;")
    assert check_msl(text, msl_version=(3, 1)) == []
    assert len(check_msl(text, msl_version=(3, 2))) == 1


@needs_clang
def test_warnings_are_given_on_request_only() -> None:
    text = kernel("float unused = 1.0f; out[gid] = 1.0f;")
    assert check_msl(text) == []
    assert [d.message for d in check_msl(text, warnings=True)] == ["unused variable 'unused'"]


def test_template_kernels_skip_mode_b_with_a_reason() -> None:
    assert skipped_modes("template <typename T> kernel void k(device T* a [[buffer(0)]]) {}") == {
        "B": "OpenCL has no template kernels"
    }
    assert skipped_modes(kernel("out[gid] = 1.0f;")) == {}


def test_stub_is_deterministic_and_names_every_row() -> None:
    text = stub_text()
    stub_text.cache_clear()
    assert stub_text() == text
    assert all(f" {row.name}(" in text for row in FUNCTIONS)


@needs_clang
@pytest.mark.parametrize(
    "name", sorted({row.name for row in FUNCTIONS if row.params == "T" and "float" in row.types and row.result == "T"})
)
def test_unary_float_function_takes_float_and_half_but_not_bfloat(name: str) -> None:
    widths = "" if "1" in str(next(r for r in FUNCTIONS if r.name == name).widths) else "4"
    for element in ("float", "half"):
        kind = f"{element}{widths}"
        assert run_mode("A", kernel(f"out[gid] = {name}(out[gid]);", params=f"device {kind}* out [[buffer(0)]]")) == []
    found = run_mode("A", kernel(f"{name}(out[gid]);", params=f"device bfloat{widths}* out [[buffer(0)]]"))
    assert [d.message for d in found] == [f"call to deleted function '{name}'"]


@needs_clang
@pytest.mark.parametrize("name", LANE_MOVES)
@pytest.mark.parametrize("kind", ["bool", "long", "ulong", "bfloat", "long2"])
def test_lane_moves_refuse_wide_and_bool_types(name: str, kind: str) -> None:
    for group in ("simd", "quad"):
        text = kernel(
            f"{kind} v = out[gid]; out[gid] = {group}_{name}(v, 1);", params=f"device {kind}* out [[buffer(0)]]"
        )
        assert [d.source for d in run_mode("A", text)] == ["A"]


@needs_clang
@pytest.mark.parametrize("mode", ["A", "B"])
def test_parallel_runs_agree(mode: str) -> None:
    text = kernel("out[gid] = nothing;" if mode == "A" else "device float* p = &gid; p[0] = 1.0f;")
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda _: run_mode(mode, text), range(4)))
    assert all(r == results[0] and len(r) == 1 for r in results)


def test_tokens_leave_out_comments_and_keep_places() -> None:
    tokens = tokenize("a /* x\ny */ += 1.5e-3f; // z\n#define Q 1\nb->c")
    assert [(t.text, t.line, t.col) for t in tokens] == [
        ("a", 1, 1),
        ("+=", 2, 6),
        ("1.5e-3f", 2, 9),
        (";", 2, 16),
        ("b", 4, 1),
        ("->", 4, 2),
        ("c", 4, 4),
    ]


def test_parse_finds_kernels_helpers_and_structs() -> None:
    unit = parse(
        "struct P { uint n; };\nfloat f(float x) { return x; }\nkernel void k(device float (&a)[4] [[buffer(0)]]) { }\n"
    )
    assert [(f.name.text, f.is_kernel) for f in unit.functions] == [("f", False), ("k", True)]
    assert [p.name.text for f in unit.functions for p in f.params if p.name] == ["x", "a"]
    assert [s.name.text for s in unit.structs] == ["P"]
