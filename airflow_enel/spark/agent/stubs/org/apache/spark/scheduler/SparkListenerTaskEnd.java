/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark.scheduler;

import org.apache.spark.TaskEndReason;

public class SparkListenerTaskEnd implements SparkListenerEvent {
    public int stageId() {
        throw new AssertionError();
    }

    public int stageAttemptId() {
        throw new AssertionError();
    }

    public TaskEndReason reason() {
        throw new AssertionError();
    }

    public TaskInfo taskInfo() {
        throw new AssertionError();
    }
}
