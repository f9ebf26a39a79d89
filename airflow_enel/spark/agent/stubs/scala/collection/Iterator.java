/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package scala.collection;

public interface Iterator<A> {
    boolean hasNext();

    A next();
}
