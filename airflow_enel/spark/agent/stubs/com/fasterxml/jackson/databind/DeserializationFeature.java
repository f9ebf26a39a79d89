/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package com.fasterxml.jackson.databind;

public enum DeserializationFeature {
    FAIL_ON_READING_DUP_TREE_KEY,
    FAIL_ON_TRAILING_TOKENS
}
