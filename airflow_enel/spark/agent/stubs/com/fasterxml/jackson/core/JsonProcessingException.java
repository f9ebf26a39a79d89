/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package com.fasterxml.jackson.core;

public class JsonProcessingException extends java.io.IOException {
    public String getOriginalMessage() {
        throw new AssertionError();
    }
}
