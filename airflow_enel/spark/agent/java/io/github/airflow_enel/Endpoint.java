package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;

/** Answers the requests to one path. */
interface Endpoint {
    /** The only HTTP method it accepts. */
    String method();

    Answer answer(HttpExchange exchange) throws IOException;
}
