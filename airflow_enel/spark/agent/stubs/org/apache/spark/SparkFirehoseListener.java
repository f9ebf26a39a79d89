/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

import org.apache.spark.scheduler.SparkListenerEvent;

public class SparkFirehoseListener {
    public void onEvent(SparkListenerEvent event) {
        throw new AssertionError();
    }
}
