"""Ready-made kernels, written with the public API only: each a function on arrays, which also gives its kernel."""

from enigma.lib.attention import attention
from enigma.lib.elementwise import Elementwise, elementwise
from enigma.lib.gemm import gemm
from enigma.lib.launch import Plan
from enigma.lib.rmsnorm import rmsnorm
from enigma.lib.softmax import softmax
from enigma.lib.transpose import transpose

__all__ = ["Elementwise", "Plan", "attention", "elementwise", "gemm", "rmsnorm", "softmax", "transpose"]
