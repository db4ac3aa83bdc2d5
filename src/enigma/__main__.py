"""`python -m enigma`: the command line where the `enigma` script is not on the path."""

from __future__ import annotations

from enigma.cli import main

if __name__ == "__main__":
    main(prog_name="enigma")
