/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package scala.collection.immutable;

public final class Map$ {
    public static final Map$ MODULE$ = null;

    public <K, V> Map<K, V> empty() {
        throw new AssertionError();
    }
}
