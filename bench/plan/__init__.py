"""What is asked for, as runs: a request becomes RunSpecs, and those are sorted into done and missing. Pure."""
