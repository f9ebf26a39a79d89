package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;

/** Puts the parts of the agent together. */
final class Assembly {
    private Assembly() {}

    /** Starts an agent; its HTTP server follows on a thread of its own. */
    static Recorder start(Settings settings, Troubles troubles) {
        Application application = new Application();
        EventRing ring = new EventRing(settings.maxBufferBytes);
        EventStream stream = new EventStream(application, ring);
        stream.add(logStart());
        Scaling scaling = new Scaling(application, stream, settings, troubles);
        Map<String, Endpoint> endpoints = new HashMap<>();
        endpoints.put("/v1/events", new EventsEndpoint(stream));
        endpoints.put("/v1/scale", new ScaleEndpoint(scaling));
        endpoints.put("/v1/end", new EndEndpoint(scaling));
        endpoints.put("/v1/health", new HealthEndpoint(application, ring, troubles));
        Router router =
                new Router(new TokenCheck(settings.tokenSha256), endpoints, troubles);
        if (settings.tokenSha256 == null) {
            troubles.add("spark.enel.agent.tokenSha256 is not set: every request is refused", null);
        }
        new AgentServer(settings, router, troubles).start();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> stream.add(exiting())));
        return new Recorder(application, stream, scaling, settings.finalFile, troubles);
    }

    /** The first line of every event log; Spark gives it to no listener. */
    private static ObjectNode logStart() {
        return Json.object()
                .put("Event", "SparkListenerLogStart")
                .put("Spark Version", org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }

    /**
     * Said when the JVM begins to exit: executors that go from now on go with their driver. Spark
     * stops a context that nobody has stopped in a hook of its own, at the same time.
     */
    private static ObjectNode exiting() {
        return Json.object()
                .put("Event", "EnelDriverExiting")
                .put("Timestamp", System.currentTimeMillis());
    }
}
