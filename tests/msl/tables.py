"""What `metal_stdlib` offers, as rows: types, macros and every function that is a plain overload set.

A row's `params` has a letter a parameter: `T` the type itself, `I`/`U`/`B` the int, uint or bool of its width, `E` its
element, `u` a uint scalar, `&` a `thread T&`, `j` a `thread int&` of its width. `result` uses the same letters, and `b`
for a scalar bool.
`body` is the value for one element in C, with parameters a, b, c, d; `T` in it is the element type. `whole` are statements
for all of a vector. Rows with neither are declared but cannot be run.
"""

from __future__ import annotations

from dataclasses import dataclass

FLOATS = ("float", "half")
INTS = ("char", "uchar", "short", "ushort", "int", "uint", "long", "ulong")
SMALL_INTS = ("char", "uchar", "short", "ushort", "int", "uint")
WIDTHS = (1, 2, 3, 4)
VECTORS = (2, 3, 4)


@dataclass(frozen=True, slots=True)
class Function:
    """One function of `metal_stdlib` and the types it is overloaded on."""

    name: str
    params: str
    types: tuple[str, ...]
    body: str | None = None
    result: str = "T"
    widths: tuple[int, ...] = WIDTHS
    whole: str | None = None


def _floats(params: str, rows: dict[str, str | None], result: str = "T") -> tuple[Function, ...]:
    return tuple(Function(name, params, FLOATS, body, result) for name, body in rows.items())


# Bodies of the float functions compute in float: `a` and its peers are floats there even for half.
MATH = (
    *_floats(
        "T",
        {
            "acos": "__builtin_acosf(a)",
            "acosh": "__builtin_acoshf(a)",
            "asin": "__builtin_asinf(a)",
            "asinh": "__builtin_asinhf(a)",
            "atan": "__builtin_atanf(a)",
            "atanh": "__builtin_atanhf(a)",
            "ceil": "__builtin_ceilf(a)",
            "cos": "__builtin_cosf(a)",
            "cosh": "__builtin_coshf(a)",
            "cospi": "(float)__builtin_cos((double)a * 3.14159265358979323846L)",
            "exp": "__builtin_expf(a)",
            "exp10": "(float)__builtin_pow((double)10.0L, (double)a)",
            "exp2": "__builtin_exp2f(a)",
            "fabs": "__builtin_fabsf(a)",
            "floor": "__builtin_floorf(a)",
            "fract": "__builtin_fminf(a - __builtin_floorf(a), 0x1.fffffep-1f)",
            "log": "__builtin_logf(a)",
            "log10": "__builtin_log10f(a)",
            "log2": "__builtin_log2f(a)",
            "rint": "__builtin_rintf(a)",
            "round": "__builtin_roundf(a)",
            "rsqrt": "1.0f / __builtin_sqrtf(a)",
            "saturate": "__builtin_fminf(__builtin_fmaxf(a, 0.0f), 1.0f)",
            "sign": "(a > 0.0f ? 1.0f : a < 0.0f ? -1.0f : a == 0.0f ? a : 0.0f)",
            "sin": "__builtin_sinf(a)",
            "sinh": "__builtin_sinhf(a)",
            "sinpi": "(float)__builtin_sin((double)a * 3.14159265358979323846L)",
            "sqrt": "__builtin_sqrtf(a)",
            "tan": "__builtin_tanf(a)",
            "tanh": "__builtin_tanhf(a)",
            "tanpi": "(float)__builtin_tan((double)a * 3.14159265358979323846L)",
            "trunc": "__builtin_truncf(a)",
        },
    ),
    *_floats(
        "TT",
        {
            "atan2": "__builtin_atan2f(a, b)",
            "copysign": "__builtin_copysignf(a, b)",
            "divide": "a / b",
            "fdim": "__builtin_fdimf(a, b)",
            "fmax": "__builtin_fmaxf(a, b)",
            "fmin": "__builtin_fminf(a, b)",
            "fmod": "__builtin_fmodf(a, b)",
            "nextafter": None,
            "pow": "__builtin_powf(a, b)",
            "powr": "__builtin_powf(a, b)",
            "step": "(b < a ? 0.0f : 1.0f)",
        },
    ),
    *_floats(
        "TTT",
        {
            "fma": "__builtin_fmaf(a, b, c)",
            "fmax3": "__builtin_fmaxf(a, __builtin_fmaxf(b, c))",
            "fmedian3": None,
            "fmin3": "__builtin_fminf(a, __builtin_fminf(b, c))",
            "mix": "a + (b - a) * c",
            "smoothstep": None,
        },
    ),
    Function("ldexp", "TI", FLOATS, "__builtin_ldexpf(a, b)"),
    Function("ilogb", "T", FLOATS, "__builtin_ilogbf(a)", "I"),
    Function("frexp", "Tj", FLOATS),
    Function("modf", "T&", FLOATS),
    Function("sincos", "T&", FLOATS),
)

# The namespaces metal::precise and metal::fast repeat the float rows of MATH.
RELATIONAL = (
    *_floats(
        "T",
        {
            "isfinite": "__builtin_isfinite(a)",
            "isinf": "__builtin_isinf(a)",
            "isnan": "__builtin_isnan(a)",
            "isnormal": "__builtin_isnormal(a)",
            "signbit": "__builtin_signbit(a)",
        },
        "B",
    ),
    *_floats("TT", {"isordered": "a == a && b == b", "isunordered": "a != a || b != b"}, "B"),
    Function("select", "TTB", FLOATS + INTS, "c ? b : a"),
)

COMMON = (
    Function("abs", "T", FLOATS, "__builtin_fabsf(a)"),
    Function("abs", "T", INTS, "a < 0 ? (T)-a : a"),
    Function("min", "TT", FLOATS, "__builtin_fminf(a, b)"),
    Function("min", "TT", INTS, "b < a ? b : a"),
    Function("max", "TT", FLOATS, "__builtin_fmaxf(a, b)"),
    Function("max", "TT", INTS, "a < b ? b : a"),
    Function("clamp", "TTT", FLOATS, "__builtin_fminf(__builtin_fmaxf(a, b), c)"),
    Function("clamp", "TTT", INTS, "a < b ? b : c < a ? c : a"),
    Function("min3", "TTT", FLOATS + INTS),
    Function("max3", "TTT", FLOATS + INTS),
    Function("median3", "TTT", FLOATS + INTS),
)

INTEGER = (
    Function("absdiff", "TT", INTS, "a < b ? (T)(b - a) : (T)(a - b)"),
    Function("addsat", "TT", INTS, "__builtin_elementwise_add_sat(a, b)"),
    Function("subsat", "TT", INTS, "__builtin_elementwise_sub_sat(a, b)"),
    Function("clz", "T", INTS, "(T)__builtin_clzg((msl::unsigned_of<T>)a, (int)(8 * sizeof(T)))"),
    Function("ctz", "T", INTS, "(T)__builtin_ctzg((msl::unsigned_of<T>)a, (int)(8 * sizeof(T)))"),
    Function("popcount", "T", INTS, "(T)__builtin_popcountg((msl::unsigned_of<T>)a)"),
    Function("reverse_bits", "T", INTS, "(T)__builtin_elementwise_bitreverse(a)"),
    Function("rotate", "TT", INTS),
    Function("hadd", "TT", INTS, "(T)((a >> 1) + (b >> 1) + (a & b & 1))"),
    Function("rhadd", "TT", INTS, "(T)((a >> 1) + (b >> 1) + ((a | b) & 1))"),
    Function("mulhi", "TT", INTS, "(T)((msl::wide_of<T>)a * b >> 8 * sizeof(T))"),
    Function("madhi", "TTT", INTS),
    Function("madsat", "TTT", INTS),
    Function("extract_bits", "Tuu", INTS),
    Function("insert_bits", "TTuu", INTS),
    Function("mul24", "TT", ("int", "uint"), "a * b"),
    Function("mad24", "TTT", ("int", "uint"), "a * b + c"),
)

# Bodies of whole vectors: W is the vector of floats of the same width, N how many, E the element.
GEOMETRIC = (
    Function("dot", "TT", FLOATS, result="E", widths=VECTORS,
             whole="float r = 0.0f; for (int i = 0; i < N; ++i) r += (float)a[i] * (float)b[i]; return (E)r;"),
    Function("length_squared", "T", FLOATS, result="E", widths=VECTORS, whole="return (E)dot(W(a), W(a));"),
    Function("length", "T", FLOATS, result="E", widths=VECTORS, whole="return (E)sqrt(dot(W(a), W(a)));"),
    Function("distance_squared", "TT", FLOATS, result="E", widths=VECTORS, whole="return (E)length_squared(W(a) - W(b));"),
    Function("distance", "TT", FLOATS, result="E", widths=VECTORS, whole="return (E)length(W(a) - W(b));"),
    Function("cross", "TT", FLOATS, widths=(3,), whole="return R(W(a).yzx * W(b).zxy - W(a).zxy * W(b).yzx);"),
    Function("normalize", "T", FLOATS, widths=VECTORS, whole="return R(W(a) / length(W(a)));"),
    Function("reflect", "TT", FLOATS, widths=VECTORS, whole="return R(W(a) - 2.0f * dot(W(b), W(a)) * W(b));"),
    Function("refract", "TTE", FLOATS, widths=VECTORS,
             whole="const float d = dot(W(b), W(a)), e = (float)c, k = 1.0f - e * e * (1.0f - d * d); "
             "return k < 0.0f ? R(W(0.0f)) : R(e * W(a) - (e * d + sqrt(k)) * W(b));"),
    Function("faceforward", "TTT", FLOATS, widths=VECTORS, whole="return dot(W(c), W(b)) < 0.0f ? a : -a;"),
)  # fmt: skip

BOOLEAN = (
    Function(
        "all", "T", ("bool",), "a", "b", whole="for (int i = 0; i < N; ++i) if (!a[i]) return false; return true;"
    ),
    Function("any", "T", ("bool",), "a", "b", whole="for (int i = 0; i < N; ++i) if (a[i]) return true; return false;"),
)

FUNCTIONS = (*MATH, *RELATIONAL, *COMMON, *INTEGER, *GEOMETRIC, *BOOLEAN)

# Lane functions take scalars and vectors of half, float and the integers up to 32 bits; and, or, xor only integers.
LANE_UNARY = ("sum", "product", "min", "max", "broadcast_first")
LANE_PREFIX = ("prefix_inclusive_sum", "prefix_exclusive_sum", "prefix_inclusive_product", "prefix_exclusive_product")
LANE_BITS = ("and", "or", "xor")
LANE_MOVES = (
    "shuffle",
    "shuffle_xor",
    "shuffle_up",
    "shuffle_down",
    "shuffle_rotate_up",
    "shuffle_rotate_down",
    "broadcast",
)
LANE_FILLS = ("shuffle_and_fill_up", "shuffle_and_fill_down")

# (format packed, format unpacked, lanes, packed type): pack_float_to_<format> and unpack_<format>_to_float, with half twins.
PACKED_FORMATS = (
    ("unorm4x8", "unorm4x8", 4, "uint"),
    ("snorm4x8", "snorm4x8", 4, "uint"),
    ("srgb_unorm4x8", "unorm4x8_srgb", 4, "uint"),
    ("unorm2x16", "unorm2x16", 2, "uint"),
    ("snorm2x16", "snorm2x16", 2, "uint"),
    ("unorm10a2", "unorm10a2", 4, "uint"),
    ("unorm565", "unorm565", 3, "ushort"),
)

PACKED_BITS = {
    "unorm4x8": (8, 8, 8, 8), "snorm4x8": (8, 8, 8, 8), "srgb_unorm4x8": (8, 8, 8, 8), "unorm2x16": (16, 16),
    "snorm2x16": (16, 16), "unorm10a2": (10, 10, 10, 2), "unorm565": (5, 6, 5),
}  # fmt: skip

CONSTANTS = {
    "M_E": 2.718281828459045,
    "M_LOG2E": 1.4426950408889634,
    "M_LOG10E": 0.4342944819032518,
    "M_LN2": 0.6931471805599453,
    "M_LN10": 2.302585092994046,
    "M_PI": 3.141592653589793,
    "M_PI_2": 1.5707963267948966,
    "M_PI_4": 0.7853981633974483,
    "M_1_PI": 0.3183098861837907,
    "M_2_PI": 0.6366197723675814,
    "M_2_SQRTPI": 1.1283791670955126,
    "M_SQRT2": 1.4142135623730951,
    "M_SQRT1_2": 0.7071067811865476,
}

MACROS = {
    "INFINITY": "__builtin_inff()",
    "NAN": '__builtin_nanf("")',
    "HUGE_VALF": "__builtin_inff()",
    "HUGE_VALH": "((half)__builtin_inff())",
    "MAXFLOAT": "__FLT_MAX__",
    "FLT_MAX": "__FLT_MAX__",
    "FLT_MIN": "__FLT_MIN__",
    "FLT_EPSILON": "__FLT_EPSILON__",
    "FLT_DIG": "6",
    "FLT_MANT_DIG": "24",
    "FLT_MAX_EXP": "128",
    "FLT_MIN_EXP": "(-125)",
    "MAXHALF": "((half)65504.0f)",
    "HALF_MAX": "((half)65504.0f)",
    "HALF_MIN": "((half)6.103515625e-05f)",
    "HALF_EPSILON": "((half)0.0009765625f)",
    "CHAR_BIT": "8",
    "CHAR_MAX": "127",
    "CHAR_MIN": "(-128)",
    "SCHAR_MAX": "127",
    "SCHAR_MIN": "(-128)",
    "UCHAR_MAX": "255",
    "SHRT_MAX": "32767",
    "SHRT_MIN": "(-32768)",
    "USHRT_MAX": "65535",
    "INT_MAX": "2147483647",
    "INT_MIN": "(-2147483647 - 1)",
    "UINT_MAX": "4294967295u",
    "LONG_MAX": "9223372036854775807l",
    "LONG_MIN": "(-9223372036854775807l - 1)",
    "ULONG_MAX": "18446744073709551615ul",
}

# C++ that the Metal language does not have.
POISONED = (
    "double",
    "goto",
    "dynamic_cast",
    "typeid",
    "new",
    "delete",
    "throw",
    "try",
    "catch",
    "virtual",
    "asm",
    "thread_local",
)

# Sub-headers that a text may include in place of, or beside, metal_stdlib.
HEADERS = (
    "metal_atomic",
    "metal_common",
    "metal_compute",
    "metal_geometric",
    "metal_integer",
    "metal_logging",
    "metal_math",
    "metal_matrix",
    "metal_pack",
    "metal_relational",
    "metal_simdgroup",
    "metal_simdgroup_matrix",
    "metal_texture",
    "metal_types",
)
