// Runs one cell of the client matrix on a JVM: java Use CLIENT CELL, CLIENT being `client` (java.net.http.HttpClient) or
// `connection` (HttpURLConnection). Route and trust come from JAVA_TOOL_OPTIONS; the JVM takes no proxy password from there, so
// an Authenticator gives it, as a program behind any authenticating proxy has to.
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.PasswordAuthentication;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

class Use {
  static final int SIZE = 8 * 1024 * 1024;
  static final String API = "https://api.example.test";

  /** The two verbs every cell is made of. */
  interface Verbs {
    Answer send(String method, String url, byte[] body) throws Exception;
    InputStream open(String url) throws Exception;
  }

  record Answer(int status, String text) {}

  public static void main(String[] given) throws Exception {
    var pass = pass();
    Verbs verbs = given[0].equals("client") ? client(pass) : connection(pass);
    try {
      System.out.println("{\"ok\": true, \"result\": " + quoted(cell(verbs, given[1])) + "}");
    } catch (Exception error) {
      System.out.println("{\"ok\": false, \"message\": " + quoted(String.valueOf(error.getMessage())) + "}");
      throw error;
    }
  }

  static String cell(Verbs verbs, String name) throws Exception {
    switch (name) {
      case "permit", "no_identity": return ask(verbs, "GET", API + "/v1/refunds", null);
      case "refused": return ask(verbs, "POST", API + "/v1/payouts", "{\"amount\": 1}".getBytes());
      case "origin_tls_error": return ask(verbs, "GET", "https://expired.example.test/v1/refunds", null);
      case "streaming": return timed(verbs.open(API + "/sse?n=6&interval=0.06"));
      case "redirect_refused": return ask(verbs, "GET", API + "/redirect?to=https://evil.example.test/collect", null);
      case "large_upload":
        var body = new byte[SIZE];
        Arrays.fill(body, (byte) 'x');
        return ask(verbs, "POST", API + "/upload", body);
      case "keep_alive":
        for (int n = 0; n < 4; n++) ask(verbs, "GET", API + "/v1/refunds/" + n, null);
        return "";
      default: throw new IllegalArgumentException(name);
    }
  }

  static String ask(Verbs verbs, String method, String url, byte[] body) throws Exception {
    var answer = verbs.send(method, url, body);
    if (answer.status >= 300) throw new IOException(method + " " + url + ": " + answer.status + " " + answer.text);
    return answer.text;
  }

  static String timed(InputStream stream) throws IOException {
    var buffer = new byte[65536];
    long first = 0, last = 0;
    int count = 0;
    for (int got; (got = stream.read(buffer)) > 0; count++) {
      last = System.nanoTime();
      if (first == 0) first = last;
    }
    return count + " " + (last - first) / 1_000_000;
  }

  // --- the clients

  static Authenticator pass() {
    var user = URI.create(System.getenv("HTTPS_PROXY")).getRawUserInfo();
    if (user == null) return null;
    var parts = user.split(":", 2);
    return new Authenticator() {
      @Override protected PasswordAuthentication getPasswordAuthentication() {
        return getRequestorType() == RequestorType.PROXY ? new PasswordAuthentication(parts[0], parts[1].toCharArray()) : null;
      }
    };
  }

  static Verbs client(Authenticator pass) {
    var builder = HttpClient.newBuilder().followRedirects(HttpClient.Redirect.NORMAL);
    if (pass != null) builder.authenticator(pass);
    var client = builder.build();
    return new Verbs() {
      @Override public Answer send(String method, String url, byte[] body) throws Exception {
        var content = body == null ? BodyPublishers.noBody() : BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(body));
        var answer = client.send(HttpRequest.newBuilder(URI.create(url)).method(method, content).build(), BodyHandlers.ofString());
        var why = answer.headers().firstValue("proxy-status").orElse("") + " " + answer.headers().firstValue("exeat-decision-id").orElse("");
        return new Answer(answer.statusCode(), answer.body() == null ? why : answer.body());
      }
      @Override public InputStream open(String url) throws Exception {
        return client.send(HttpRequest.newBuilder(URI.create(url)).build(), BodyHandlers.ofInputStream()).body();
      }
    };
  }

  static Verbs connection(Authenticator pass) {
    if (pass != null) Authenticator.setDefault(pass);
    return new Verbs() {
      @Override public Answer send(String method, String url, byte[] body) throws Exception {
        var connection = (HttpURLConnection) URI.create(url).toURL().openConnection();
        connection.setRequestMethod(method);
        if (body != null) {
          connection.setDoOutput(true);
          connection.setFixedLengthStreamingMode(body.length);
          try (var out = connection.getOutputStream()) { out.write(body); }
        }
        int status = connection.getResponseCode();
        try (var in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
          // A refused tunnel has no body here; its reason stands in the status line.
          return new Answer(status, in == null ? connection.getResponseMessage() : new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
      }
      @Override public InputStream open(String url) throws Exception {
        return URI.create(url).toURL().openStream();
      }
    };
  }

  static String quoted(String text) {
    return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n").replace("\r", "\\r") + "\"";
  }
}
