package io.github.airflow_enel;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkFirehoseListener;
import org.apache.spark.scheduler.SparkListenerEvent;

/**
 * The agent in the Spark driver, named in {@code spark.extraListeners}: serves Spark's events over
 * HTTP and applies "have n executors".
 *
 * <p>The application comes first. Spark stops an application whose listener cannot be constructed,
 * so nothing may leave this class: every failure, missing classes included, is counted and logged,
 * and at worst the application runs on without an agent. For the same reason this class has no
 * field of a type that might not be there.
 */
public final class EnelAgent extends SparkFirehoseListener {
    private static final Troubles TROUBLES = new Troubles();
    /** The listener of the latest context, the only one that records. */
    private static volatile EnelAgent latest;

    private volatile Recorder recorder;

    public EnelAgent(SparkConf conf) {
        latest = this;
        try {
            recorder = Assembly.ofDriver(conf, TROUBLES);
        } catch (Throwable cause) {
            TROUBLES.add("cannot start; the application runs on without an agent", cause);
        }
    }

    /** Called by Spark's listener bus, one event after the other, on one thread. */
    @Override
    public void onEvent(SparkListenerEvent event) {
        Recorder current = recorder;
        if (current == null || latest != this) {
            return;
        }
        try {
            current.record(event);
        } catch (Throwable cause) {
            TROUBLES.add("an event was lost", cause);
        }
    }
}
