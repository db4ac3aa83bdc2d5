"""Where the time goes: events of launches and of the program's own scopes, summed up, drawn as a tree, exported."""
