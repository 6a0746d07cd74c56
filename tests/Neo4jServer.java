import java.nio.file.Path;
import org.neo4j.dbms.api.DatabaseManagementServiceBuilder;

/** A real Neo4j for the tests: `java -cp 'lib/*' Neo4jServer.java HOME`, set up by HOME/neo4j.conf. Ends with its stdin. */
public class Neo4jServer {
    public static void main(String[] args) {
        Thread watch = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {}
            } catch (java.io.IOException gone) {
                // as good as an end of input
            }
            Runtime.getRuntime().halt(0); // the data is thrown away: no need to close it tidily
        });
        watch.setDaemon(true);
        watch.start();
        Path home = Path.of(args[0]);
        new DatabaseManagementServiceBuilder(home).loadPropertiesFromFile(home.resolve("neo4j.conf")).build();
    }
}
