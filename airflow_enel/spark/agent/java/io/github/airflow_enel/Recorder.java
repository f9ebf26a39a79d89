package io.github.airflow_enel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.file.Path;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.scheduler.SparkListenerTaskEnd;

/** Turns what the listener bus says into the stream. */
final class Recorder {
    private static final long FINAL_FILE_MS = 10_000;

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
            application.started(kept.path("App ID").asText(null));
        }
        stream.add(kept);
        follow(name, kept.path("Stage Info"));
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
            case "SparkListenerExecutorAdded":
                scaling.settleSoon();
                break;
            case "SparkListenerApplicationEnd":
                application.end();
                writeFinalFile();
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
    private void writeFinalFile() throws InterruptedException {
        if (finalFile == null) {
            return;
        }
        Thread writer = Threads.start("final", () -> {
            try {
                PrivateFile.write(finalFile, stream::writeAll);
            } catch (Throwable cause) {
                troubles.add("spark.enel.agent.finalFile cannot be written", cause);
            }
        });
        writer.join(FINAL_FILE_MS);
    }
}
