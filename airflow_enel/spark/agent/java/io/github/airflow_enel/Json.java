package io.github.airflow_enel;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;

/** JSON through the Jackson that Spark ships. */
final class Json {
    private static final ObjectMapper LENIENT = new ObjectMapper();
    private static final ObjectMapper STRICT = new ObjectMapper()
            .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
            .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    private Json() {}

    static ObjectNode object() {
        return LENIENT.createObjectNode();
    }

    static byte[] bytes(JsonNode node) {
        try {
            return LENIENT.writeValueAsBytes(node);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("JSON cannot be written", e);
        }
    }

    /** One of Spark's own events. The cause is left out, since it quotes the event: secrets. */
    static ObjectNode sparkEvent(String json) {
        try {
            return (ObjectNode) LENIENT.readTree(json);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException("Spark's JSON of an event cannot be read");
        }
    }

    /** Something from outside: nothing doubled, nothing behind the end. */
    static JsonNode strict(byte[] json) throws IOException {
        return STRICT.readTree(json);
    }
}
