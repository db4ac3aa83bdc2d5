"""Arrays of other libraries: what a launch takes, what it copies, and kernels as operations of other libraries.

- `explain_copies()` says what launches copied and how to avoid it; it is `enigma.explain_copies` too.
- `as_array(x)` is a NumPy array over the memory of an array of any library.
- `as_dlpack(x)` is an object that every library takes that knows DLPack, for bfloat16 too.
- `enigma.interop.mlx` and `enigma.interop.torch` need their libraries and are imported by name.
"""

from __future__ import annotations

from enigma.interop.arrays import Shared, as_array, as_dlpack
from enigma.interop.copies import CopyReport, explain_copies
from enigma.runtime.copies import Copied

__all__ = ["Copied", "CopyReport", "Shared", "as_array", "as_dlpack", "explain_copies"]
