package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** An HTTP answer: always JSON, always with the driver's clock. */
final class Answer {
    final int status;
    final byte[] body;

    private Answer(int status, byte[] body) {
        this.status = status;
        this.body = body;
    }

    /** @param document JSON that carries now_ms already */
    static Answer document(byte[] document) {
        return new Answer(200, document);
    }

    static Answer of(int status, ObjectNode body) {
        body.put("now_ms", System.currentTimeMillis());
        return new Answer(status, Json.bytes(body));
    }

    static Answer message(int status, String message) {
        return of(status, Json.object().put("message", message));
    }
}
