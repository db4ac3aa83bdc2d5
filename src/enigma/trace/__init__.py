"""From a Python function to the traced IR: an append-only tree of nodes that knows its Python lines."""
