package io.github.airflow_enel;

/**
 * The state of the driver's applications: Spark counts each SparkContext as an application, and a
 * driver may have one after the other.
 */
final class Application {
    private volatile String id;
    private volatile boolean ended;

    void started(String applicationId) {
        if (id == null) {
            id = applicationId;
        }
        ended = false;
    }

    void end() {
        ended = true;
    }

    /** The id of the first application, null before it has started. */
    String id() {
        return id;
    }

    /** True if the latest application has ended. */
    boolean ended() {
        return ended;
    }

    /** The executors of the latest application, or null if it has not started or has ended. */
    Executors executors() {
        return ended ? null : Executors.ofActiveContext();
    }
}
