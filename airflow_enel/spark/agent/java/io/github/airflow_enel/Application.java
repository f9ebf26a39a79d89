package io.github.airflow_enel;

/** What the agent knows of the application besides its events. */
final class Application {
    private volatile String id;
    private volatile boolean ended;

    void started(String applicationId) {
        id = applicationId;
    }

    void end() {
        ended = true;
    }

    /** Null before the application has started. */
    String id() {
        return id;
    }

    boolean ended() {
        return ended;
    }

    /** The executors of the application, or null if it has not started yet or has stopped. */
    Executors executors() {
        return ended ? null : Executors.ofActiveContext();
    }
}
