"""Running kernels: the launch guard, the simulator, the CPU, and Metal."""
