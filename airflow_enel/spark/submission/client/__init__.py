"""Client mode: the driver runs on the worker, below a supervisor process."""
