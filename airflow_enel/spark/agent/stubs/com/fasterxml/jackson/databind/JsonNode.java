/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package com.fasterxml.jackson.databind;

import java.util.Iterator;

public abstract class JsonNode implements Iterable<JsonNode> {
    public boolean isObject() {
        throw new AssertionError();
    }

    public boolean isIntegralNumber() {
        throw new AssertionError();
    }

    public boolean canConvertToInt() {
        throw new AssertionError();
    }

    public int intValue() {
        throw new AssertionError();
    }

    public int asInt() {
        throw new AssertionError();
    }

    public long asLong() {
        throw new AssertionError();
    }

    public abstract String asText();

    public String asText(String otherwise) {
        throw new AssertionError();
    }

    public Iterator<String> fieldNames() {
        throw new AssertionError();
    }

    public JsonNode get(String field) {
        throw new AssertionError();
    }

    public abstract JsonNode path(String field);

    public final Iterator<JsonNode> iterator() {
        throw new AssertionError();
    }
}
