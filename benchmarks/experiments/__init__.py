"""The papers' experiments on the simulator: every number and figure of ``docs/evaluation.md``."""
