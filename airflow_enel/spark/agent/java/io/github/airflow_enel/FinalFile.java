package io.github.airflow_enel;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/**
 * The file with all events of an application that has ended; it is there only while none runs.
 *
 * <p>Stopping a context waits for its listeners, so the file is there before the driver exits; but
 * a disk that hangs holds the driver up for ten seconds at most.
 */
final class FinalFile {
    private static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(10);

    /** Null: not configured. */
    private final Path path;
    private final EventStream stream;
    private final Troubles troubles;
    private final Object disk = new Object();
    private long waitUntilNs;

    FinalFile(Path path, EventStream stream, Troubles troubles) {
        this.path = path;
        this.stream = stream;
        this.troubles = troubles;
    }

    /** Writes the file at the end of an application. */
    void write() throws InterruptedException {
        waitUntilNs = System.nanoTime() + PATIENCE_NS;
        writeAgain();
    }

    /** Writes the file anew for an event that came later, within the patience of the first time. */
    void writeAgain() throws InterruptedException {
        onDisk(() -> PrivateFile.write(path, stream::writeAll));
    }

    /** Removes the file, since another application starts. */
    void delete() throws InterruptedException {
        waitUntilNs = System.nanoTime() + PATIENCE_NS;
        onDisk(() -> Files.deleteIfExists(path));
    }

    private void onDisk(FileChange change) throws InterruptedException {
        if (path == null) {
            return;
        }
        Thread writer = Threads.start("final", () -> {
            synchronized (disk) { // an older state must not replace a newer one
                try {
                    change.apply();
                } catch (Throwable cause) {
                    troubles.add("spark.enel.agent.finalFile cannot be written", cause);
                }
            }
        });
        long leftMs = TimeUnit.NANOSECONDS.toMillis(waitUntilNs - System.nanoTime());
        writer.join(Math.max(1, leftMs)); // 0 would be for ever
    }

    private interface FileChange {
        void apply() throws IOException;
    }
}
