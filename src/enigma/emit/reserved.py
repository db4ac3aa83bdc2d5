"""Identifiers that a kernel's variables cannot have, and how a Python name becomes a legal one.

Sources: the C++ standard's keywords; Metal Shading Language specification, chapters 1.4, 2 and 4.
"""

from __future__ import annotations

import re
from functools import cache

_CPP = """
alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t char32_t class co_await
co_return co_yield compl concept const const_cast consteval constexpr constinit continue decltype default delete do
double dynamic_cast else enum explicit export extern false final float for friend goto if inline int long mutable
namespace new noexcept not not_eq nullptr operator or or_eq override private protected public register
reinterpret_cast requires return short signed sizeof static static_assert static_cast struct switch template this
thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor
xor_eq
"""
_METAL = """
device constant thread threadgroup threadgroup_imageblock ray_data object_data coherent kernel vertex fragment compute
mesh object visible stitchable intersection metal main half bfloat uchar ushort uint ulong size_t ptrdiff_t llong
ullong quad complex imaginary dword qword as_type assert sampler texture array vec matrix simd packed atomic int8_t
int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t INFINITY NAN FLT_MAX FLT_MIN FLT_EPSILON HALF_MAX HALF_MIN
HALF_EPSILON INT_MAX INT_MIN UINT_MAX LONG_MAX LONG_MIN ULONG_MAX CHAR_BIT CHAR_MAX CHAR_MIN UCHAR_MAX SHRT_MAX
SHRT_MIN USHRT_MAX MAXFLOAT MAXHALF HUGE_VALF HUGE_VALH M_E_F M_PI_F M_PI_2_F M_PI_4_F M_1_PI_F M_2_PI_F M_SQRT2_F
M_LN2_F M_LN10_F M_LOG2E_F M_LOG10E_F
"""
_FILE_SCOPE = """
abs min max clamp mix step sign select any all dot cross length distance normalize exp exp2 log log2 log10 pow round
rotate divide fract saturate discard access filter address coord level bias gradient2d tensor extents ray patch
uniform fence event sin cos tan asin acos atan atan2 sinh cosh tanh sqrt rsqrt floor ceil trunc rint fma fmin fmax
fmod copysign isnan isinf isfinite popcount clz ctz smoothstep transpose determinant reflect refract faceforward modf
frexp ldexp ilogb powr sincos median3 min3 max3 absdiff mulhi madsat addsat subsat reduce scan acosh asinh atanh cospi
sinpi tanpi exp10 fabs fdim fmin3 fmax3 fmedian3 nextafter isnormal isordered isunordered signbit distance_squared
length_squared extract_bits insert_bits reverse_bits hadd rhadd mad24 mul24 madhi fast precise numeric_limits
threadgroup_barrier simdgroup_barrier simdgroup_matrix packed_vec
"""
# vector and matrix types of every width, packed ones, SIMD-group matrices, atomics: by their shape
_SHAPED = re.compile(
    r"(packed_)?(bool|u?char|u?short|u?int|u?long|half|float|bfloat|double)(\d+)(x\d+)?|simdgroup_\w+8x8|atomic_\w+"
    r"|texture\w+|depth\w+|simd_\w+|quad_\w+|imageblock\w*|(un)?pack_\w+|visible_function_table|command_buffer|mem_\w+|memory_order\w*"
)


@cache
def keywords() -> frozenset[str]:
    """Return the words that no identifier may be."""
    return frozenset(f"{_CPP} {_METAL}".split())


def is_reserved(name: str, *, file_scope: bool = False) -> bool:
    """Return whether Metal keeps `name` for itself; functions of its library only matter at file scope.

    >>> is_reserved("float4"), is_reserved("device"), is_reserved("exp"), is_reserved("exp", file_scope=True)
    (True, True, False, True)
    """
    if name in keywords() or _SHAPED.fullmatch(name) is not None:
        return True
    return file_scope and name in _FILE_SCOPE.split()


def legal(name: str, *, file_scope: bool = False) -> str:
    """Return `name` as an identifier Metal accepts: a trailing underscore where it is reserved.

    >>> legal("out"), legal("float4"), legal("__x"), legal("_Tile"), legal("2d")
    ('out', 'float4_', 'x', 'Tile', 'v2d')
    """
    name = re.sub(r"__+", "_", re.sub(r"[^A-Za-z0-9_]", "_", name))
    if re.match(r"_[^a-z]|_$|_.*_$", name) or name.startswith("__"):
        name = name.lstrip("_")
    if name.startswith("_") and (name[1:2].isupper() or name[1:2].isdigit()):
        name = name.lstrip("_")
    if not name or name[0].isdigit():
        name = f"v{name}"
    return f"{name}_" if is_reserved(name, file_scope=file_scope) else name
