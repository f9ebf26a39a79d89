package io.github.airflow_enel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** Writes the events of Spark's listener bus to the stream. */
final class Recorder {
    private static final long DISK_MS = 10_000;

    private final Application application;
    private final EventStream stream;
    private final Scaling scaling;
    private final Path finalFile;
    private final Troubles troubles;
    private final EventTrimmer trimmer = new EventTrimmer();
    private final TaskDigests digests = new TaskDigests();

    Recorder(
            Application application,
            EventStream stream,
            Scaling scaling,
            Path finalFile,
            Troubles troubles) {
        this.application = application;
        this.stream = stream;
        this.scaling = scaling;
        this.finalFile = finalFile;
        this.troubles = troubles;
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
        stream.add(kept);
        follow(name, kept.path("Stage Info"));
    }

    private void start(String id) throws InterruptedException {
        if (application.ended()) {
            scaling.applicationRestarted();
            if (finalFile != null) {
                onDisk(() -> Files.deleteIfExists(finalFile));
            }
        }
        application.started(id);
    }

    private void follow(String name, JsonNode stage) throws InterruptedException {
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
            case "SparkListenerExecutorAdded":
                scaling.settleSoon();
                break;
            case "SparkListenerApplicationEnd":
                application.end();
                if (finalFile != null) {
                    onDisk(() -> PrivateFile.write(finalFile, stream::writeAll));
                }
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

    /**
     * Stopping a context waits for its listeners, so the file is there before the driver exits; but
     * a disk that hangs holds the driver up for ten seconds at most.
     */
    private void onDisk(FileChange change) throws InterruptedException {
        Thread writer = Threads.start("final", () -> {
            try {
                change.apply();
            } catch (Throwable cause) {
                troubles.add("spark.enel.agent.finalFile cannot be written", cause);
            }
        });
        writer.join(DISK_MS);
    }

    /** What is done to the file of the final state: it is there only while no application runs. */
    private interface FileChange {
        void apply() throws IOException;
    }
}
