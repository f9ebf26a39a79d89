package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.HashMap;
import java.util.Map;
import org.apache.spark.SparkConf;

/** Creates the agent's objects, once per driver. */
final class Assembly {
    /** In the settings of a later application, so in its event log: that is not the whole run. */
    private static final String EARLIER = "spark.enel.earlierApplication";

    private static Recorder running;

    private Assembly() {}

    /**
     * The agent of this driver, which the first context starts and later ones share: one address,
     * one event stream and one record of requests, whatever contexts come and go.
     */
    static synchronized Recorder ofDriver(SparkConf conf, Troubles troubles) {
        if (running == null) {
            running = start(Settings.of(conf), troubles);
        } else if (running.applicationId() != null) {
            conf.set(EARLIER, running.applicationId());
        }
        return running;
    }

    /** Starts the agent; its HTTP server follows on a thread of its own. */
    private static Recorder start(Settings settings, Troubles troubles) {
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
        FinalFile finalFile = new FinalFile(settings.finalFile, stream, troubles);
        CachedData cachedData = new CachedData(application, stream, troubles);
        return new Recorder(application, stream, scaling, finalFile, cachedData);
    }

    /** The first line of every event log; Spark gives it to no listener. */
    private static ObjectNode logStart() {
        return Json.object()
                .put("Event", "SparkListenerLogStart")
                .put("Spark Version", org.apache.spark.package$.MODULE$.SPARK_VERSION());
    }

    /**
     * The event that the JVM begins to exit: executors that leave from now on leave with their
     * driver. Spark stops a context that nobody has stopped in a hook of its own, meanwhile.
     */
    private static ObjectNode exiting() {
        return Json.object()
                .put("Event", "EnelDriverExiting")
                .put("Timestamp", System.currentTimeMillis());
    }
}
