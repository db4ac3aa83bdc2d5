"""`enigma.tensor`: tensors and their tiles."""

from enigma.trace.tensor import Tensor
from enigma.trace.tiling import make_tensor, tensor_composition, tensor_zipped_divide

__all__ = ["Tensor", "make_tensor", "tensor_composition", "tensor_zipped_divide"]
