"""PyTorch's tensors as NumPy arrays over the same memory, and what autograd must be told of a kernel that writes one.

Nothing here imports PyTorch: a tensor can only come from a program that did.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any, cast

import ml_dtypes
import numpy as np

from enigma.errors import LaunchError

Array = np.ndarray[Any, np.dtype[Any]]


def is_loaded() -> bool:
    """Return whether the program uses PyTorch."""
    return "torch" in sys.modules


def is_tensor(x: Any) -> bool:
    """Return whether `x` is a tensor of PyTorch."""
    torch: Any = sys.modules.get("torch")
    # while PyTorch is being imported, the module is there and the class is not yet
    return torch is not None and isinstance(x, getattr(torch, "Tensor", ()))


def array_of(tensor: Any, name: str) -> Array:
    """Return a NumPy array over a tensor's memory: strides as they are, bfloat16 as that of `ml_dtypes`.

    It is read-only while autograd follows the tensor, for autograd would not see what a kernel writes. Raises `LaunchError` for
    tensors whose numbers are not in the CPU's memory as NumPy could see them.
    """
    torch: Any = sys.modules["torch"]
    if torch.compiler.is_dynamo_compiling():
        raise _traced(name)  # torch.compile then leaves the launch out of its graph, or says this where it may not
    strange = _strange(torch, tensor, name)
    if strange is not None:
        raise LaunchError(f"{name} is a tensor {strange[0]}", help=strange[1])
    plain = tensor.detach()
    is_bfloat = tensor.dtype is torch.bfloat16
    try:
        found = cast("Array", plain.view(torch.int16).numpy() if is_bfloat else plain.numpy())
    except (TypeError, RuntimeError) as error:
        if _is_traced(error):
            raise _traced(name) from None
        raise LaunchError(
            f"{name}: this tensor of {tensor.dtype} cannot be shared with NumPy: {error}",
            help=f"convert it: {name}.float()",
        ) from None
    if is_bfloat:
        found = found.view(ml_dtypes.bfloat16)
    if tensor.requires_grad and torch.is_grad_enabled():
        found.flags.writeable = False
    return found


def _traced(name: str) -> LaunchError:
    return LaunchError(
        f"{name} is a tensor of a traced or transformed function, which has no numbers",
        help="make an operation of the kernel, enigma.interop.torch.as_op(kernel, ...), and call that",
    )


def _is_traced(error: Exception) -> bool:
    said = str(error)
    return "tensor subclasses" in said or "doesn't have storage" in said


def _strange(torch: Any, x: Any, name: str) -> tuple[str, str] | None:
    """Return what keeps a tensor's numbers from being where NumPy would look, and what to do; None for most tensors."""
    device = x.device.type
    if x.is_nested:
        return "of several tensors (nested)", "pass its parts one by one"
    if x.layout is not torch.strided:
        return f"with the layout {x.layout}", f"pass {name}.to_dense(), or its indices and values"
    if device == "meta":
        return "without memory, on the meta device", "pass a tensor with numbers"
    if device == "mps":
        return "on the device mps", (
            f"make an operation of the kernel, enigma.interop.torch.as_op(kernel, ...), which runs there; or pass {name}.cpu()"
        )
    if device != "cpu":
        return f"on the device {device}", f"pass {name}.cpu()"
    if x.is_quantized:
        return f"of quantised numbers ({x.dtype})", f"pass {name}.dequantize(), or {name}.int_repr()"
    if x.is_conj():
        return "whose numbers are yet to be conjugated", f"pass {name}.resolve_conj()"
    if x.is_neg():
        return "whose numbers are yet to be negated", f"pass {name}.resolve_neg()"
    return None


def tensor_under(array: Array) -> Any:
    """Return the tensor whose memory an array is, or None; it shares its memory and version with the one that was passed."""
    owner: Any = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    return owner if owner is not None and is_tensor(owner) else None


def wrote(tensors: Iterable[Any]) -> None:
    """Tell autograd that a kernel wrote these tensors: a backward pass that needs what one held before is then an error."""
    for tensor in tensors:
        if not tensor.is_inference():
            sys.modules["torch"].autograd.graph.increment_version(tensor)
