package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicBoolean;

/** Checks and applies scale requests, one after the other, on a thread of its own. */
final class Scaling {
    /** Shorter than the patience of clients; Spark waits up to two minutes for its master. */
    private static final long PATIENCE_S = 4;
    private static final int WAITING = 16;

    private final Application application;
    private final EventStream stream;
    private final Settings settings;
    private final Troubles troubles;
    private final ScaleLedger ledger = new ScaleLedger();
    private final ThreadPoolExecutor worker = Threads.pool("scale", 1, WAITING);
    private final AtomicBoolean settling = new AtomicBoolean();
    /** True while the executors of a later application are not yet those last asked for. */
    private volatile boolean restarted;

    Scaling(Application application, EventStream stream, Settings settings, Troubles troubles) {
        this.application = application;
        this.stream = stream;
        this.settings = settings;
        this.troubles = troubles;
    }

    /** Why a try must not be heard, or null if it may be. */
    String objectionTo(int tryNumber) {
        return ledger.objection(tryNumber);
    }

    /** Applies a request, or says why not. */
    Answer ask(ScaleRequest request) {
        if (request.executors < settings.minExecutors
                || request.executors > settings.maxExecutors) {
            return answer(400, "executors must be from " + settings.minExecutors + " to "
                    + settings.maxExecutors);
        }
        Future<Answer> answer;
        try {
            answer = worker.submit(() -> decide(request));
        } catch (RejectedExecutionException e) {
            return answer(503, "too many requests wait already; ask again");
        }
        try {
            return answer.get(PATIENCE_S, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            // One that waits is withdrawn; one that is being applied goes on, and a repetition
            // of the request learns what became of it.
            answer.cancel(false);
            return answer(503, "Spark has not answered for " + PATIENCE_S + " s; ask again");
        } catch (ExecutionException e) {
            troubles.add("a request could not be applied", e.getCause());
            return answer(503, "Spark failed to apply the request: " + e.getCause());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return answer(503, "the agent is being stopped");
        }
    }

    private Answer decide(ScaleRequest request) {
        Executors executors = application.executors();
        if (executors == null) {
            return answer(503, application.ended()
                    ? "the application has ended" : "the application has not started yet");
        }
        if (!executors.scalable()) {
            return answer(409, "executors cannot be scaled with master " + executors.master());
        }
        String objection = ledger.objection(request);
        if (objection != null) {
            return answer(409, objection);
        }
        return ledger.repeats(request)
                ? answer(200, "accepted before") : apply(request, executors);
    }

    private Answer apply(ScaleRequest request, Executors executors) {
        if (!executors.request(request.executors)) {
            return answer(503, "the cluster manager did not take the request; ask again");
        }
        ledger.accept(request);
        restarted = false;
        stream.add(Json.object()
                .put("Event", "EnelScaleAccepted")
                .put("Timestamp", System.currentTimeMillis())
                .put("Executors", request.executors)
                .put("Try Number", request.tryNumber)
                .put("Epoch", request.epoch));
        settleSafely();
        return answer(200, "accepted");
    }

    /** Another context of the driver: it starts at its initial size, whatever was asked for. */
    void applicationRestarted() {
        restarted = true;
    }

    /** With its first job the context is certain to be active. Called by the listener bus. */
    void jobStarted() {
        if (restarted) {
            settleSoon();
        }
    }

    /**
     * Looks again after an executor has come: one that was already starting when its number was
     * lowered registers all the same. Returns at once; called by the listener bus.
     */
    void settleSoon() {
        if (settling.compareAndSet(false, true)) {
            try {
                worker.execute(() -> {
                    settling.set(false);
                    settleSafely();
                });
            } catch (RejectedExecutionException e) {
                settling.set(false); // the requests that wait settle too
            }
        }
    }

    private void settleSafely() {
        try {
            Executors executors = application.executors();
            if (executors != null && executors.scalable()) {
                settle(executors);
            }
        } catch (Throwable cause) {
            troubles.add("surplus executors could not be sent away", cause);
        }
    }

    /** Begins to decommission what is registered beyond the number last accepted. */
    private void settle(Executors executors) throws ReflectiveOperationException {
        if (ledger.last() == null) {
            restarted = false;
            return;
        }
        if (restarted && executors.request(ledger.last().executors)) {
            restarted = false;
        }
        List<String> active = executors.active();
        int surplus = active.size() - ledger.last().executors;
        if (surplus <= 0) {
            return;
        }
        for (String id : executors.leastBusyFirst(active)) {
            if (surplus > 0 && executors.drain(id)) {
                surplus--;
                stream.add(draining(id));
            }
        }
    }

    private static ObjectNode draining(String id) {
        return Json.object()
                .put("Event", "EnelExecutorDraining")
                .put("Timestamp", System.currentTimeMillis())
                .put("Executor ID", id);
    }

    /** An answer with the number of executors at this moment, 0 if it cannot be known. */
    Answer answer(int status, String message) {
        int active = 0;
        try {
            Executors executors = application.executors();
            active = executors == null ? 0 : executors.active().size();
        } catch (Throwable cause) {
            troubles.add("executors could not be counted", cause);
        }
        return Answer.of(status, Json.object()
                .put("accepted", status == 200)
                .put("executors", active)
                .put("message", message));
    }
}
