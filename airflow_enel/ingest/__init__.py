"""Reads runs from files: event logs into the history, event logs and traces for evaluations."""
