/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark.scheduler;

import scala.collection.immutable.Map;

public class TaskSchedulerImpl implements TaskScheduler {
    public Map<String, Object> runningTasksByExecutors() {
        throw new AssertionError();
    }
}
