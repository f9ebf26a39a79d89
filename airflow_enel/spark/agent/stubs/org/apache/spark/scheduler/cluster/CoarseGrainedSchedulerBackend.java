/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark.scheduler.cluster;

import org.apache.spark.scheduler.ExecutorDecommissionInfo;
import org.apache.spark.scheduler.SchedulerBackend;

public class CoarseGrainedSchedulerBackend implements SchedulerBackend {
    public boolean isExecutorActive(String id) {
        throw new AssertionError();
    }

    public final boolean decommissionExecutor(
            String id,
            ExecutorDecommissionInfo info,
            boolean adjustTargetNumExecutors,
            boolean triggeredByExecutor) {
        throw new AssertionError();
    }
}
