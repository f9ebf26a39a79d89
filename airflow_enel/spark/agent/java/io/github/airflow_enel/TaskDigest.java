package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Arrays;
import java.util.Random;

/**
 * Durations of the successful tasks of one stage attempt: count, sum and maximum exactly, the
 * median from a sample of at most 4,096.
 *
 * <p>Beyond that the sample is a reservoir (Vitter's algorithm R) whose random numbers are seeded
 * by the stage: the same tasks in the same order give the same digest.
 */
final class TaskDigest {
    static final int SAMPLE = 4096;

    private final int stage;
    private final int attempt;
    private long[] sample = new long[16];
    private Random random;
    private int count;
    private long total;
    private long max;

    TaskDigest(int stage, int attempt) {
        this.stage = stage;
        this.attempt = attempt;
    }

    void add(long durationMs) {
        if (count < SAMPLE) {
            if (count == sample.length) {
                sample = Arrays.copyOf(sample, 2 * sample.length);
            }
            sample[count] = durationMs;
        } else {
            if (random == null) {
                random = new Random(((long) stage << 32) + attempt);
            }
            int place = random.nextInt(count + 1);
            if (place < SAMPLE) {
                sample[place] = durationMs;
            }
        }
        count++;
        total += durationMs;
        max = Math.max(max, durationMs);
    }

    /** Whole milliseconds: the mean of the two in the middle of an even number is rounded down. */
    long median() {
        int held = Math.min(count, SAMPLE);
        if (held == 0) {
            return 0;
        }
        long[] sorted = Arrays.copyOf(sample, held);
        Arrays.sort(sorted);
        return (sorted[(held - 1) / 2] + sorted[held / 2]) / 2;
    }

    ObjectNode toEvent() {
        return Json.object()
                .put("Event", "EnelTaskDigest")
                .put("Stage ID", stage)
                .put("Stage Attempt ID", attempt)
                .put("Count", count)
                .put("Total Time", total)
                .put("Median Time", median())
                .put("Max Time", max);
    }
}
