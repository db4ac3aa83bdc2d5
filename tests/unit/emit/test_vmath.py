"""The vector math library against NumPy in f64: accuracy in ulp, special values, and the same bits at every width."""

from __future__ import annotations

import ctypes
import math
import platform
from collections.abc import Callable
from functools import cache

import llvmlite.binding as llvm
import numpy as np
import pytest

from enigma.dtypes import f32
from enigma.emit.simt.vmath import FUNCTIONS, arity, declarations, definition, symbol
from enigma.errors import InternalError
from tests.spec.exact import nearest
from tests.spec.vector_truths import srgb_code, srgb_light, srgb_limits

WIDTHS = (1, 4, 8, 16)
INF, NAN = math.inf, math.nan
TINY, HUGE = float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
X86 = platform.machine().lower() in ("x86_64", "amd64")

# the most that a result may be off, in units of the last place of the exact one; a fused multiply-add does not matter
ULP = {
    "exp": 1.1, "exp2": 1.1, "log": 1.0, "log2": 1.5, "log10": 1.2, "sin": 1.4, "cos": 1.4, "tan": 2.0, "asin": 0.6,
    "acos": 0.6, "atan": 1.5, "sinh": 0.6, "cosh": 0.6, "tanh": 1.2, "pow": 0.6, "atan2": 0.6, "fmod": 0.0,
}  # fmt: skip

ON_X86 = pytest.mark.skipif(not X86, reason="needs an x86 host, whose MXCSR and instruction sets it chooses")
FLUSH = [pytest.param(False, id="gradual"), pytest.param(True, id="flush", marks=ON_X86)]

CURVES = {"srgb_code", "srgb_linear"}
"""Functions of numbers in a small range, with tests of their own."""

UNARY = sorted(name for name in FUNCTIONS - CURVES if arity(name) == 1)
BINARY = sorted(name for name in FUNCTIONS if arity(name) == 2)

# powers of two around which to sample, and extra points whose neighbourhood is swept
EXPONENTS = {
    "exp": (-30, 7), "exp2": (-30, 8), "sinh": (-30, 7), "cosh": (-30, 7), "tanh": (-30, 5),
    "asin": (-30, 0), "acos": (-30, 0),
}  # fmt: skip
ANGLES = [*(i * math.pi / 4 for i in range(1, 20)), 131072.0, 1e6, 1e30]
NEAR_ONE = [1.0, math.sqrt(0.5), math.sqrt(2), 2.0, 10.0, TINY]
HALF_STEPS = [math.log(2) * i / 2 for i in (1, 3)]
BRANCHES = {
    "exp": [0.0, *HALF_STEPS, 88.72284, -87.33655, 127 * math.log(2), -103.97],
    "exp2": [0.5, 1.5, 127.5, 128.0, -126.0, -149.5],
    "log": NEAR_ONE, "log2": NEAR_ONE, "log10": NEAR_ONE, "sin": ANGLES, "cos": ANGLES, "tan": ANGLES,
    "asin": [0.5, 1.0], "acos": [0.5, 1.0], "atan": [0.5, 1.0, 2.0],
    "sinh": [*HALF_STEPS, 89.41], "cosh": [*HALF_STEPS, 89.41], "tanh": [1.0, 9.0, 10.0],
    "srgb_code": [0.0031308, 0.5, 1.0], "srgb_linear": [10.3, 128.0, 255.0],
}  # fmt: skip


def driver(name: str, width: int, flush: bool) -> str:
    """Return the IR of `run`, which applies the function to arrays, flushing denormals meanwhile if asked to."""
    inputs = range(arity(name))
    lanes = "float" if width == 1 else f"<{width} x float>"
    setting = "  store i32 {}, ptr %mode\n  call void @llvm.x86.sse.ldmxcsr(ptr %mode)"
    load = "  %q{0} = getelementptr float, ptr %p{0}, i64 %i\n  %a{0} = load {1}, ptr %q{0}, align 4"
    return f"""
{"declare void @llvm.x86.sse.ldmxcsr(ptr)" if flush else ""}
define void @run({", ".join(f"ptr %p{i}" for i in inputs)}, ptr %out, i64 %n) {{
entry:
  %mode = alloca i32
{setting.format(0x9FC0) if flush else ""}
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %loop ]
{chr(10).join(load.format(i, lanes) for i in inputs)}
  %r = call {lanes} @{symbol(name, width)}({", ".join(f"{lanes} %a{i}" for i in inputs)})
  %o = getelementptr float, ptr %out, i64 %i
  store {lanes} %r, ptr %o, align 4
  %next = add i64 %i, {width}
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %exit
exit:
{setting.format(0x1F80) if flush else ""}
  ret void
}}
"""


@cache
def compiled(name: str, width: int, features: str | None = None, flush: bool = False) -> Callable[..., np.ndarray]:
    """Return the function as one of arrays, whose length is a multiple of every width."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    text = "\n".join([*declarations(name, width), definition(name, width), driver(name, width, flush)])
    module = llvm.parse_assembly(text)
    module.verify()
    flat = llvm.get_host_cpu_features().flatten() if features is None else features
    machine = llvm.Target.from_default_triple().create_target_machine(
        cpu="" if features is None else "x86-64", features=flat, opt=2
    )
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    run = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity(name) + 1), ctypes.c_int64)(
        engine.get_function_address("run")
    )

    def call(*arrays: np.ndarray) -> np.ndarray:
        inputs = [np.ascontiguousarray(array, np.float32) for array in arrays]
        padded = [np.pad(array, (0, -len(array) % 16), mode="edge") for array in inputs]
        out = np.empty_like(padded[0])
        run(*[array.ctypes.data for array in padded], out.ctypes.data, len(out))
        return out[: len(inputs[0])]

    call.engine = engine  # type: ignore[attr-defined]  # the code lives as long as the function
    return call


def reference(name: str, *arrays: np.ndarray) -> np.ndarray:
    """Return the values in f64, by NumPy (whose own error there is far below an ulp of f32)."""
    alias = {"asin": "arcsin", "acos": "arccos", "atan": "arctan", "pow": "power", "atan2": "arctan2"}
    with np.errstate(all="ignore"):
        return getattr(np, alias.get(name, name))(*[array.astype(np.float64) for array in arrays])


def ulp_error(got: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """Return the distance in ulp of the exact value's binade; inf where only one is NaN or, rounded, infinite.

    Exact values that are denormal in f32 count in ulp of the smallest normal, so that neither gradual nor abrupt
    underflow is wrong by more than it must be: see the tests of special values for zeros.
    """
    with np.errstate(all="ignore"):
        rounded = exact.astype(np.float32)
        unit = np.exp2(np.floor(np.log2(np.maximum(np.abs(exact), TINY))) - 23)
        error = np.abs(got.astype(np.float64) - exact) / unit
    error = np.where(got == rounded, np.minimum(error, 0.5), error)
    error = np.where(np.isnan(exact) & np.isnan(got), 0.0, error)
    return np.where(np.isnan(error), INF, error)


def samples(name: str, count: int = 200_000) -> np.ndarray:
    """Return numbers of both signs, uniform in their logarithm over the range where the function is interesting."""
    random = np.random.default_rng(sum(name.encode()))
    low, high = EXPONENTS.get(name, (-126, 128))
    x = np.exp2(random.uniform(low, high, count)) * random.choice([-1.0, 1.0], count)
    x = np.abs(x) if name.startswith("log") else x
    x = x.astype(np.float32)
    return x[np.isfinite(x)]


def neighbours(points: list[float], reach: int = 2000) -> np.ndarray:
    """Return every f32 within `reach` steps of each point, of both signs."""
    bits = np.abs(np.array(points, np.float32)).view(np.int32)[:, None] + np.arange(-reach, reach + 1, dtype=np.int32)
    x = np.clip(bits.ravel(), 0, 0x7F7FFFFF).view(np.float32)
    x = x[(x >= TINY) | (x == 0)]
    return np.concatenate([x, -x])


def pairs(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return arguments of a binary function: of like size, of any size, and such that results stay in range."""
    random = np.random.default_rng(7)
    sign = lambda: random.choice([-1.0, 1.0], 100_000)  # noqa: E731
    x = np.exp2(np.concatenate([random.uniform(-126, 127.9, 100_000), random.uniform(-4, 4, 100_000)]))
    if name == "pow":
        near_one = 1 + np.exp2(random.uniform(-24, -1, 50_000)) * random.choice([-1, 1], 50_000)
        x = np.concatenate([x[:150_000], near_one]).astype(np.float32)
        limit = 150 / np.maximum(np.abs(np.log2(x.astype(np.float64))), 1e-30)
        y = np.clip(random.uniform(-1, 1, 200_000) * limit, -1e38, 1e38).astype(np.float32)
        return x, np.where(y == 0, np.float32(1), y)
    y = np.exp2(np.concatenate([random.uniform(-126, 127.9, 100_000), random.uniform(-4, 4, 100_000)]))
    return (x * np.tile(sign(), 2)).astype(np.float32), (y * np.tile(sign(), 2)).astype(np.float32)


def worst(name: str, got: np.ndarray, *arrays: np.ndarray) -> tuple[float, str]:
    """Return the largest error, and a line that says where it is."""
    exact = reference(name, *arrays)
    error = ulp_error(got, exact)
    at = int(error.argmax())
    where = ", ".join(repr(float(array[at])) for array in arrays)
    return float(error[at]), f"{name}({where}) = {float(got[at])!r}, exact {float(exact[at])!r}: {error[at]:.3f} ulp"


@pytest.mark.parametrize("name", UNARY)
def test_unary_functions_stay_within_their_ulp(name: str):
    x = np.concatenate([samples(name), neighbours(BRANCHES[name])])
    error, where = worst(name, compiled(name, 16)(x), x)
    assert error <= ULP[name], where


@pytest.mark.parametrize("name", BINARY)
def test_binary_functions_stay_within_their_ulp(name: str):
    x, y = pairs(name)
    error, where = worst(name, compiled(name, 16)(x, y), x, y)
    assert error <= ULP[name], where


@pytest.mark.parametrize("name", UNARY)
@ON_X86
def test_accuracy_does_not_depend_on_fused_multiply_add(name: str):
    x = np.concatenate([samples(name, 50_000), neighbours(BRANCHES[name], 500)])
    error, where = worst(name, compiled(name, 16, "+sse2")(x), x)
    assert error <= ULP[name], where


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_results_are_the_same_bits_at_every_width(name: str):
    special = np.array([0.0, -0.0, INF, -INF, NAN, 1.0, -1.0, 1e-40, HUGE, -HUGE, 1e30, TINY], np.float32)
    if arity(name) == 1:
        arguments = (np.concatenate([special, samples(name, 20_000), neighbours(BRANCHES[name], 50)]),)
    else:
        x, y = (array[::10] for array in pairs(name))
        grid_x, grid_y = np.meshgrid(special, special)
        arguments = (np.concatenate([x, grid_x.ravel()]), np.concatenate([y, grid_y.ravel()]))
    first, *others = (compiled(name, width)(*arguments) for width in WIDTHS)
    for width, other in zip(WIDTHS[1:], others, strict=True):
        same = (first.view(np.int32) == other.view(np.int32)) | (np.isnan(first) & np.isnan(other))
        assert same.all(), f"width {width}: {[array[~same][:3] for array in (*arguments, first, other)]}"


# pairs, for -0.0 and 0.0 are the same key of a dictionary
SPECIAL = {
    "exp": [
        (0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (88.8, INF), (HUGE, INF), (-104.0, 0.0), (-HUGE, 0.0),
        (NAN, NAN),
    ],
    "exp2": [
        (0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, 0.0), (128.0, INF), (HUGE, INF), (-151.0, 0.0), (-HUGE, 0.0),
        (127.0, 2.0**127), (-126.0, TINY), (NAN, NAN),
    ],
    "log": [
        (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (-TINY, NAN), (1.0, 0.0), (1e-40, -INF),
        (NAN, NAN),
    ],
    "log2": [
        (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (1.0, 0.0), (TINY, -126.0),
        (2.0**127, 127.0), (8.0, 3.0), (NAN, NAN),
    ],
    "log10": [
        (0.0, -INF), (-0.0, -INF), (INF, INF), (-INF, NAN), (-1.0, NAN), (1.0, 0.0), (10.0, 1.0), (1000.0, 3.0),
        (NAN, NAN),
    ],
    "sin": [
        (0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (TINY, TINY),
    ],
    "cos": [
        (0.0, 1.0), (-0.0, 1.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (TINY, 1.0),
    ],
    "tan": [
        (0.0, 0.0), (-0.0, -0.0), (INF, NAN), (-INF, NAN), (NAN, NAN), (TINY, TINY),
    ],
    "asin": [
        (0.0, 0.0), (-0.0, -0.0), (1.0, math.pi / 2), (-1.0, -math.pi / 2), (1.0000001, NAN), (-INF, NAN),
        (INF, NAN), (NAN, NAN), (-TINY, -TINY),
    ],
    "acos": [
        (0.0, math.pi / 2), (-0.0, math.pi / 2), (1.0, 0.0), (-1.0, math.pi), (1.0000001, NAN), (-INF, NAN),
        (INF, NAN), (NAN, NAN),
    ],
    "atan": [
        (0.0, 0.0), (-0.0, -0.0), (1.0, math.pi / 4), (INF, math.pi / 2), (-INF, -math.pi / 2), (HUGE, math.pi / 2),
        (-TINY, -TINY), (NAN, NAN),
    ],
    "sinh": [
        (0.0, 0.0), (-0.0, -0.0), (INF, INF), (-INF, -INF), (89.5, INF), (-89.5, -INF), (-HUGE, -INF), (NAN, NAN),
        (-TINY, -TINY),
    ],
    "cosh": [
        (0.0, 1.0), (-0.0, 1.0), (INF, INF), (-INF, INF), (89.5, INF), (-HUGE, INF), (NAN, NAN), (TINY, 1.0),
    ],
    "tanh": [
        (0.0, 0.0), (-0.0, -0.0), (INF, 1.0), (-INF, -1.0), (HUGE, 1.0), (9.1, 1.0), (-HUGE, -1.0), (NAN, NAN),
        (-TINY, -TINY),
    ],
}  # fmt: skip


def assert_same(got: np.ndarray, expected: np.ndarray, *arguments: np.ndarray) -> None:
    """Fail unless both are equal, NaN for NaN and signs of zeros included."""
    expected = expected.astype(np.float32)
    same = (got == expected) & (np.signbit(got) == np.signbit(expected)) | (np.isnan(got) & np.isnan(expected))
    assert same.all(), [
        tuple(float(array[i]) for array in (*arguments, got, expected)) for i in np.flatnonzero(~same)[:5]
    ]


@pytest.mark.parametrize(
    "flush", [False, pytest.param(True, marks=pytest.mark.skipif(not X86, reason="sets MXCSR of an x86 host"))]
)
@pytest.mark.parametrize("name", UNARY)
def test_special_values_of_unary_functions(name: str, flush: bool):
    x, expected = np.array(SPECIAL[name]).T
    x = x.astype(np.float32)
    assert_same(compiled(name, 16, flush=flush)(x), expected, x)


def grid() -> tuple[np.ndarray, np.ndarray]:
    """Return all pairs of numbers for which C's standard has rules of their own, and some between."""
    points = [0.0, INF, NAN, 1.0, 0.5, 2.0, 3.0, 2.5, TINY, HUGE, 16777215.0, 16777216.0, 1e30, 0.99999994, 1.0000001]
    axis = np.array([*points, *(-p for p in points)], np.float32)
    x, y = np.meshgrid(axis, axis)
    return x.ravel(), y.ravel()


@pytest.mark.parametrize(
    "flush", [False, pytest.param(True, marks=pytest.mark.skipif(not X86, reason="sets MXCSR of an x86 host"))]
)
@pytest.mark.parametrize("name", BINARY)
def test_special_values_of_binary_functions(name: str, flush: bool):
    x, y = grid()
    got, exact = compiled(name, 16, flush=flush)(x, y), reference(name, x, y)
    with np.errstate(over="ignore"):
        rounded = exact.astype(np.float32)
    normal = (np.abs(rounded) >= TINY) & np.isfinite(rounded)
    assert (ulp_error(got, exact)[normal] <= ULP[name]).all()
    is_denormal = (exact != 0) & (np.abs(exact) < TINY)
    got, rounded = (
        np.where(is_denormal & (np.abs(a) <= TINY), np.copysign(np.float32(0), a), a) for a in (got, rounded)
    )
    assert_same(got[~normal], rounded[~normal], x[~normal], y[~normal])


@ON_X86
@pytest.mark.parametrize("name", UNARY)
def test_flushing_denormals_changes_no_normal_result(name: str):
    x = samples(name, 20_000)
    x = x[np.abs(x) >= TINY]
    kept, flushed = compiled(name, 8)(x), compiled(name, 8, flush=True)(x)
    normal = ~(np.abs(kept) <= TINY)
    assert_same(flushed[normal], kept[normal], x[normal])
    assert (np.abs(flushed[~normal]) <= TINY).all()


def test_denormal_results_are_gradual_when_the_processor_keeps_them():
    x = np.linspace(-103.5, -87.4, 5000, dtype=np.float32)
    error, where = worst("exp", compiled("exp", 8)(x), x)
    assert error <= ULP["exp"], where


@pytest.mark.parametrize("features", [None, pytest.param("+sse2", marks=ON_X86)])
def test_the_srgb_curve_is_right_at_each_limit_and_for_each_code(features: str | None):
    limits = srgb_limits()
    reach = np.clip(limits.view(np.int32)[:, None] + np.arange(-40, 41, dtype=np.int32), 0, 0x3F800000).view(np.float32)
    wanted = [srgb_code(float(x)) for x in reach[:, ::8].ravel()]
    np.testing.assert_array_equal(compiled("srgb_code", 8, features)(reach[:, ::8].ravel()), wanted)
    ends = np.concatenate([limits, np.nextafter(limits, np.float32(1))])
    np.testing.assert_array_equal(compiled("srgb_code", 8, features)(ends), [srgb_code(float(x)) for x in ends])
    codes = np.arange(256, dtype=np.float32)
    light = [nearest(srgb_light(code), f32) for code in range(256)]
    np.testing.assert_array_equal(compiled("srgb_linear", 8, features)(codes), np.array(light, np.float32))


def machin_pi(bits: int) -> int:
    """Return pi times 2^bits, rounded down but for a few units: 16 atan(1/5) - 4 atan(1/239)."""

    def arctangent(inverse: int) -> int:
        term = total = (1 << bits) // inverse
        divisor = 1
        while term:
            term //= -inverse * inverse
            divisor += 2
            total += term // divisor
        return total

    return 16 * arctangent(5) - 4 * arctangent(239)


def reduce_exactly(x: float) -> float:
    """Return the f32 x minus the nearest multiple of 2 pi, computed in whole numbers and rounded once."""
    turn = 2 * machin_pi(400)
    scaled = int(x * 256) << 392  # 2^17 and more has no bits below 2^-6
    rest = scaled % turn
    rest = rest - turn if 2 * rest > turn else rest
    return math.ldexp(float(rest >> 300), -100)


@pytest.mark.parametrize(("name", "function"), [("sin", math.sin), ("cos", math.cos), ("tan", math.tan)])
def test_huge_angles_agree_with_reduction_in_whole_numbers(name: str, function: Callable[[float], float]):
    random = np.random.default_rng(3)
    known = [HUGE, 1e30, 2.0**120, 16367173.0 * 2.0**72, -(2.0**17) - 1, 16777216.0 * 2.0**103, 8388607.0 * 2.0**20]
    x = np.array([*known, *np.exp2(random.uniform(17, 127.99, 600))]).astype(np.float32)
    exact = np.array([function(reduce_exactly(float(value))) for value in x])
    error = ulp_error(compiled(name, 8)(x), exact)
    assert error.max() <= ULP[name], (x[error.argmax()], error.max())


def test_neighbours_of_a_lane_that_needs_the_long_way_keep_their_bits():
    x = np.linspace(-50, 50, 1024, dtype=np.float32)
    mixed = x.copy()
    mixed[::16] = 1e30
    for name in ("sin", "cos", "tan"):
        kept = np.arange(len(x)) % 16 != 0
        assert (compiled(name, 16)(x)[kept] == compiled(name, 16)(mixed)[kept]).all()


def test_fmod_with_a_quotient_beyond_53_bits_is_exact():
    x, y = np.array([HUGE, 1e30, -1e38, 1e20], np.float32), np.array([TINY, 3.0, 0.7, -1e-20], np.float32)
    assert_same(
        compiled("fmod", 4)(x, y), np.array([math.fmod(float(a), float(b)) for a, b in zip(x, y, strict=True)]), x, y
    )


def test_symbols_name_the_width():
    assert symbol("exp", 16) == "enigma_exp_v16f32"
    assert symbol("atan2", 1) == "enigma_atan2_f32"


def test_all_definitions_of_two_widths_fit_in_one_module():
    names = [(name, width) for name in sorted(FUNCTIONS) for width in (1, 16)]
    declared = dict.fromkeys(line for name in names for line in declarations(*name))
    module = llvm.parse_assembly("\n".join([*declared, *(definition(*name) for name in names)]))
    module.verify()
    defined = {function.name for function in module.functions if not function.is_declaration}
    assert {symbol(*name) for name in names} <= defined


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_definitions_keep_strict_rounding_and_never_ask_for_a_fused_libm_call(name: str):
    text = definition(name, 16)
    assert "llvm.fma." not in text
    assert not {"fast", "contract", "reassoc", "nnan", "ninf", "afn", "arcp"} & set(text.replace(",", " ").split())


def test_an_unknown_function_is_refused():
    with pytest.raises(InternalError, match="no vector math function is called 'erf'"):
        symbol("erf", 4)


@pytest.mark.parametrize("width", [0, 3, -4])
def test_a_width_that_is_no_power_of_two_is_refused(width: int):
    with pytest.raises(InternalError, match=f"exp for {width} lanes: a width is a power of two"):
        definition("exp", width)
