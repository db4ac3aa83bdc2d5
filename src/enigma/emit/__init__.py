"""Emitters: the dialect's modules as text of a target (Metal), or as LLVM IR for the CPU JIT (`simt`)."""
