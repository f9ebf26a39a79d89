/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package com.fasterxml.jackson.databind.node;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.Collection;

public class ObjectNode extends ContainerNode<ObjectNode> {
    @Override
    public JsonNode path(String field) {
        throw new AssertionError();
    }

    public <T extends JsonNode> T set(String field, JsonNode value) {
        throw new AssertionError();
    }

    public JsonNode remove(String field) {
        throw new AssertionError();
    }

    public ObjectNode retain(Collection<String> fields) {
        throw new AssertionError();
    }

    public ObjectNode put(String field, int value) {
        throw new AssertionError();
    }

    public ObjectNode put(String field, long value) {
        throw new AssertionError();
    }

    public ObjectNode put(String field, boolean value) {
        throw new AssertionError();
    }

    public ObjectNode put(String field, String value) {
        throw new AssertionError();
    }
}
