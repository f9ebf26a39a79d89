package io.github.airflow_enel;

import org.slf4j.LoggerFactory;

/**
 * Counts the errors of the agent, keeps the last one, and logs them at most every ten seconds.
 *
 * <p>The log is slf4j's rather than standard error: it ships with Spark, so the lines appear among
 * the driver's own, in the user's layout and place (in cluster mode standard error is another
 * file).
 */
final class Troubles {
    private static final String LOGGER = "io.github.airflow_enel.EnelAgent";
    private static final long QUIET_NS = 10_000_000_000L;
    private static final int LONGEST = 500;

    private long count;
    private String last;
    private long loggedAt;
    private long unlogged;

    /** @param cause may be null */
    synchronized void add(String what, Throwable cause) {
        count++;
        String text = cause == null ? what : what + ": " + cause;
        last = text.length() > LONGEST ? text.substring(0, LONGEST) : text;
        long now = System.nanoTime();
        if (count > 1 && now - loggedAt < QUIET_NS) {
            unlogged++;
            return;
        }
        String more = unlogged == 0 ? "" : " (and " + unlogged + " others before)";
        unlogged = 0;
        loggedAt = now;
        try {
            LoggerFactory.getLogger(LOGGER).error("EnelAgent: " + what + more, cause);
        } catch (Throwable ignored) {
            // A log that cannot be written is no reason to harm the application.
        }
    }

    /** Logs a line that is no error. */
    static void say(String what) {
        try {
            LoggerFactory.getLogger(LOGGER).info("EnelAgent: " + what);
        } catch (Throwable ignored) {
            // As above.
        }
    }

    synchronized long count() {
        return count;
    }

    synchronized String last() {
        return last;
    }
}
