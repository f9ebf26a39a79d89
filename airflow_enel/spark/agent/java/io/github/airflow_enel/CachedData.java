package io.github.airflow_enel;

/**
 * Adds the size of the cached data to the stream, where it has changed when a job ends.
 *
 * <p>Only the listener bus comes here, on one thread: no locks. Spark's own events of single blocks
 * would be far too many.
 */
final class CachedData {
    private final Application application;
    private final EventStream stream;
    private final Troubles troubles;
    private long bytes;
    private boolean unreadable;

    CachedData(Application application, EventStream stream, Troubles troubles) {
        this.application = application;
        this.stream = stream;
        this.troubles = troubles;
    }

    /** A new application has nothing cached. */
    void forget() {
        bytes = 0;
    }

    void jobEnded() {
        Executors executors = application.executors();
        if (unreadable || executors == null) {
            return;
        }
        long now;
        try {
            now = executors.cachedBytes();
        } catch (Exception | LinkageError cause) {
            unreadable = true;
            troubles.add("the size of cached data is not known", cause);
            return;
        }
        if (now != bytes) {
            bytes = now;
            stream.add(Json.object()
                    .put("Event", "EnelCachedData")
                    .put("Timestamp", System.currentTimeMillis())
                    .put("Bytes", now));
        }
    }
}
