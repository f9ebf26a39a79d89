/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark.scheduler;

import scala.Option;

public class ExecutorDecommissionInfo {
    public ExecutorDecommissionInfo(String message, Option<String> workerHost) {
        throw new AssertionError();
    }
}
