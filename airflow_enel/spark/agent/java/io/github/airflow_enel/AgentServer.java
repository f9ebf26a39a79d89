package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetSocketAddress;

/**
 * The HTTP server of the JDK, on few threads, with a limit to how long a request may take.
 *
 * <p>Its own thread is a daemon only if it is started from one.
 */
final class AgentServer {
    private static final int THREADS = 4;

    private final Settings settings;
    private final Router router;
    private final Troubles troubles;

    AgentServer(Settings settings, Router router, Troubles troubles) {
        this.settings = settings;
        this.router = router;
        this.troubles = troubles;
    }

    void start() {
        Threads.start("start", () -> {
            try {
                int port = serve();
                if (settings.portFile != null) {
                    writePortFile(port);
                }
            } catch (Throwable cause) {
                troubles.add("cannot serve at " + settings.host + ":" + settings.port, cause);
            }
        });
    }

    private int serve() throws IOException {
        limitSlowClients();
        HttpServer server =
                HttpServer.create(new InetSocketAddress(settings.host, settings.port), 0);
        server.createContext("/", router);
        server.setExecutor(Threads.pool("http", THREADS, 0));
        server.start();
        int port = server.getAddress().getPort();
        Troubles.say("listening at " + settings.publicHost + ":" + port);
        return port;
    }

    /**
     * The JDK's server reads these once, and by default waits for ever for a client which stops
     * half-way. They concern that server only; what the user has set stays.
     */
    private static void limitSlowClients() {
        setIfAbsent("sun.net.httpserver.maxReqTime", "10"); // seconds
        setIfAbsent("sun.net.httpserver.maxRspTime", "60");
        setIfAbsent("sun.net.httpserver.nodelay", "true"); // else 40 ms an answer
        setIfAbsent("jdk.httpserver.maxConnections", "128"); // newer JDKs
    }

    private static void setIfAbsent(String key, String value) {
        if (System.getProperty(key) == null) {
            System.setProperty(key, value);
        }
    }

    private void writePortFile(int port) throws IOException {
        String process = ManagementFactory.getRuntimeMXBean().getName(); // pid@host
        ObjectNode address = Json.object()
                .put("host", settings.publicHost)
                .put("port", port)
                .put("pid", Long.parseLong(process.substring(0, process.indexOf('@'))));
        PrivateFile.write(settings.portFile, out -> out.write(Json.bytes(address)));
    }
}
