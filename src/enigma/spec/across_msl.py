"""Metal's text of the functions across lanes on the dtypes that Metal's own do not take.

Metal has them for float, half and the integers up to 32 bits, scalars and vectors. What is not arithmetic goes through
integers of the same bits. 64-bit arithmetic is put together from 32-bit functions, which keep to the active lanes by
themselves: a helper made of shuffles would read lanes that are not there.
"""

from __future__ import annotations

from enigma.dtypes import Numeric, b1, bf16, f16, f32, i8, i16, i32, i64, u8, u16, u32, u64
from enigma.spec.spelling import Call, Spelling, Template

NATIVE: tuple[Numeric, ...] = (f32, f16, i32, u32, i16, u16, i8, u8)
WIDE: tuple[Numeric, ...] = (i64, u64)

_SUM = """inline {{T}} {name}64({{T}} x) {{{{
    // 16 bits at a time: 32 of them fit a uint
    const uint3 part = {name}(uint3(uint(x) & 0xffffu, uint(x) >> 16, uint(ulong(x) >> 32)));
    return {{T}}(ulong(part.x) + (ulong(part.y) << 16) + (ulong(part.z) << 32));
}}}}
"""

_EXTREME = """inline {{T}} {name}64({{T}} x) {{{{
    const uint2 halves = as_type<uint2>(x);
    const {{high}} high = {name}({{high}}(halves.y));
    const uint low = {name}({{high}}(halves.y) == high ? halves.x : {worst});
    return as_type<{{T}}>(uint2(low, uint(high)));
}}}}
"""

_PRODUCT = """inline {{T}} {name}64({{T}} x) {{{{
    ulong product = 1;
    uint lanes = uint(({prefix}_vote::vote_t){prefix}_active_threads_mask());
    for (; lanes != 0; lanes &= lanes - 1) {{{{
        product *= as_type<ulong>({prefix}_broadcast(as_type<uint2>(x), ushort(ctz(lanes))));
    }}}}
    return {{T}}(product);
}}}}
"""

_PREFIX_PRODUCT = """inline {{T}} {name}64({{T}} x) {{{{
    const uint place = {prefix}_prefix_exclusive_sum(1u);
    ulong product = 1;
    uint lanes = uint(({prefix}_vote::vote_t){prefix}_active_threads_mask());
    for (uint k = 0; lanes != 0; ++k, lanes &= lanes - 1) {{{{
        const ulong factor = as_type<ulong>({prefix}_broadcast(as_type<uint2>(x), ushort(ctz(lanes))));
        product *= k {below} place ? factor : 1ul;
    }}}}
    return {{T}}(product);
}}}}
"""


def _helper(prefix: str, function: str) -> str:
    name = f"{prefix}_{function}"
    match function:
        case "sum" | "prefix_inclusive_sum" | "prefix_exclusive_sum":
            return _SUM.format(name=name)
        case "min" | "max":
            return _EXTREME.format(name=name, worst="0xffffffffu" if function == "min" else "0u")
        case "product":
            return _PRODUCT.format(name=name, prefix=prefix)
        case _:
            return _PREFIX_PRODUCT.format(name=name, prefix=prefix, below="<=" if "inclusive" in function else "<")


def helpers(prefix: str, function: str) -> dict[str, str]:
    """Return the helper functions of arithmetic across lanes on 64-bit integers, by target and dtype."""
    text = _helper(prefix, function)
    return {f"msl:{d.name}": text.replace("{high}", "int" if d.is_signed else "uint") for d in WIDE}


def arithmetic(name: str) -> dict[Numeric, Spelling]:
    """Return the spellings of `name` of one operand: bfloat is computed in float, 64 bits by a helper."""
    found: dict[Numeric, Spelling] = dict.fromkeys(NATIVE, Call(name))
    found |= dict.fromkeys(WIDE, Call(f"{name}64"))
    return found | {bf16: Template(f"bfloat({name}(float({{x}})))")}


def bitwise(name: str, of_bools: Spelling) -> dict[Numeric, Spelling]:
    """Return the spellings of a bitwise reduction: the halves of 64 bits have nothing to do with each other."""
    found: dict[Numeric, Spelling] = dict.fromkeys((d for d in NATIVE if d.is_integer), Call(name))
    found |= dict.fromkeys(WIDE, Template(f"as_type<{{T}}>({name}(as_type<uint2>({{x}})))"))
    return found | {b1: of_bools}


def moving(name: str, values: tuple[str, ...], rest: str = "") -> dict[Numeric, Spelling]:
    """Return the spellings of a function that moves `values` between lanes; `rest` is the text of its other arguments."""

    def call(before: str, after: str) -> str:
        return f"{name}({', '.join(f'{before}{{{value}}}{after}' for value in values)}{rest})"

    found: dict[Numeric, Spelling] = dict.fromkeys(NATIVE, Template(call("", "")))
    found |= dict.fromkeys(WIDE, Template(f"as_type<{{T}}>({call('as_type<uint2>(', ')')})"))
    found[bf16] = Template(f"as_type<bfloat>({call('as_type<ushort>(', ')')})")
    return found | {b1: Template(f"bool({call('ushort(', ')')})")}
