package io.github.airflow_enel;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;

/** The events held, as the JSON documents that readers get. */
final class EventStream {
    static final int PROTOCOL = 1;
    private static final int PAGE_EVENTS = 1_000;
    private static final long PAGE_BYTES = 4L << 20;

    private final Application application;
    private final EventRing ring;

    EventStream(Application application, EventRing ring) {
        this.application = application;
        this.ring = ring;
    }

    void add(ObjectNode event) {
        ring.add(Json.bytes(event));
    }

    /** One page as a JSON document. */
    byte[] page(long after) throws IOException {
        // Read before the page: "ended" must never be said of a page that lacks the end.
        boolean ended = application.ended();
        EventRing.Page page = ring.page(after, PAGE_EVENTS, PAGE_BYTES);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        write(page, ended, out);
        return out.toByteArray();
    }

    /** Everything held, as the same document. */
    void writeAll(OutputStream out) throws IOException {
        write(ring.page(0, Integer.MAX_VALUE, Long.MAX_VALUE), true, out);
    }

    private void write(EventRing.Page page, boolean ended, OutputStream out) throws IOException {
        ObjectNode head = Json.object()
                .put("protocol", PROTOCOL)
                .put("app_id", application.id())
                .put("now_ms", System.currentTimeMillis())
                .put("first", page.first)
                .put("last", page.last)
                .put("more", page.more())
                .put("ended", ended);
        byte[] bytes = Json.bytes(head);
        out.write(bytes, 0, bytes.length - 1); // the closing brace comes last
        out.write(ascii(",\"events\":["));
        long seq = page.from;
        for (byte[] event : page.events) {
            out.write(ascii((seq == page.from ? "" : ",") + "{\"seq\":" + seq + ",\"event\":"));
            out.write(event);
            out.write('}');
            seq++;
        }
        out.write(ascii("]}"));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }
}
