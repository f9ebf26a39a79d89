/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

import org.apache.spark.scheduler.SchedulerBackend;
import org.apache.spark.scheduler.TaskScheduler;
import scala.collection.immutable.Map;

public class SparkContext {
    public boolean isStopped() {
        throw new AssertionError();
    }

    public String master() {
        throw new AssertionError();
    }

    public SchedulerBackend schedulerBackend() {
        throw new AssertionError();
    }

    public TaskScheduler taskScheduler() {
        throw new AssertionError();
    }

    public boolean requestTotalExecutors(
            int executors, int localityAwareTasks, Map<String, Object> hostToLocalTaskCount) {
        throw new AssertionError();
    }
}
