/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.slf4j;

public interface Logger {
    void info(String message);

    void error(String message);

    void error(String message, Throwable cause);
}
