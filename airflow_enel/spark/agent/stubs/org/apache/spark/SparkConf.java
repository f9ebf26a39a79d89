/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

public class SparkConf {
    public String get(String key, String otherwise) {
        throw new AssertionError();
    }

    public SparkConf set(String key, String value) {
        throw new AssertionError();
    }

    public long getSizeAsBytes(String key, String otherwise) {
        throw new AssertionError();
    }
}
