"""Kernels in the programs of other libraries: as operations of PyTorch."""
