package io.github.airflow_enel;

import java.nio.file.Path;
import java.nio.file.Paths;
import org.apache.spark.SparkConf;

/**
 * The settings {@code spark.enel.*} of the application.
 *
 * <p>A malformed one is an error which names its key: the agent then stays off as a whole, since
 * half a configuration (a bound that is not heeded, say) is worse than none.
 */
final class Settings {
    final String host;
    final int port;
    /** The address for the port file: the driver's, if the agent listens on all of them. */
    final String publicHost;
    /** Null: not configured, so that nobody can be let in. */
    final byte[] tokenSha256;
    final Path portFile;
    final Path finalFile;
    final long maxBufferBytes;
    final int minExecutors;
    final int maxExecutors;

    private Settings(SparkConf conf) {
        host = conf.get("spark.enel.agent.host", "127.0.0.1");
        boolean everywhere = host.equals("0.0.0.0") || host.equals("::");
        publicHost = everywhere ? conf.get("spark.driver.host", host) : host;
        port = integer(conf, "spark.enel.agent.port", 0, 0, 65535);
        tokenSha256 = hash(conf, "spark.enel.agent.tokenSha256");
        portFile = path(conf, "spark.enel.agent.portFile");
        finalFile = path(conf, "spark.enel.agent.finalFile");
        maxBufferBytes = conf.getSizeAsBytes("spark.enel.agent.maxBufferBytes", "64m");
        minExecutors = integer(conf, "spark.enel.minExecutors", 1, 1, Integer.MAX_VALUE);
        maxExecutors = integer(
                conf, "spark.enel.maxExecutors", Integer.MAX_VALUE, 1, Integer.MAX_VALUE);
    }

    static Settings of(SparkConf conf) {
        return new Settings(conf);
    }

    private static int integer(SparkConf conf, String key, int otherwise, int least, int most) {
        String text = conf.get(key, "").trim();
        if (text.isEmpty()) {
            return otherwise;
        }
        try {
            int value = Integer.parseInt(text);
            if (value >= least && value <= most) {
                return value;
            }
        } catch (NumberFormatException ignored) {
            // Said below, together with what is allowed.
        }
        throw new IllegalArgumentException(
                key + " must be an integer from " + least + " to " + most);
    }

    private static Path path(SparkConf conf, String key) {
        String text = conf.get(key, "").trim();
        return text.isEmpty() ? null : Paths.get(text);
    }

    private static byte[] hash(SparkConf conf, String key) {
        String text = conf.get(key, "").trim();
        if (text.isEmpty()) {
            return null;
        }
        if (!text.matches("[0-9a-fA-F]{64}")) {
            throw new IllegalArgumentException(key + " must be 64 hexadecimal digits");
        }
        byte[] bytes = new byte[32];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) Integer.parseInt(text.substring(2 * i, 2 * i + 2), 16);
        }
        return bytes;
    }
}
