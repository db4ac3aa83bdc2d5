"""Tools that tell how a kernel works: which memory its accesses touch."""
