"""One RunSpec becomes one run folder: load, train, evaluate, record."""
