"""The verbs. Each reads its flags, calls what is below, and prints what came of it."""
