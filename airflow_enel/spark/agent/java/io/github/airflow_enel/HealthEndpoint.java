package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;

/** {@code GET /v1/health}: the state of the application and of the agent. */
final class HealthEndpoint implements Endpoint {
    private final Application application;
    private final EventRing ring;
    private final Troubles troubles;

    HealthEndpoint(Application application, EventRing ring, Troubles troubles) {
        this.application = application;
        this.ring = ring;
        this.troubles = troubles;
    }

    @Override
    public String method() {
        return "GET";
    }

    @Override
    public Answer answer(HttpExchange exchange) {
        return Answer.of(200, Json.object()
                .put("status", status())
                .put("app_id", application.id())
                .put("errors", troubles.count())
                .put("last_error", troubles.last())
                .put("dropped_events", ring.dropped())
                .put("held_bytes", ring.heldBytes())
                .put("protocol", EventStream.PROTOCOL)
                .put("version", EnelAgent.class.getPackage().getImplementationVersion()));
    }

    private String status() {
        if (application.ended()) {
            return "ended";
        }
        return application.executors() == null ? "starting" : "running";
    }
}
