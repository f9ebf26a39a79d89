package io.github.airflow_enel;

import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.spark.Success$;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/**
 * The digests of the stage attempts that run now.
 *
 * <p>Only the listener bus comes here, on one thread: no locks. Digests are opened by
 * StageSubmitted alone, so that stragglers of an attempt that is over leave nothing behind; those
 * whose StageCompleted was lost by an overloaded bus fall out after {@value #MOST} others.
 */
final class TaskDigests {
    private static final int MOST = 1024;

    private final Map<Long, TaskDigest> running =
            new LinkedHashMap<Long, TaskDigest>() {
                @Override
                protected boolean removeEldestEntry(Map.Entry<Long, TaskDigest> eldest) {
                    return size() > MOST;
                }
            };

    void open(int stage, int attempt) {
        running.put(key(stage, attempt), new TaskDigest(stage, attempt));
    }

    /**
     * Called for every task. A task of which the output was lost ends a second time, as Resubmitted
     * but with the marks of its success: hence the look at the reason.
     */
    void taskEnded(SparkListenerTaskEnd end) {
        if (end.reason() != Success$.MODULE$ || !end.taskInfo().successful()) {
            return;
        }
        TaskDigest digest = running.get(key(end.stageId(), end.stageAttemptId()));
        if (digest != null) {
            digest.add(end.taskInfo().duration());
        }
    }

    /** The digest of an attempt that is over, or null if its start was not seen. */
    TaskDigest close(int stage, int attempt) {
        return running.remove(key(stage, attempt));
    }

    private static Long key(int stage, int attempt) {
        return ((long) stage << 32) | attempt;
    }
}
