"""Curves of runtime over executors, and the forecasters that are made of curves alone."""
