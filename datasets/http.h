/* http.h - one GET after another over libcurl, for servers that may fail or be hostile (inside
 * datasets only).
 *
 * - http and https only, certificates verified, against what CURL_CA_BUNDLE, SSL_CERT_FILE and
 *   SSL_CERT_DIR name if they are set; proxies from the environment, as libcurl has it.
 * - Redirects are followed here, at most five, never from https to http.  The token goes to the
 *   configured hosts alone: not to another host, port or scheme that a redirect names.
 * - Tried again, with doubling waits and jitter, or what Retry-After says: 408, 429, 5xx, connections
 *   that cannot be made, are cut, or stall.  A body goes on where it broke off if the sink can.
 * - No body is longer than the sink allows.
 * libcurl is loaded at the first request, so that commands which fetch nothing start without it. */
#ifndef HTTP_H
#define HTTP_H
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct assay_err;
struct buf;

enum { HTTP_HOSTS = 3, HTTP_IDLE = 16 };
struct http {                       /* settings; shared by threads, read only but for `stop` */
    const char *agent;
    const char *token;              /* NULL: none.  In no message, ever */
    const char *token_origins[HTTP_HOSTS];   /* "https://huggingface.co", ...; NULL-terminated */
    int retries;                    /* after the first try */
    int64_t backoff_ms;             /* the first wait, before jitter */
    int64_t patience_ms;            /* a Retry-After beyond this is a failure */
    int64_t stall_s;                /* seconds without a byte that count as a cut connection */
    atomic_bool stop;               /* another thread failed: end soon */
    void (*on_wait)(void *user, const char *why, int64_t ms);    /* may be NULL; any thread */
    void *user;
    pthread_mutex_t lock;           /* of what follows: libcurl's handles, with their connections */
    void *idle[HTTP_IDLE];
    size_t n_idle;
};
void http_init(struct http *);      /* with the usual retries and waits */
void http_release(struct http *);
struct http_reply {
    long status;
    int64_t length;                 /* of the body as the server says, -1: not said */
    char etag[192];                 /* of the last hop */
    char revision[72];              /* X-Revision, X-Repo-Commit */
    char error_code[64];            /* X-Error-Code */
    char next[2048];                /* Link: <...>; rel="next" */
    int64_t retry_after_ms;         /* -1: not said */
};
struct http_sink {
    /* Where to go on: *offset bytes are there, `etag` (strong, NULL: none) is what they belong to.
     * NULL: always from 0. */
    void (*resume)(void *user, int64_t *offset, const char **etag);
    /* A body is about to come, from byte `offset` on. */
    int (*begin)(void *user, int64_t offset, const struct http_reply *, struct assay_err *);
    int (*write)(void *user, const char *p, size_t n, struct assay_err *);
    void *user;
    int64_t max;                    /* bytes of the whole body */
};
/* Errors: ASSAY_ENOTFOUND for 404, ASSAY_ELIMIT for a body that is too long, ASSAY_EREMOTE with
 * status and what the server says, or the sink's own. */
int http_get(struct http *, const char *url, const struct http_sink *, struct http_reply *,
             struct assay_err *);
/* The body as text. */
int http_text(struct http *, const char *url, int64_t max, struct buf *, struct http_reply *,
              struct assay_err *);
/* Appends `s` so that it can stand in a URL; '/' is kept when `is_path`. */
void http_escape(struct buf *, const char *s, bool is_path);
/* Whether the URL is http:// or https://. */
bool http_is_url(const char *s);
#endif
