"""Run and follow one Spark application, for operators, sensors and macros."""
