/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package com.fasterxml.jackson.databind.node;

import com.fasterxml.jackson.databind.JsonNode;

public abstract class ContainerNode<T extends ContainerNode<T>> extends JsonNode {
    @Override
    public String asText() {
        throw new AssertionError();
    }
}
