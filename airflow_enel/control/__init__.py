"""Control: pure functions from a reading of an application to a number of executors."""
