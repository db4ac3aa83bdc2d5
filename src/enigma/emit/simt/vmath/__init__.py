"""Math functions of f32 vectors as LLVM IR text, for LLVM's own become one libm call a lane.

Each function is right for every f32, huge arguments, infinities and NaN included, within the ulp stated in
tests/unit/emit/test_vmath.py. Results do not depend on the number of lanes; they depend on the target only in whether
multiply-adds are fused. Denormal inputs and results may count as zero, and do when the processor is set to flush
them.
"""

from enigma.emit.simt.vmath.library import FUNCTIONS, arity, declarations, definition, symbol

__all__ = ["FUNCTIONS", "arity", "declarations", "definition", "symbol"]
