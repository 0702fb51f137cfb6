"""What Python has in place of the command line: functions that return what the verbs print.

It stands below `cli`, which calls it, and above all that it puts together. `bench/__init__.py` says what is public.
Bad input is a BenchError, as there; nothing here needs a terminal.
"""
