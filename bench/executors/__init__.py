"""Ways to carry out a list of runs. Each is a function of (specs, job, on_event), and returns when all have ended."""
