/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package scala;

public abstract class Option<A> {
    public static <A> Option<A> empty() {
        throw new AssertionError();
    }

    public final boolean isEmpty() {
        throw new AssertionError();
    }

    public abstract A get();
}
