"""The checkers of the simulator: what each kind of finding means, and the report of all of them."""
