package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpHandler;
import java.io.IOException;
import java.util.Map;

/** Routes requests: checks token, path and method, and turns failures into answers. */
final class Router implements HttpHandler {
    private final TokenCheck token;
    private final Map<String, Endpoint> endpoints;
    private final Troubles troubles;

    Router(TokenCheck token, Map<String, Endpoint> endpoints, Troubles troubles) {
        this.token = token;
        this.endpoints = endpoints;
        this.troubles = troubles;
    }

    @Override
    public void handle(HttpExchange exchange) {
        try {
            send(exchange, answer(exchange));
        } catch (IOException ignored) {
            // The reader went away: its business, not our trouble.
        } catch (Throwable cause) {
            troubles.add("an answer could not be sent", cause);
        } finally {
            exchange.close();
        }
    }

    private Answer answer(HttpExchange exchange) throws IOException {
        if (!token.passes(exchange.getRequestHeaders().getFirst("Authorization"))) {
            exchange.getResponseHeaders().set("WWW-Authenticate", "Bearer");
            return Answer.message(401, "the bearer token is missing or wrong");
        }
        String path = exchange.getRequestURI().getPath();
        Endpoint endpoint = endpoints.get(path);
        if (endpoint == null) {
            return Answer.message(404, "there is nothing under this path");
        }
        if (!endpoint.method().equals(exchange.getRequestMethod())) {
            exchange.getResponseHeaders().set("Allow", endpoint.method());
            return Answer.message(405, path + " answers to " + endpoint.method() + " only");
        }
        try {
            return endpoint.answer(exchange);
        } catch (IOException e) {
            throw e;
        } catch (Throwable cause) {
            troubles.add(path + " failed", cause);
            return Answer.message(500, "the agent failed; its health tells more");
        }
    }

    private static void send(HttpExchange exchange, Answer answer) throws IOException {
        exchange.getResponseHeaders().set("Content-Type", "application/json");
        if (exchange.getRequestMethod().equals("HEAD")) {
            exchange.sendResponseHeaders(answer.status, -1);
            return;
        }
        exchange.sendResponseHeaders(answer.status, answer.body.length);
        exchange.getResponseBody().write(answer.body);
    }
}
