/* A load generator: one blocking thread for each connection, so that it costs little beside what it measures.
 *
 * load PORT keep|new CONNECTIONS SECONDS REQUEST-FILE CONNECT-FILE|- CA-FILE|- NAME
 *
 * Sends the bytes of REQUEST-FILE and reads one answer, again and again; a run of twelve '@' in it becomes a number never
 * used before. CONNECT-FILE is sent first and must be answered with 200; CA-FILE means TLS, verified for NAME. "new" makes
 * a connection for each request and counts it from the first SYN to the last byte. Prints "requests errors seconds p50 p99"
 * (milliseconds). A kept connection that the peer closed is opened again, and its request sent once more.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER (256 * 1024)
#define MOST 2000000

static int port, fresh;
static double until;
static char *request, *opening;
static size_t request_size, opening_size, number_at;
static SSL_CTX *context;
static const char *name;
static atomic_ulong counter;

struct worker {
    pthread_t thread;
    float *times;
    size_t done, errors;
    int fd;
    SSL *ssl;
    char *buffer, *text;
    char last[200];
};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static char *whole(const char *path, size_t *size) {
    FILE *file = fopen(path, "rb");
    if (!file) { perror(path); exit(2); }
    char *text = calloc(1, 65536);
    *size = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

static ssize_t get(struct worker *w, char *into, size_t size) {
    return w->ssl ? SSL_read(w->ssl, into, (int)size) : recv(w->fd, into, size, 0);
}

static int put(struct worker *w, const char *text, size_t size) {
    while (size) {
        ssize_t n = w->ssl ? SSL_write(w->ssl, text, (int)size) : send(w->fd, text, size, MSG_NOSIGNAL);
        if (n <= 0) return -1;
        text += n; size -= (size_t)n;
    }
    return 0;
}

static void hang_up(struct worker *w) {
    if (w->ssl) { SSL_free(w->ssl); w->ssl = NULL; }
    if (w->fd >= 0) { close(w->fd); w->fd = -1; }
}

/* Read one answer: 1 when the connection stays, 0 when it ends, -1 nothing came, -2 it is wrong. */
static int answer(struct worker *w, int headless) {
    size_t have = 0;
    char *end = NULL;
    while (!end) {
        ssize_t n = have < BUFFER - 1 ? get(w, w->buffer + have, BUFFER - 1 - have) : 0;
        if (n <= 0) return have ? -2 : -1;
        have += (size_t)n;
        w->buffer[have] = 0;
        end = strstr(w->buffer, "\r\n\r\n");
    }
    snprintf(w->last, sizeof w->last, "%.190s", w->buffer);
    if (strncmp(w->buffer + 8, " 200", 4)) return -2;
    size_t body = have - (size_t)(end + 4 - w->buffer);
    if (headless) return body ? -2 : 1;
    *end = 0;
    int stays = !strcasestr(w->buffer, "\nconnection: close");
    char *length = strcasestr(w->buffer, "\ncontent-length:");
    if (length) {
        size_t due = strtoul(length + 16, NULL, 10);
        while (body < due) {
            ssize_t n = get(w, w->buffer, BUFFER - 1);
            if (n <= 0) return -2;
            body += (size_t)n;
        }
        return body == due ? stays : -2;
    }
    char tail[5] = {0};
    size_t from = (size_t)(end + 4 - w->buffer);
    for (;;) { /* chunked: our bodies hold no "\r\n0\r\n\r\n" of their own */
        for (size_t i = from; i < have; i++) { memmove(tail, tail + 1, 4); tail[4] = w->buffer[i]; }
        if (!memcmp(tail, "0\r\n\r\n", 5)) return stays;
        ssize_t n = get(w, w->buffer, BUFFER - 1);
        if (n <= 0) return -2;
        from = 0; have = (size_t)n;
    }
}

static int dial(struct worker *w) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct timeval limit = {.tv_sec = 10};
    int one = 1;
    w->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(w->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (connect(w->fd, (struct sockaddr *)&address, sizeof address)) {
        snprintf(w->last, sizeof w->last, "connect: %s", strerror(errno));
        return -1;
    }
    if (opening && (put(w, opening, opening_size) || answer(w, 1) != 1)) return -1;
    if (!context) return 0;
    w->ssl = SSL_new(context);
    SSL_set_tlsext_host_name(w->ssl, name);
    SSL_set1_host(w->ssl, name);
    SSL_set_fd(w->ssl, w->fd);
    if (SSL_connect(w->ssl) == 1) return 0;
    snprintf(w->last, sizeof w->last, "TLS: verification %ld", SSL_get_verify_result(w->ssl));
    return -1;
}

static void *work(void *pointer) {
    struct worker *w = pointer;
    memcpy(w->text, request, request_size);
    while (now() < until && w->done < MOST && w->errors < 20) {
        double began = now();
        int reused = w->fd >= 0;
        if (!reused && dial(w)) { w->errors++; hang_up(w); continue; }
        if (!fresh && !reused) began = now();
        if (number_at) {
            char digits[13];
            snprintf(digits, sizeof digits, "%012lu", atomic_fetch_add(&counter, 1));
            memcpy(w->text + number_at, digits, 12);
        }
        int result = put(w, w->text, request_size) ? -1 : answer(w, 0);
        if (result == -1 && reused) { hang_up(w); continue; }
        if (result < 0) { w->errors++; hang_up(w); continue; }
        w->times[w->done++] = (float)((now() - began) * 1e3);
        if (fresh || !result) hang_up(w);
    }
    hang_up(w);
    return NULL;
}

static int order(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 9) { fprintf(stderr, "usage: see the head of load.c\n"); return 2; }
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    fresh = !strcmp(argv[2], "new");
    int workers = atoi(argv[3]);
    request = whole(argv[5], &request_size);
    char *place = strstr(request, "@@@@@@@@@@@@");
    number_at = place ? (size_t)(place - request) : 0;
    atomic_store(&counter, (unsigned long)(now() * 1e6) % 1000000000UL * 1000UL);
    if (strcmp(argv[6], "-")) opening = whole(argv[6], &opening_size);
    name = argv[8];
    if (strcmp(argv[7], "-")) {
        context = SSL_CTX_new(TLS_client_method());
        if (SSL_CTX_load_verify_locations(context, argv[7], NULL) != 1) { fprintf(stderr, "no CA\n"); return 2; }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    struct worker *all = calloc((size_t)workers, sizeof *all);
    double began = now();
    until = began + atof(argv[4]);
    for (int i = 0; i < workers; i++) {
        all[i].fd = -1;
        all[i].times = malloc(MOST * sizeof(float));
        all[i].buffer = malloc(BUFFER);
        all[i].text = malloc(request_size + 1);
        pthread_create(&all[i].thread, NULL, work, &all[i]);
    }
    size_t total = 0, errors = 0;
    for (int i = 0; i < workers; i++) {
        pthread_join(all[i].thread, NULL);
        total += all[i].done;
        errors += all[i].errors;
        if (all[i].errors) fprintf(stderr, "%s\n", all[i].last);
    }
    double elapsed = now() - began;
    float *times = malloc((total + 1) * sizeof(float));
    size_t at = 0;
    for (int i = 0; i < workers; i++) { memcpy(times + at, all[i].times, all[i].done * sizeof(float)); at += all[i].done; }
    qsort(times, total, sizeof(float), order);
    printf("%zu %zu %.4f %.4f %.4f\n", total, errors, elapsed, total ? times[total / 2] : 0.0,
           total ? times[total - 1 - total / 100] : 0.0);
    return 0;
}
