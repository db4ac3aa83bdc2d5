"""The simulator: runs the traced IR with NumPy, all lanes of many threadgroups in lock step, and checks every access."""
