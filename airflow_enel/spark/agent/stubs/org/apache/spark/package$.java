/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

public final class package$ {
    public static final package$ MODULE$ = null;

    public String SPARK_VERSION() {
        throw new AssertionError();
    }
}
