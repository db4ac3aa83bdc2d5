"""Native layer of the CPU runtime: the host's CPU, LLVM IR text to callable code, and the thread pool that runs it.

Nothing here knows what a kernel means: IR text goes in, addresses come out, and the pool calls an address over a range.
"""
