"""Shipping a kernel: folders that hold its Metal, host code and a launch to test it by, and need no enigma."""
