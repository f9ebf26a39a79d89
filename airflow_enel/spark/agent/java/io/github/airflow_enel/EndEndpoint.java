package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * {@code POST /v1/end?try_number=N}: end the driver, for callers that cannot signal its process.
 *
 * <p>The one thing here that harms the application, and somebody has asked for just that: a try
 * that must not leave it running, from another host. Older tries are refused as everywhere.
 */
final class EndEndpoint implements Endpoint {
    private static final Pattern QUERY = Pattern.compile("try_number=([0-9]{1,9})");
    /** Of a process that was told to end by SIGTERM, as the driver's own worker would tell it. */
    private static final int EXIT_CODE = 143;
    private static final long ANSWER_FIRST_MS = 200;

    private final Scaling scaling;

    EndEndpoint(Scaling scaling) {
        this.scaling = scaling;
    }

    @Override
    public String method() {
        return "POST";
    }

    @Override
    public Answer answer(HttpExchange exchange) {
        String query = exchange.getRequestURI().getRawQuery();
        Matcher number = QUERY.matcher(query == null ? "" : query);
        if (!number.matches()) {
            return Answer.message(400, "try_number must be a number: /v1/end?try_number=N");
        }
        String objection = scaling.objectionTo(Integer.parseInt(number.group(1)));
        if (objection != null) {
            return Answer.message(409, objection);
        }
        Troubles.say("ends the driver, as try " + number.group(1) + " has asked");
        Threads.start("end", () -> {
            try {
                Thread.sleep(ANSWER_FIRST_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // then without the pause
            }
            System.exit(EXIT_CODE);
        });
        return Answer.message(200, "ending");
    }
}
