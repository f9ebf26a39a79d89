/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package org.apache.spark;

public final class Success$ implements TaskEndReason {
    public static final Success$ MODULE$ = null;
}
