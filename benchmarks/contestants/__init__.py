"""One module per contestant: `make(threads)` returns what it can run, by `problem:variant`."""
