"""Planning of executors over the rest of a run, for policy ``enel``: NumPy, no memory, no chance.

``prices`` → ``durations`` → ``programme`` (backward) → ``first_action`` → ``rollout`` (forward).
"""
