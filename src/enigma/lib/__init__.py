"""Ready-made kernels, written with the public API only."""
