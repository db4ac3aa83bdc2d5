"""Runs a traced kernel through the CPU JIT's emitter, without the runtime: what the tests of the emitter launch with."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from enigma.dialect.build import build
from enigma.dtypes import Numeric
from enigma.emit.simt.lower import ArgumentLayout, Geometry, Lowered, lower
from enigma.passes.pipeline import run as optimise
from enigma.runtime.native import jit
from enigma.runtime.native.host import Host, host
from enigma.runtime.native.pool import pool
from enigma.trace.node import Traced

Size = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A box of threadgroups of one size: origin and extent count threadgroups."""

    origin: Size
    extent: Size
    size: Size


def machine(vector_bits: int | None = None) -> Host:
    """Return this processor, or one that pretends to have narrower vectors."""
    here = host()
    return here if vector_bits is None else replace(here, vector_bits=vector_bits)


def pieces(grid: Size, threads: Size) -> list[Piece]:
    """Return the grid as boxes of equal threadgroups."""
    axes = []
    for total, size in zip(grid, threads, strict=True):
        whole, rest = divmod(total, size)
        axes.append([part for part in ((0, whole, size), (whole, 1, rest)) if part[1] and part[2]])
    found = []
    for parts in product(*axes):
        origin, extent, size = (tuple(part[n] for part in parts) for n in range(3))
        found.append(Piece(origin, extent, size))  # type: ignore[arg-type]
    return found


def module_of(traced: Traced, *, canonicalize: bool = True) -> ModuleOp:
    """Return the kernel's module after the passes."""
    module = build(traced)
    optimise(module, canonicalize=canonicalize)
    return module


def bits_of(value: Any, dtype: Numeric) -> int:
    """Return a scalar argument's 8-byte slot."""
    raw = np.array(value).astype(dtype.numpy).tobytes()
    return int(struct.unpack("<q", raw.ljust(8, b"\0"))[0])


def pack(
    layout: ArgumentLayout, traced: Traced, arguments: Sequence[Any], grid: Size, threads: Size, piece: Piece,
    *, stream: bool = False,
) -> Any:  # fmt: skip
    """Return the argument array of one box."""
    slots: list[int] = []
    for param, argument in zip(traced.params, arguments, strict=True):
        slots.append(bits_of(argument, param.dtype) if param.is_scalar else argument.ctypes.data)
    groups = tuple(-(-total // size) for total, size in zip(grid, threads, strict=True))
    slots += [*grid, *groups, *piece.origin, *piece.extent, *piece.size, *threads, int(stream), 0]
    assert len(slots) == layout.count
    return (ctypes.c_int64 * len(slots))(*slots)


def compiled(lowered: Lowered) -> tuple[int, Any]:
    """Return the address of a lowered kernel, and what keeps it alive."""
    loaded = jit.load([jit.compile_object(lowered.text)], [lowered.symbol])
    return loaded.address(lowered.symbol), loaded


def run(
    traced: Traced, arguments: Sequence[Any], grid: Size, threads: Size, *, vector_bits: int | None = None,
    canonicalize: bool = True, stream: bool = False,
) -> list[Lowered]:  # fmt: skip
    """Run a kernel over a grid, arrays being written in place; returns what was lowered."""
    module, made = module_of(traced, canonicalize=canonicalize), []
    for piece in pieces(grid, threads):
        lowered = lower(module, Geometry(threads, partial=piece.size != threads), machine(vector_bits))
        made.append(lowered)
        address, alive = compiled(lowered)
        packed = pack(lowered.layout, traced, arguments, grid, threads, piece, stream=stream)
        total = piece.extent[0] * piece.extent[1] * piece.extent[2]
        pool().run_inline(address, ctypes.addressof(packed), total)
        del alive
    return made
