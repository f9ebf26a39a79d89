package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** {@code GET /v1/events?after=N}: the events after number N. */
final class EventsEndpoint implements Endpoint {
    private static final Pattern QUERY = Pattern.compile("after=([0-9]{1,18})");

    private final EventStream stream;

    EventsEndpoint(EventStream stream) {
        this.stream = stream;
    }

    @Override
    public String method() {
        return "GET";
    }

    @Override
    public Answer answer(HttpExchange exchange) throws IOException {
        String query = exchange.getRequestURI().getRawQuery();
        if (query == null) {
            return Answer.document(stream.page(0));
        }
        Matcher after = QUERY.matcher(query);
        if (!after.matches()) {
            return Answer.message(400, "after must be a sequence number: /v1/events?after=N");
        }
        return Answer.document(stream.page(Long.parseLong(after.group(1))));
    }
}
