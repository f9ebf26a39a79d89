package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.util.Arrays;
import org.apache.spark.scheduler.JobFailed;
import org.apache.spark.scheduler.SparkListenerApplicationEnd;
import org.apache.spark.scheduler.SparkListenerExecutorRemoved;
import org.apache.spark.scheduler.SparkListenerJobEnd;
import scala.Option;

/**
 * Prints what parts of the agent do, one JSON document a line; test_units.py knows what is right.
 *
 * <p>The only argument is an empty folder.
 */
final class AgentUnits {
    public static void main(String[] arguments) throws Exception {
        digest("exact", 4096);
        digest("sampled", 50_000);
        digest("sampled again", 50_000);
        ring();
        secrets();
        ledger();
        applications();
        lateEvents(Paths.get(arguments[0], "final.json"));
    }

    private static void digest(String name, int tasks) {
        TaskDigest digest = new TaskDigest(7, 1);
        for (int i = 1; i <= tasks; i++) {
            digest.add((long) i * 7919 % tasks); // every number below tasks, shuffled
        }
        print(digest.toEvent().put("case", name));
    }

    private static void ring() {
        EventRing ring = new EventRing(1000);
        byte[] event = new byte[10];
        for (int i = 0; i < 250; i++) {
            ring.add(event);
        }
        page("oldest fell out", ring, ring.page(0, 1000, 1 << 20));
        page("few at once", ring, ring.page(200, 7, 1 << 20));
        page("few bytes at once", ring, ring.page(200, 1000, 35));
        page("one at least", ring, ring.page(200, 1000, 1));
        page("at the end", ring, ring.page(250, 1000, 1 << 20));
        page("behind the end", ring, ring.page(9999, 1000, 1 << 20));
        ring.add(new byte[5000]);
        page("larger than the ring", ring, ring.page(0, 1000, 1 << 20));
    }

    private static void page(String name, EventRing ring, EventRing.Page page) {
        print(Json.object()
                .put("case", name)
                .put("first", page.first)
                .put("last", page.last)
                .put("from", page.from)
                .put("events", page.events.size())
                .put("more", page.more())
                .put("dropped", ring.dropped())
                .put("held", ring.heldBytes()));
    }

    private static void secrets() {
        for (String event : Arrays.asList(
                "{'Event':'SparkListenerStageSubmitted','Stage Info':{'Stage ID':1,'Details':'d',"
                        + "'RDD Info':[{'RDD ID':1,'Name':'r','Scope':'s'}],"
                        + "'Accumulables':[{'Name':'mine'},{'Name':'internal.metrics.x'},{'ID':1}]},"
                        + "'Properties':{'spark.jobGroup.id':'g','password':'hunter2'}}",
                "{'Event':'SparkListenerJobStart','Stage Infos':[{'Details':'d'}],"
                        + "'Properties':{'spark.job.description':'x','s3.secret':'hunter2'}}",
                "{'Event':'SparkListenerEnvironmentUpdate','JVM Information':{'p':'hunter2'},"
                        + "'Spark Properties':{'spark.app.name':'n','spark.secret':'hunter2'},"
                        + "'System Properties':{'p':'hunter2'}}")) {
            ObjectNode trimmed = EventTrimmer.trim(Json.sparkEvent(event.replace('\'', '"')));
            print(trimmed.put("case", trimmed.path("Event").asText()));
        }
    }

    private static void ledger() {
        ScaleLedger ledger = new ScaleLedger();
        ScaleRequest first = new ScaleRequest(4, 1, 5);
        String before = String.valueOf(ledger.objection(first));
        ledger.accept(first);
        print(Json.object()
                .put("case", "ledger")
                .put("first", before)
                .put("lower epoch", ledger.objection(new ScaleRequest(4, 1, 4)))
                .put("other executors", ledger.objection(new ScaleRequest(5, 1, 5)))
                .put("refused newer try", ledger.objection(new ScaleRequest(5, 3, 5)))
                .put("try between", ledger.objection(new ScaleRequest(5, 2, 6)))
                .put("next epoch", String.valueOf(ledger.objection(new ScaleRequest(5, 3, 6)))));
    }

    private static void applications() {
        Application application = new Application();
        application.started("first");
        application.end();
        boolean between = application.ended();
        application.started("second");
        print(Json.object()
                .put("case", "second application")
                .put("ended between", between)
                .put("ended", application.ended())
                .put("id", application.id()));
    }

    private static void lateEvents(Path file) throws Exception {
        Application application = new Application();
        EventStream stream = new EventStream(application, new EventRing(1 << 20));
        Troubles troubles = new Troubles();
        Scaling scaling = new Scaling(application, stream, null, troubles);
        FinalFile finalFile = new FinalFile(file, stream, troubles);
        Recorder recorder = new Recorder(
                application,
                stream,
                scaling,
                finalFile,
                new CachedData(application, stream, new Troubles()));
        ObjectNode line = Json.object().put("case", "late events");
        recorder.record(new SparkListenerApplicationEnd(1000, Option.empty()));
        line.put("end", lastIn(file));
        recorder.record(new SparkListenerExecutorRemoved(999, "1", "left before"));
        line.put("left before", lastIn(file));
        recorder.record(new SparkListenerJobEnd(0, 1001, new JobFailed(new Exception("stopped"))));
        line.put("job ended by the stop", lastIn(file));
        recorder.record(new SparkListenerExecutorRemoved(1000, "2", "left afterwards"));
        line.put("left afterwards", lastIn(file));
        print(line.put("troubles", troubles.count()));
    }

    private static long lastIn(Path file) throws Exception {
        String page = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        return Json.sparkEvent(page).path("last").asLong();
    }

    private static void print(ObjectNode line) {
        System.out.println(new String(Json.bytes(line), StandardCharsets.UTF_8));
    }
}
