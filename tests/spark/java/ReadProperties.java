import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.TreeMap;
import org.apache.spark.util.Utils;
import scala.collection.Iterator;

/** Prints what Spark reads from each properties file, one JSON object a line, null for an error. */
final class ReadProperties {
    public static void main(String[] files) throws Exception {
        for (String file : files) {
            System.out.write(new ObjectMapper().writeValueAsBytes(read(file)));
            System.out.println();
        }
    }

    private static TreeMap<String, String> read(String file) {
        TreeMap<String, String> found = new TreeMap<>();
        try {
            scala.collection.Map<String, String> all = Utils.getPropertiesFromFile(file);
            for (Iterator<String> names = all.keysIterator(); names.hasNext(); ) {
                String name = names.next();
                if (name.startsWith("spark.")) { // SparkSubmitArguments ignores all others
                    found.put(name, all.apply(name));
                }
            }
        } catch (IllegalArgumentException refused) {
            return null;
        }
        return found;
    }
}
