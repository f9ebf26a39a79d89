/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

public interface TaskEndReason {}
