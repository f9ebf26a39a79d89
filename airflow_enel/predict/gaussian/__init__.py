"""The ``conditional`` forecaster: a joint Gaussian of the log runtimes of all components."""
