package io.github.airflow_enel;

import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkContext$;
import org.apache.spark.scheduler.ExecutorDecommissionInfo;
import org.apache.spark.scheduler.TaskSchedulerImpl;
import org.apache.spark.scheduler.cluster.CoarseGrainedSchedulerBackend;
import scala.Option;
import scala.collection.Iterable;
import scala.collection.Iterator;
import scala.collection.immutable.Map;
import scala.collection.immutable.Map$;

/**
 * The executors of the active context: the only class that touches Spark's scheduling.
 *
 * <p>It asks the scheduler's backend, not the context, for what the context refuses when dynamic
 * allocation is on. Never kills: an executor leaves after its running tasks, with its cached
 * partitions and shuffle files moved away.
 */
final class Executors {
    /** Ids are numbers that count up. */
    private static final Comparator<String> BY_AGE =
            Comparator.comparingInt(String::length).thenComparing(Comparator.naturalOrder());

    private final SparkContext context;

    private Executors(SparkContext context) {
        this.context = context;
    }

    /** Null if no context is active. Never creates one. */
    static Executors ofActiveContext() {
        Option<SparkContext> active = SparkContext$.MODULE$.getActive();
        if (active.isEmpty() || active.get().isStopped()) {
            return null;
        }
        return active.get().schedulerBackend() == null ? null : new Executors(active.get());
    }

    /** False in local mode, where the driver is the only executor. */
    boolean scalable() {
        return context.schedulerBackend() instanceof CoarseGrainedSchedulerBackend;
    }

    String master() {
        return context.master();
    }

    /** The ids of those that are registered and not on their way out. */
    List<String> active() throws ReflectiveOperationException {
        List<String> ids = new ArrayList<>();
        if (!scalable()) {
            return ids;
        }
        CoarseGrainedSchedulerBackend backend = backend();
        // By name: its result is another Seq in Scala 2.12 than in 2.13.
        Method getExecutorIds = CoarseGrainedSchedulerBackend.class.getMethod("getExecutorIds");
        Iterator<?> all = ((Iterable<?>) getExecutorIds.invoke(backend)).iterator();
        while (all.hasNext()) {
            String id = (String) all.next();
            if (backend.isExecutorActive(id)) {
                ids.add(id);
            }
        }
        return ids;
    }

    /** Sets the target: starts what is missing, forgets pending surplus, stops nobody. */
    boolean request(int executors) {
        Map<String, Object> nowhere = Map$.MODULE$.empty();
        return context.requestTotalExecutors(executors, 0, nowhere);
    }

    /**
     * Begins to decommission one; its target was lowered before, so it must not be lowered again.
     */
    boolean drain(String id) {
        Option<String> noHost = Option.empty();
        ExecutorDecommissionInfo info =
                new ExecutorDecommissionInfo("scaled in by airflow-enel", noHost);
        return backend().decommissionExecutor(id, info, false, false);
    }

    /** Who to send away first: those with the fewest running tasks, of these the newest. */
    List<String> leastBusyFirst(List<String> ids) {
        Map<String, Object> running =
                ((TaskSchedulerImpl) context.taskScheduler()).runningTasksByExecutors();
        List<String> sorted = new ArrayList<>(ids);
        sorted.sort(Comparator.<String>comparingInt(id -> tasks(running, id))
                .thenComparing(Collections.reverseOrder(BY_AGE)));
        return sorted;
    }

    /** Memory that cached partitions take on all executors. By name: the store is Spark's own. */
    long cachedBytes() throws ReflectiveOperationException {
        Object store = SparkContext.class.getMethod("statusStore").invoke(context);
        Method rddList = store.getClass().getMethod("rddList", boolean.class);
        Iterator<?> cached = ((Iterable<?>) rddList.invoke(store, true)).iterator();
        long bytes = 0;
        while (cached.hasNext()) {
            Object rdd = cached.next();
            bytes += (Long) rdd.getClass().getMethod("memoryUsed").invoke(rdd);
        }
        return bytes;
    }

    private static int tasks(Map<String, Object> running, String id) {
        Option<Object> tasks = running.get(id);
        return tasks.isEmpty() ? 0 : (Integer) tasks.get();
    }

    private CoarseGrainedSchedulerBackend backend() {
        return (CoarseGrainedSchedulerBackend) context.schedulerBackend();
    }
}
