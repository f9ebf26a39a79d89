package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import java.io.IOException;

/** What answers under one path. */
interface Endpoint {
    /** The only method it answers to. */
    String method();

    Answer answer(HttpExchange exchange) throws IOException;
}
