"""The words of the Metal language that the lints compare a text with."""

from __future__ import annotations

from tests.msl.tables import FUNCTIONS, INTS, VECTORS

_SCALARS = ("bool", *INTS, "half", "bfloat", "float")
SCALAR_SIZES = {
    "bool": 1,
    "char": 1,
    "uchar": 1,
    "int8_t": 1,
    "uint8_t": 1,
    "short": 2,
    "ushort": 2,
    "half": 2,
    "bfloat": 2,
    "int16_t": 2,
    "uint16_t": 2,
    "int": 4,
    "uint": 4,
    "float": 4,
    "int32_t": 4,
    "uint32_t": 4,
    "atomic_int": 4,
    "atomic_uint": 4,
    "atomic_float": 4,
    "long": 8,
    "ulong": 8,
    "int64_t": 8,
    "uint64_t": 8,
    "size_t": 8,
    "ptrdiff_t": 8,
    "atomic_ulong": 8,
    "atomic_bool": 1,
}
# Size in bytes, which is also the alignment; a vector of three is stored as four.
VECTOR_SIZES = {f"{s}{n}": SCALAR_SIZES[s] * (4 if n == 3 else n) for s in _SCALARS for n in VECTORS}
PACKED_SIZES = {f"packed_{s}{n}": SCALAR_SIZES[s] * n for s in _SCALARS if s != "bool" for n in VECTORS}
MATRIX_SIZES = {f"{s}{c}x{r}": c * VECTOR_SIZES[f"{s}{r}"] for s in ("float", "half") for c in VECTORS for r in VECTORS}
SIMDGROUP_MATRICES = ("simdgroup_float8x8", "simdgroup_half8x8", "simdgroup_bfloat8x8")
TYPES = frozenset(
    (*SCALAR_SIZES, *VECTOR_SIZES, *PACKED_SIZES, *MATRIX_SIZES, *SIMDGROUP_MATRICES, "void", "unsigned", "signed")
)
TEMPLATES = frozenset(
    ("vec", "packed_vec", "matrix", "simdgroup_matrix", "atomic", "array", "texture1d", "texture2d", "texture3d")
)

SPACES = frozenset(("device", "constant", "thread", "threadgroup", "threadgroup_imageblock", "ray_data", "object_data"))

# Kernel inputs of up to three components; all of one kernel must have the same width.
POSITIONS = frozenset(
    (
        "thread_position_in_grid",
        "thread_position_in_threadgroup",
        "threadgroup_position_in_grid",
        "threads_per_grid",
        "threads_per_threadgroup",
        "threadgroups_per_grid",
        "dispatch_threads_per_threadgroup",
        "grid_origin",
        "grid_size",
    )
)
SAME_TYPE = (
    ("thread_position_in_grid", "threads_per_grid"),
    ("thread_position_in_threadgroup", "threads_per_threadgroup"),
)
INDICES = frozenset(
    (
        "thread_index_in_threadgroup",
        "thread_index_in_simdgroup",
        "thread_index_in_quadgroup",
        "simdgroup_index_in_threadgroup",
        "quadgroup_index_in_threadgroup",
        "simdgroups_per_threadgroup",
        "quadgroups_per_threadgroup",
        "threads_per_simdgroup",
        "thread_execution_width",
        "dispatch_simdgroups_per_threadgroup",
        "dispatch_quadgroups_per_threadgroup",
    )
)
INDEX_TYPES = frozenset(("uint", "ushort", "uint32_t", "uint16_t", "unsigned", "unsigned int", "unsigned short"))
POSITION_TYPES = INDEX_TYPES | {f"{t}{n}" for t in ("uint", "ushort") for n in (2, 3)}

# Attribute of a resource and the highest index.
RESOURCES = {"buffer": 30, "threadgroup": 30, "texture": 127, "sampler": 15}
OTHER_ATTRIBUTES = frozenset(
    (
        "kernel",
        "host_name",
        "max_total_threads_per_threadgroup",
        "required_threads_per_threadgroup",
        "function_constant",
        "id",
        "visible",
        "stitchable",
        "user",
        "unroll",
        "maybe_unused",
        "nodiscard",
        "fallthrough",
        "likely",
        "unlikely",
        "noreturn",
        "clang::always_inline",
        "clang::noinline",
        "clang::optnone",
        "gnu::always_inline",
    )
)
ATTRIBUTES = POSITIONS | INDICES | frozenset(RESOURCES) | OTHER_ATTRIBUTES

_CPP = """alignas alignof and and_eq asm auto bitand bitor bool break case catch char char8_t char16_t
char32_t class co_await co_return co_yield compl concept const const_cast consteval constexpr
constinit continue decltype default delete do double dynamic_cast else enum explicit export extern
false final float for friend goto if inline int long mutable namespace new noexcept not not_eq
nullptr operator or or_eq override private protected public register reinterpret_cast requires
return short signed sizeof static static_assert static_cast struct switch template this thread_local
throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor
xor_eq"""
_METAL = """device constant thread threadgroup threadgroup_imageblock ray_data object_data coherent kernel
vertex fragment compute mesh object visible stitchable intersection metal main as_type sampler_t
quad complex imaginary llong ullong dword qword assert INFINITY NAN HUGE_VALF HUGE_VALH MAXFLOAT
MAXHALF FLT_MAX FLT_MIN FLT_EPSILON HALF_MAX HALF_MIN HALF_EPSILON INT_MAX INT_MIN UINT_MAX M_PI_F
M_E_F M_PI_H M_E_H"""
# Names that may not be declared anywhere: C++ and Metal keywords, type names (also those only reserved), macros.
RESERVED = frozenset(
    (
        *_CPP.split(),
        *_METAL.split(),
        *TYPES,
        *(f"{t}{n}" for t in ("bool", *INTS, "half", "float", "double", "bfloat") for n in (2, 3, 4, 8, 16)),
    )
)

_LIBRARY = """array vec matrix sampler access filter address coord level bias gradient2d tensor extents ray atomic
fence event visible_function_table command_buffer patch uniform transpose determinant precise fast
simd_vote mem_flags simd_sum simd_product simd_min simd_max simd_shuffle simd_broadcast
threadgroup_barrier simdgroup_barrier texture1d texture2d texture3d depth2d discard packed_vec
simdgroup_matrix numeric_limits"""
# Names of namespace metal that `using namespace metal` brings in: ambiguous when a text declares them at file scope.
FILE_SCOPE = frozenset(
    (
        *(row.name for row in FUNCTIONS),
        *_LIBRARY.split(),
    )
)

# The least language version of a name, as (major, minor).
NEEDS_VERSION = {
    **dict.fromkeys(("bfloat", "simdgroup_bfloat8x8", "nextafter", "numeric_limits_bfloat"), (3, 1)),
    **{f"{p}bfloat{n}": (3, 1) for p in ("", "packed_") for n in VECTORS},
    **dict.fromkeys(("atomic_float",), (3, 0)),
    **dict.fromkeys(("atomic_ulong", "simd_shuffle_and_fill_up", "simd_shuffle_and_fill_down"), (2, 4)),
    **dict.fromkeys(("simdgroup_matrix", "simdgroup_float8x8", "simdgroup_half8x8"), (2, 3)),
    **dict.fromkeys(("os_log_default", "os_log", "atomic_thread_fence", "coherent"), (3, 2)),
    **dict.fromkeys(
        ("required_threads_per_threadgroup", "pack_float_to_snorm10a2", "unpack_snorm10a2_to_float"), (4, 0)
    ),
    **dict.fromkeys(("memory_order_acquire", "memory_order_release", "memory_order_acq_rel"), (4, 1)),
}
