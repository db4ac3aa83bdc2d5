"""The tests; a package, so that parts shared between them are imported as `tests.<package>`."""
