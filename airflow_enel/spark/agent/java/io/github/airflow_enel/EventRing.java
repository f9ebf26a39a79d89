package io.github.airflow_enel;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A ring buffer of events, numbered from 1 without gaps and limited in bytes: the oldest fall out.
 *
 * <p>Readers copy references only, so that the listener bus never waits for a slow reader.
 */
final class EventRing {
    private final long maxBytes;
    private byte[][] slots = new byte[64][];
    private int head;
    private int size;
    private long first = 1;
    private long bytes;
    private long dropped;

    EventRing(long maxBytes) {
        this.maxBytes = maxBytes;
    }

    synchronized void add(byte[] event) {
        if (size == slots.length) {
            grow();
        }
        slots[(head + size) % slots.length] = event;
        size++;
        bytes += event.length;
        while (bytes > maxBytes) {
            dropOldest();
        }
    }

    private void grow() {
        byte[][] larger = Arrays.copyOf(slots, 2 * slots.length);
        for (int i = 0; i < size; i++) {
            larger[i] = slots[(head + i) % slots.length];
        }
        slots = larger;
        head = 0;
    }

    private void dropOldest() {
        bytes -= slots[head].length;
        slots[head] = null;
        head = (head + 1) % slots.length;
        size--;
        first++;
        dropped++;
    }

    /**
     * The events behind a sequence number, oldest first.
     *
     * @param mostBytes as many as fit, but one at least
     */
    synchronized Page page(long after, int mostEvents, long mostBytes) {
        long last = first + size - 1;
        long from = Math.max(first, after < last ? after + 1 : last + 1);
        List<byte[]> events = new ArrayList<>();
        long sum = 0;
        for (long seq = from; seq <= last && events.size() < mostEvents; seq++) {
            byte[] event = slots[(int) ((head + (seq - first)) % slots.length)];
            sum += event.length;
            if (sum > mostBytes && !events.isEmpty()) {
                break;
            }
            events.add(event);
        }
        return new Page(first, last, from, events);
    }

    synchronized long heldBytes() {
        return bytes;
    }

    synchronized long dropped() {
        return dropped;
    }

    /** Some events and where they lie in the ring. */
    static final class Page {
        /** Lowest and highest number held; first = last + 1 if nothing is. */
        final long first;
        final long last;
        /** The number of the first of the events. */
        final long from;
        final List<byte[]> events;

        Page(long first, long last, long from, List<byte[]> events) {
            this.first = first;
            this.last = last;
            this.from = from;
            this.events = events;
        }

        boolean more() {
            return from + events.size() - 1 < last;
        }
    }
}
