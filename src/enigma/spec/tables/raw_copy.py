"""Apple's own copies between device and threadgroup memory, as Metal text only and only where a program asks for them.

They are undocumented: the symbols are those of the compiler's intermediate code, and compilers from Xcode 26.2 and macOS 26 on
refuse them. One simdgroup issues a copy and waits for it. An event is a pointer, kept as a number so that variables can hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from enigma.dtypes import Space, i64, u64
from enigma.spec.intrinsic import Intrinsic
from enigma.spec.kit import LATER
from enigma.spec.spelling import Template, unsupported
from enigma.spec.terms import INDEX, Buffer, Effect, Role, T, Term

NATIVE = unsupported("only Metal has these symbols; without the option copies are shared out")

# address spaces of the intermediate code: 1 is device, 3 threadgroup
_NUMBERS = {Space.DEVICE: 1, Space.THREADGROUP: 3}
_WORDS = {Space.DEVICE: "t2d", Space.THREADGROUP: "d2t"}
_EVENT = "struct _enigma_async_event_t;\n\n"


def _declaration(function: str, axes: int, dst: Space, src: Space) -> str:
    symbol = f"air.simdgroup_async_copy_{axes}d.p{_NUMBERS[dst]}i8.p{_NUMBERS[src]}i8"
    to, of = f"{dst.value} void* dst", f"const {src.value} void* src"
    if axes == 1:
        params = f"ulong size, ulong align, {to}, {of}, ulong count"
    else:
        params = (
            f"\n    ulong size, ulong align, {to}, ulong dst_row, ulong dst_one, ulong2 dst_tile,\n"
            f"    {of}, ulong src_row, ulong src_one, ulong2 src_tile, long2 offset, int clamp"
        )
    return f'{_EVENT}thread _enigma_async_event_t* {function}({params})\n    __asm("{symbol}");\n'


_WAIT = (
    _EVENT
    + """void _enigma_async_wait(int count, thread _enigma_async_event_t** events)
    __asm("air.wait_simdgroup_events");

inline void _enigma_async_wait_for(long event)
{{
    thread _enigma_async_event_t* events[1] = {{reinterpret_cast<thread _enigma_async_event_t*>(event)}};
    _enigma_async_wait(1, events);
}}
"""
)


def _begun(move: Callable[..., None]) -> Callable[..., Any]:
    """Return the meaning of a copy that is done where it begins; the event is 0."""

    def ref(np: Any, env: Any, dst: Any, dst_off: Any, *rest: Any) -> Any:
        move(np, env, dst, dst_off, *rest)
        return np.zeros((1, 1), np.int64)

    return ref


def _line(np: Any, env: Any, dst: Any, dst_off: Any, src: Any, src_off: Any, count: Any) -> None:
    for k in range(int(count.max())):
        env.store(dst, dst_off + dst_off.dtype.type(k), env.load(src, src_off + src_off.dtype.type(k)))


def _tile(
    np: Any, env: Any, dst: Any, dst_off: Any, dst_row: Any, src: Any, src_off: Any, src_row: Any, columns: Any, rows: Any
) -> None:  # fmt: skip
    for row in range(int(rows.max())):
        number = dst_off.dtype.type(row)
        _line(np, env, dst, dst_off + dst_row * number, src, src_off + src_row * number, columns)


def _copy(axes: int, dst: Space, src: Space, role: Role) -> Intrinsic:
    """Return the row of a copy of elements or of a tile from one memory to the other."""
    function = f"_enigma_async_copy_{axes}d_{_WORDS[dst]}"
    start = {"dst": Buffer(T, (dst,), written=True), "dst_off": INDEX}
    end = {"src": Buffer(T, (src,)), "src_off": INDEX}
    to, of = "&{dst}[{dst_off}]", "&{src}[{src_off}]"
    if axes == 1:
        params: dict[str, Term] = {**start, **end, "count": u64}
        given = f"{to}, {of}, {{count}}"
    else:
        params = {**start, "dst_row": u64, **end, "src_row": u64, "columns": u64, "rows": u64}
        tile = "ulong2({columns}, {rows})"
        given = f"{to}, {{dst_row}}, 1, {tile}, {of}, {{src_row}}, 1, {tile}, long2(0), 0"
    return Intrinsic(
        name=f"raw_copy_{axes}d_{_WORDS[dst]}", params=params, result=i64, effect=Effect.WRITE, public="", role=role,
        doc=f"Begin to copy {'elements' if axes == 1 else 'a tile'} from {src.value} to {dst.value} memory; returns the event.",
        msl=Template(f"reinterpret_cast<long>({function}(sizeof({{T}}), alignof({{T}}), {given}))", tight=("dst", "src")),
        prelude={"msl": _declaration(function, axes, dst, src)}, cuda=LATER, llvm=NATIVE, ref=_begun(_line if axes == 1 else _tile),
    )  # fmt: skip


ROWS: tuple[Intrinsic, ...] = (
    _copy(1, Space.THREADGROUP, Space.DEVICE, Role.RAW_COPY_1D_D2T),
    _copy(1, Space.DEVICE, Space.THREADGROUP, Role.RAW_COPY_1D_T2D),
    _copy(2, Space.THREADGROUP, Space.DEVICE, Role.RAW_COPY_2D_D2T),
    _copy(2, Space.DEVICE, Space.THREADGROUP, Role.RAW_COPY_2D_T2D),
    Intrinsic(
        name="raw_copy_wait", params={"event": i64}, result=None, effect=Effect.WRITE, public="", role=Role.RAW_WAIT,
        prelude={"msl": _WAIT}, doc="Wait for the copy of an event.",
        msl=Template("_enigma_async_wait_for({event})"), cuda=LATER, llvm=NATIVE, ref=lambda np, env, event: None),
)  # fmt: skip
