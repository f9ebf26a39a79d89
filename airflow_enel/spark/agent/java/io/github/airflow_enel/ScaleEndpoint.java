package io.github.airflow_enel;

import com.sun.net.httpserver.HttpExchange;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;

/** {@code POST /v1/scale}: set the number of executors. */
final class ScaleEndpoint implements Endpoint {
    private static final int MOST_BYTES = 4096;

    private final Scaling scaling;

    ScaleEndpoint(Scaling scaling) {
        this.scaling = scaling;
    }

    @Override
    public String method() {
        return "POST";
    }

    @Override
    public Answer answer(HttpExchange exchange) throws IOException {
        byte[] body = read(exchange.getRequestBody());
        if (body.length > MOST_BYTES) {
            return scaling.answer(413, "the body must not exceed " + MOST_BYTES + " bytes");
        }
        ScaleRequest request;
        try {
            request = ScaleRequest.parse(body);
        } catch (IllegalArgumentException e) {
            return scaling.answer(400, e.getMessage());
        }
        return scaling.ask(request);
    }

    /** At most one byte more than allowed. */
    private static byte[] read(InputStream in) throws IOException {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        byte[] chunk = new byte[1024];
        while (out.size() <= MOST_BYTES) {
            int read = in.read(chunk, 0, Math.min(chunk.length, MOST_BYTES + 1 - out.size()));
            if (read < 0) {
                break;
            }
            out.write(chunk, 0, read);
        }
        return out.toByteArray();
    }
}
