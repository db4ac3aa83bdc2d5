"""What a notebook shows for a kernel: its parameters and Python, and for a compiled one each stage to unfold."""

from __future__ import annotations

import inspect
import textwrap
from html import escape
from typing import Any

from enigma.compile import CompiledKernel
from enigma.markup import heading, pre
from enigma.runtime.jit import JitDef
from enigma.trace.kernel import KernelDef


def kernel_html(kernel: KernelDef) -> str:
    """Return a kernel as HTML: its signature and its source."""
    names = ", ".join(f"{p.name}: {p.kind.name.lower()}" for p in kernel.parameters)
    head = f"<div><b>enigma.kernel</b> <code>{escape(kernel.name)}({escape(names)})</code></div>"
    return head + pre(_source(kernel))


def jit_html(function: JitDef) -> str:
    """Return a jit function as HTML: its source."""
    return heading(f"enigma.jit {function.name}") + pre(_source(function))


def compiled_html(compiled: CompiledKernel) -> str:
    """Return a compiled kernel as HTML: its Metal source, and its other stages to unfold."""
    parts = [heading(repr(compiled)[1:-1]), pre(compiled.metal_source)]
    for title, stage in (("traced IR", "ir"), ("MLIR", "mlir")):
        parts.append(f"<details><summary>{title}</summary>{pre(compiled.asm[stage])}</details>")
    return "".join(parts)


def _source(kernel: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(kernel.fn))
    except (OSError, TypeError):
        return "the source of this kernel cannot be had"
