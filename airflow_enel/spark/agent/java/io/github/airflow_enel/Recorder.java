package io.github.airflow_enel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** Writes the events of Spark's listener bus to the stream. */
final class Recorder {
    private final Application application;
    private final EventStream stream;
    private final Scaling scaling;
    private final FinalFile finalFile;
    private final CachedData cachedData;
    private final EventTrimmer trimmer = new EventTrimmer();
    private final TaskDigests digests = new TaskDigests();
    private long endedAtMs;

    Recorder(
            Application application,
            EventStream stream,
            Scaling scaling,
            FinalFile finalFile,
            CachedData cachedData) {
        this.application = application;
        this.stream = stream;
        this.scaling = scaling;
        this.finalFile = finalFile;
        this.cachedData = cachedData;
    }

    /** The id of the first application, null before it has started. */
    String applicationId() {
        return application.id();
    }

    void record(SparkListenerEvent event) throws Exception {
        if (event instanceof SparkListenerTaskEnd) {
            digests.taskEnded((SparkListenerTaskEnd) event);
            return;
        }
        ObjectNode kept = trimmer.trim(event);
        if (kept == null) {
            return;
        }
        String name = kept.path("Event").asText();
        if (name.equals("SparkListenerApplicationStart")) {
            start(kept.path("App ID").asText(null));
        }
        boolean late = isLate(name, kept);
        stream.add(kept);
        follow(name, kept);
        if (late) {
            finalFile.writeAgain();
        }
    }

    /**
     * True for an event of the run that Spark posts after the end of the application: jobs that
     * still run are ended then, and what other threads post just before may be overtaken by the
     * end. Executors that leave after it, which may be many, change nothing.
     */
    private boolean isLate(String name, ObjectNode event) {
        boolean afterwards = name.equals("SparkListenerExecutorRemoved")
                && event.path("Timestamp").asLong() >= endedAtMs;
        return application.ended() && !afterwards;
    }

    private void start(String id) throws InterruptedException {
        if (application.ended()) {
            scaling.applicationRestarted();
            finalFile.delete();
            cachedData.forget();
        }
        application.started(id);
    }

    private void follow(String name, ObjectNode event) throws InterruptedException {
        JsonNode stage = event.path("Stage Info");
        switch (name) {
            case "SparkListenerStageSubmitted":
                digests.open(id(stage), attempt(stage));
                break;
            case "SparkListenerStageCompleted":
                TaskDigest digest = digests.close(id(stage), attempt(stage));
                if (digest != null) {
                    stream.add(digest.toEvent());
                }
                break;
            case "SparkListenerJobStart":
                scaling.jobStarted();
                break;
            case "SparkListenerJobEnd":
                cachedData.jobEnded();
                break;
            case "SparkListenerExecutorAdded":
                scaling.settleSoon();
                break;
            case "SparkListenerApplicationEnd":
                endedAtMs = event.path("Timestamp").asLong();
                application.end();
                finalFile.write();
                break;
            default:
                break;
        }
    }

    private static int id(JsonNode stage) {
        return stage.path("Stage ID").asInt();
    }

    private static int attempt(JsonNode stage) {
        return stage.path("Stage Attempt ID").asInt();
    }
}
