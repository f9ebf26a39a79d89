package io.github.airflow_enel;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/** A request for a number of executors, by a try of the Airflow task at an epoch of the run. */
final class ScaleRequest {
    private static final List<String> FIELDS = Arrays.asList("executors", "try_number", "epoch");

    final int executors;
    final int tryNumber;
    final int epoch;

    ScaleRequest(int executors, int tryNumber, int epoch) {
        this.executors = executors;
        this.tryNumber = tryNumber;
        this.epoch = epoch;
    }

    /** @throws IllegalArgumentException with a message for the client that names the field */
    static ScaleRequest parse(byte[] body) {
        JsonNode json;
        try {
            json = Json.strict(body);
        } catch (IOException e) {
            throw new IllegalArgumentException("the body is not one JSON document");
        }
        if (json == null || !json.isObject()) {
            throw new IllegalArgumentException("the body must be a JSON object");
        }
        Iterator<String> names = json.fieldNames();
        while (names.hasNext()) {
            String name = names.next();
            if (!FIELDS.contains(name)) {
                throw new IllegalArgumentException("unknown field: " + name);
            }
        }
        return new ScaleRequest(
                integer(json, "executors"), integer(json, "try_number"), integer(json, "epoch"));
    }

    private static int integer(JsonNode json, String field) {
        JsonNode value = json.get(field);
        if (value == null) {
            throw new IllegalArgumentException("missing field: " + field);
        }
        // A float is refused even if it is whole: whoever sends one has computed something else.
        if (!value.isIntegralNumber() || !value.canConvertToInt() || value.intValue() < 0) {
            throw new IllegalArgumentException(field + " must be an integer, 0 or more");
        }
        return value.intValue();
    }
}
