"""What a notebook shows for a kernel: its parameters and Python, and for a compiled one each stage to unfold."""

from __future__ import annotations

import inspect
import textwrap
from html import escape
from typing import Any

from enigma.compile import CompiledKernel
from enigma.trace.kernel import KernelDef

_PRE = (
    "margin:0;padding:6px 10px;overflow:auto;max-height:32em;font-size:12px;line-height:1.4;text-align:left;"
    "border:1px solid rgba(128,128,128,.35);border-radius:4px"
)


def kernel_html(kernel: KernelDef) -> str:
    """Return a kernel as HTML: its signature and its source."""
    names = ", ".join(f"{p.name}: {p.kind.name.lower()}" for p in kernel.parameters)
    head = f"<div><b>enigma.kernel</b> <code>{escape(kernel.name)}({escape(names)})</code></div>"
    return head + _pre(_source(kernel))


def compiled_html(compiled: CompiledKernel) -> str:
    """Return a compiled kernel as HTML: its Metal source, and its other stages to unfold."""
    parts = [f"<div><b>{escape(repr(compiled)[1:-1])}</b></div>", _pre(compiled.metal_source)]
    for title, stage in (("traced IR", "ir"), ("MLIR", "mlir")):
        parts.append(f"<details><summary>{title}</summary>{_pre(compiled.asm[stage])}</details>")
    return "".join(parts)


def _source(kernel: Any) -> str:
    try:
        return textwrap.dedent(inspect.getsource(kernel.fn))
    except (OSError, TypeError):
        return "the source of this kernel cannot be had"


def _pre(text: str) -> str:
    return f'<pre style="{_PRE}">{escape(text.rstrip())}</pre>'
