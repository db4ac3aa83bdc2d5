"""The `enigma` dialect: one operation per row of the tables, in modules of upstream `func` and `scf`."""
