/* Compile-only: what the agent uses of it; the class of Spark takes its place at run time. */
package scala.collection.immutable;

import scala.Option;

public interface Map<K, V> {
    Option<V> get(K key);
}
