package io.github.airflow_enel;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.lang.reflect.InvocationTargetException;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashSet;
import java.util.Iterator;
import java.util.Set;
import org.apache.spark.scheduler.SparkListenerEvent;
import org.apache.spark.util.JsonProtocol;

/**
 * Converts Spark's events to the JSON of its event log, without unneeded and secret fields.
 *
 * <p>Properties and settings are kept by white-list: they may hold passwords.
 */
final class EventTrimmer {
    private static final String CORE = "org.apache.spark.scheduler.";
    private static final String SQL = "org.apache.spark.sql.execution.ui.";
    private static final String SQL_START = SQL + "SparkListenerSQLExecutionStart";
    private static final String SQL_END = SQL + "SparkListenerSQLExecutionEnd";

    /** Compared by name: most events are dropped here, and a class that went away just misses. */
    private static final Set<String> KEPT = names(
            CORE + "SparkListenerApplicationStart",
            CORE + "SparkListenerApplicationEnd",
            CORE + "SparkListenerJobStart",
            CORE + "SparkListenerJobEnd",
            CORE + "SparkListenerStageSubmitted",
            CORE + "SparkListenerStageCompleted",
            CORE + "SparkListenerExecutorAdded",
            CORE + "SparkListenerExecutorRemoved",
            CORE + "SparkListenerBlockManagerAdded",
            CORE + "SparkListenerEnvironmentUpdate");

    private static final Set<String> JOB_PROPERTIES =
            names("spark.sql.execution.id", "spark.job.description", "spark.jobGroup.id");
    private static final Set<String> SPARK_PROPERTIES = names(
            "spark.app.name",
            "spark.executor.cores",
            "spark.executor.memory",
            "spark.executor.instances",
            "spark.dynamicAllocation.initialExecutors",
            "spark.task.cpus",
            "spark.enel.initialExecutors",
            "spark.enel.minExecutors",
            "spark.enel.maxExecutors");
    private static final Set<String> RDD_FIELDS =
            names("RDD ID", "Name", "Number of Partitions", "Storage Level");

    /** The event to serve, or null if events of its kind are not served. */
    ObjectNode trim(SparkListenerEvent event) throws ReflectiveOperationException {
        String name = event.getClass().getName();
        if (name.equals(SQL_START)) {
            return sql(name, event).put("description", (String) call(event, "description"));
        }
        if (name.equals(SQL_END)) {
            return sql(name, event);
        }
        if (!KEPT.contains(name)) {
            return null;
        }
        return trim(Json.sparkEvent(JsonProtocol.sparkEventToJsonString(event)));
    }

    static ObjectNode trim(ObjectNode event) {
        if (event.path("Event").asText().equals("SparkListenerEnvironmentUpdate")) {
            event.retain(names("Event", "Spark Properties"));
        }
        retain(event.get("Properties"), JOB_PROPERTIES);
        retain(event.get("Spark Properties"), SPARK_PROPERTIES);
        trimStage(event.get("Stage Info"));
        for (JsonNode stage : event.path("Stage Infos")) {
            trimStage(stage);
        }
        return event;
    }

    private static void trimStage(JsonNode node) {
        if (!(node instanceof ObjectNode)) {
            return;
        }
        ObjectNode stage = (ObjectNode) node;
        stage.remove("Details");
        for (JsonNode rdd : stage.path("RDD Info")) {
            retain(rdd, RDD_FIELDS);
        }
        Iterator<JsonNode> accumulables = stage.path("Accumulables").iterator();
        while (accumulables.hasNext()) {
            if (!accumulables.next().path("Name").asText().startsWith("internal.metrics.")) {
                accumulables.remove();
            }
        }
    }

    private static void retain(JsonNode node, Collection<String> fields) {
        if (node instanceof ObjectNode) {
            ((ObjectNode) node).retain(fields);
        }
    }

    /** By reflection, as Spark's core can run without its SQL. */
    private static ObjectNode sql(String name, Object event) throws ReflectiveOperationException {
        return Json.object()
                .put("Event", name)
                .put("executionId", (long) (Long) call(event, "executionId"))
                .put("time", (long) (Long) call(event, "time"));
    }

    private static Object call(Object target, String method)
            throws NoSuchMethodException, IllegalAccessException, InvocationTargetException {
        return target.getClass().getMethod(method).invoke(target);
    }

    private static Set<String> names(String... names) {
        return new HashSet<>(Arrays.asList(names));
    }
}
