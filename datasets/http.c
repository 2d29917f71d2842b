/* http.c - see http.h. */
#include "datasets/http.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "datasets/http_curl.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/clock.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/rng.h"
#include "harness/base/text.h"
#include "harness/base/value.h"

enum { MAX_REDIRECTS = 5, MAX_HEADERS = 512, MAX_EXCERPT = 64 << 10, CONNECT_S = 20,
       PROGRESS = 1 << 20 };

struct transfer { /* one hop of one try */
    struct http *http;
    const struct curl_calls *curl;
    CURL *easy;
    const struct http_sink *sink;
    struct http_reply *reply;
    struct assay_err *e;
    int64_t offset;    /* what was asked to go on from */
    int64_t total;     /* size of the whole as Content-Range says, -1 */
    int64_t at;        /* bytes of the whole that are there */
    struct buf excerpt;/* what a failing server says */
    bool begun;
    int rc;            /* the sink's error: final */
    int n_headers;
    bool is_range;     /* Content-Range starts where it should */
    char said[CURL_ERROR_SIZE]; /* libcurl's details of its code */
};

bool http_is_url(const char *s)
{
    return strncasecmp(s, "http://", 7) == 0 || strncasecmp(s, "https://", 8) == 0;
}

void http_escape(struct buf *b, const char *s, bool is_path)
{
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || strchr("-._~", c) || (is_path && c == '/'))
            buf_addc(b, (char)c);
        else
            buf_printf(b, "%%%02X", c);
    }
}

/* -- headers ----------------------------------------------------------------------------------- */

static void keep(char *out, size_t cap, const char *s, size_t n)
{
    if (n >= cap)
        n = 0; /* cut it would be another value */
    memcpy(out, s, n);
    out[n] = 0;
}

/* Link: <url>; rel="next" */
static void keep_next(struct http_reply *r, const char *v, size_t n)
{
    char line[2200];
    keep(line, sizeof line, v, n);
    for (char *p = line; (p = strchr(p, '<'));) {
        char *end = strchr(p, '>');
        if (!end)
            return;
        char *stop = strchr(end, '<');
        char *rel = strstr(end, "rel=\"next\"");
        if (rel && (!stop || rel < stop)) {
            keep(r->next, sizeof r->next, p + 1, (size_t)(end - p - 1));
            return;
        }
        p = end;
    }
}

static int64_t header_wait_ms(const char *v, size_t n)
{
    char s[64];
    keep(s, sizeof s, v, n);
    char *end;
    long long seconds = strtoll(s, &end, 10);
    if (end != s && seconds >= 0 && seconds < 1000000)
        return seconds * 1000;
    struct tm tm = {0};
    if (!strptime(s, "%a, %d %b %Y %H:%M:%S GMT", &tm))
        return -1;
    int64_t ms = (int64_t)timegm(&tm) * 1000 - clock_wall_ns() / 1000000;
    return ms > 0 ? ms : 0;
}

static void header_range(struct transfer *t, const char *v, size_t n)
{
    char s[96];
    long long from, to, total;
    keep(s, sizeof s, v, n);
    if (sscanf(s, "bytes %lld-%lld/%lld", &from, &to, &total) == 3) {
        t->is_range = from == t->offset && to >= from && total > to;
        t->total = total;
    }
}

static void header_line(struct transfer *t, const char *name, size_t name_n, const char *v, size_t n)
{
    struct http_reply *r = t->reply;
#define IS(text) (name_n == sizeof text - 1 && strncasecmp(name, text, name_n) == 0)
    if (IS("etag"))
        keep(r->etag, sizeof r->etag, v, n);
    else if (IS("x-revision") || (IS("x-repo-commit") && !r->revision[0]))
        keep(r->revision, sizeof r->revision, v, n);
    else if (IS("x-error-code"))
        keep(r->error_code, sizeof r->error_code, v, n);
    else if (IS("link"))
        keep_next(r, v, n);
    else if (IS("retry-after"))
        r->retry_after_ms = header_wait_ms(v, n);
    else if (IS("content-range"))
        header_range(t, v, n);
#undef IS
}

static size_t on_header(char *p, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t n = size * count, name_n = 0;
    if (++t->n_headers > MAX_HEADERS)
        return 0;
    while (name_n < n && p[name_n] != ':')
        name_n++;
    if (name_n == n)
        return n;
    const char *v = p + name_n + 1, *end = p + n;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == '\r' || end[-1] == '\n' || end[-1] == ' '))
        end--;
    header_line(t, p, name_n, v, (size_t)(end - v));
    return n;
}

/* -- bodies ------------------------------------------------------------------------------------ */

static int body_too_long(struct transfer *t)
{
    return err_set(t->e, ASSAY_ELIMIT, "the body is longer than the %lld bytes it may have",
                   (long long)t->sink->max);
}

static int body_begin(struct transfer *t)
{
    curl_off_t length = -1;
    t->begun = true;
    t->curl->getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    t->reply->length = length;
    t->at = 0;
    if (t->reply->status == 206) {
        if (!t->is_range || t->offset == 0)
            return err_set(t->e, ASSAY_EREMOTE, "the server answers with another range than was asked for");
        t->at = t->offset;
    }
    if (length > t->sink->max - t->at || t->total > t->sink->max)
        return body_too_long(t);
    return t->sink->begin(t->sink->user, t->at, t->reply, t->e);
}

static size_t on_body(char *p, size_t size, size_t count, void *user)
{
    struct transfer *t = user;
    size_t n = size * count;
    if (!t->reply->status)
        t->curl->getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->reply->status);
    if (t->reply->status != 200 && t->reply->status != 206) {
        buf_add(&t->excerpt, p, n);
        return t->excerpt.failed ? 0 : n;
    }
    if (!t->begun)
        t->rc = body_begin(t);
    if (t->rc == 0 && (int64_t)n > t->sink->max - t->at)
        t->rc = body_too_long(t);
    if (t->rc == 0)
        t->rc = t->sink->write(t->sink->user, p, n, t->e);
    t->at += (int64_t)n;
    return t->rc == 0 ? n : 0;
}

static int on_progress(void *user, curl_off_t dt, curl_off_t d, curl_off_t ut, curl_off_t u)
{
    (void)dt, (void)d, (void)ut, (void)u;
    return atomic_load(&((struct transfer *)user)->http->stop);
}

/* -- one hop ----------------------------------------------------------------------------------- */

/* "scheme://host[:port]" of a URL: how many bytes of it. */
static size_t origin_length(const char *url)
{
    const char *p = strstr(url, "://");
    return p ? (size_t)(p - url) + 3 + strcspn(p + 3, "/?#") : 0;
}

static bool may_have_token(const struct http *h, const char *url)
{
    size_t n = origin_length(url);
    for (int i = 0; i < HTTP_HOSTS && h->token_origins[i]; i++)
        if (n && origin_length(h->token_origins[i]) == n &&
            strncasecmp(h->token_origins[i], url, n) == 0)
            return true;
    return false;
}

static struct curl_slist *hop_headers(struct transfer *t, const char *url, const char *etag)
{
    struct curl_slist *list = t->curl->append(NULL, "Accept: */*");
    struct buf b;
    buf_init(&b, 0);
    if (t->http->token && may_have_token(t->http, url)) {
        buf_printf(&b, "Authorization: Bearer %s", t->http->token);
        list = t->curl->append(list, b.v);
        explicit_bzero(b.v, b.n);
        buf_clear(&b);
    }
    if (t->offset > 0 && etag) {
        buf_printf(&b, "If-Range: %s", etag);
        list = t->curl->append(list, b.v);
        buf_clear(&b);
        buf_printf(&b, "Range: bytes=%lld-", (long long)t->offset);
        list = t->curl->append(list, b.v);
    }
    buf_release(&b);
    return list;
}

/* Whom certificates may be signed by, named as for curl(1): libcurl itself looks at neither. */
static void trust_options(const struct curl_calls *c, CURL *x)
{
    const char *file = getenv("CURL_CA_BUNDLE"), *dir = getenv("SSL_CERT_DIR");
    if (!file || !*file)
        file = getenv("SSL_CERT_FILE");
    if (file && *file)
        c->setopt(x, CURLOPT_CAINFO, file);
    if (dir && *dir)
        c->setopt(x, CURLOPT_CAPATH, dir);
}

static void hop_options(struct transfer *t, const char *url, struct curl_slist *headers)
{
    const struct curl_calls *c = t->curl;
    CURL *x = t->easy;
    c->setopt(x, CURLOPT_URL, url);
    c->setopt(x, CURLOPT_HTTPHEADER, headers);
#if LIBCURL_VERSION_NUM >= 0x075500
    c->setopt(x, CURLOPT_PROTOCOLS_STR, "http,https");
#else
    c->setopt(x, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
    c->setopt(x, CURLOPT_FOLLOWLOCATION, 0L);
    c->setopt(x, CURLOPT_ERRORBUFFER, t->said);
    trust_options(c, x);
    c->setopt(x, CURLOPT_NOSIGNAL, 1L);
    c->setopt(x, CURLOPT_USERAGENT, t->http->agent ? t->http->agent : "assay");
    c->setopt(x, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    c->setopt(x, CURLOPT_LOW_SPEED_LIMIT, 1L);
    c->setopt(x, CURLOPT_LOW_SPEED_TIME, (long)(t->http->stall_s ? t->http->stall_s : 60));
    c->setopt(x, CURLOPT_HEADERFUNCTION, on_header);
    c->setopt(x, CURLOPT_HEADERDATA, t);
    c->setopt(x, CURLOPT_WRITEFUNCTION, on_body);
    c->setopt(x, CURLOPT_WRITEDATA, t);
    c->setopt(x, CURLOPT_NOPROGRESS, 0L);
    c->setopt(x, CURLOPT_XFERINFOFUNCTION, on_progress);
    c->setopt(x, CURLOPT_XFERINFODATA, t);
}

/* Performs one hop.  *next: where a redirect leads (the caller frees), NULL: nowhere. */
static CURLcode hop(struct transfer *t, const char *url, const char *etag, char **next)
{
    *next = NULL;
    *t->reply = (struct http_reply){.length = -1, .retry_after_ms = -1};
    t->n_headers = 0;
    t->total = -1;
    t->begun = t->is_range = false;
    t->rc = 0;
    buf_clear(&t->excerpt);
    t->excerpt.failed = false;
    t->said[0] = 0;
    struct curl_slist *headers = hop_headers(t, url, etag);
    hop_options(t, url, headers);
    CURLcode code = t->curl->perform(t->easy);
    t->curl->getinfo(t->easy, CURLINFO_RESPONSE_CODE, &t->reply->status);
    long status = t->reply->status;
    char *where = NULL;
    if (code == CURLE_OK && status >= 300 && status < 400 && status != 304 &&
        t->curl->getinfo(t->easy, CURLINFO_REDIRECT_URL, &where) == CURLE_OK && where)
        *next = strdup(where);
    /* A body of no bytes is a body too. */
    if (code == CURLE_OK && (status == 200 || status == 206) && !t->begun)
        t->rc = body_begin(t);
    t->curl->setopt(t->easy, CURLOPT_HTTPHEADER, (struct curl_slist *)NULL);
    t->curl->setopt(t->easy, CURLOPT_ERRORBUFFER, (char *)NULL);
    t->curl->free_all(headers);
    return code;
}

static int redirect_check(const char *from, const char *to, int n, struct assay_err *e)
{
    if (n > MAX_REDIRECTS)
        return err_set(e, ASSAY_EREMOTE, "more than %d redirects", MAX_REDIRECTS);
    if (!http_is_url(to))
        return err_set(e, ASSAY_EREMOTE, "redirected to something that is neither http nor https");
    if (strncasecmp(from, "https:", 6) == 0 && strncasecmp(to, "https:", 6) != 0)
        return err_set(e, ASSAY_EREMOTE, "redirected from https to plain http: refused");
    return 0;
}

/* One try: the hops to where the body is.  Returns libcurl's code; t->rc is a final error. */
static CURLcode attempt(struct transfer *t, const char *url)
{
    const char *etag = NULL;
    char *here = strdup(url), *next = NULL;
    CURLcode code = CURLE_OUT_OF_MEMORY;
    t->offset = 0;
    if (t->sink->resume)
        t->sink->resume(t->sink->user, &t->offset, &etag);
    if (!etag)
        t->offset = 0;
    for (int n = 1; here; n++) {
        code = hop(t, here, etag, &next);
        if (!next)
            break;
        t->rc = redirect_check(here, next, n, t->e);
        free(here);
        here = next;
        next = NULL;
        if (t->rc < 0)
            break;
    }
    free(here);
    return code;
}

/* -- failures ---------------------------------------------------------------------------------- */

/* What the server says: {"error": "..."}, or the first line; made harmless. */
static void add_excerpt(struct buf *out, const struct buf *body)
{
    struct arena a = {0};
    const struct value *v, *said = NULL;
    const char *s = body->v;
    size_t n = body->n;
    if (json_parse(s, n, "", 1, &a, &v, NULL) == 0)
        said = value_get(v, "error");
    if (said && said->type == VALUE_STR) {
        s = said->s;
        n = said->n;
    } else if (n && *s == '<') {
        n = 0; /* a web page */
    }
    const char *nl = memchr(s, '\n', n);
    n = nl ? (size_t)(nl - s) : n;
    n = text_whole(s, n < 200 ? n : 200);
    if (n) {
        buf_adds(out, ": \"");
        text_safe(out, s, n);
        buf_addc(out, '"');
    }
    arena_release(&a);
}

static int fail_status(struct transfer *t, struct assay_err *e)
{
    long status = t->reply->status;
    struct buf b;
    buf_init(&b, 0);
    add_excerpt(&b, &t->excerpt);
    int code = status == 404 ? ASSAY_ENOTFOUND : ASSAY_EREMOTE;
    bool denied = status == 401 || status == 403;
    if (denied && t->http->token)
        err_set(e, code, "the server answers %ld%s; the token in HF_TOKEN has no access: ask for it "
                "on the dataset's page", status, b.v);
    else if (denied)
        err_set(e, code, "the server answers %ld%s; it does not exist, is private, or is gated: "
                "accept its terms on its page and set HF_TOKEN to a token of that account",
                status, b.v);
    else
        err_set(e, code, "the server answers %ld%s%s", status, status == 404 ? " (not found)" : "",
                b.v);
    buf_release(&b);
    return code;
}

static bool again_status(long s)
{
    return s == 408 || s == 425 || s == 429 || s == 500 || s == 502 || s == 503 || s == 504;
}

static bool again_code(CURLcode c)
{
    switch (c) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PARTIAL_FILE:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR:
        return true;
    default:
        return false;
    }
}

/* Why no connection could be trusted, or made: libcurl's text for these codes alone says little. */
static void fail_code(struct transfer *t, CURLcode code, struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, t->said, strlen(t->said));
    if (code == CURLE_PEER_FAILED_VERIFICATION)
        err_set(e, ASSAY_EREMOTE, "the server's certificate is not trusted (%s); who else may sign is said by "
                "CURL_CA_BUNDLE or SSL_CERT_FILE", b.n ? b.v : t->curl->strerror(code));
    else if (code == CURLE_SSL_CACERT_BADFILE)
        err_set(e, ASSAY_EREMOTE, "the certificates that CURL_CA_BUNDLE or SSL_CERT_FILE name can't be read: %s",
                b.n ? b.v : t->curl->strerror(code));
    else
        err_set(e, ASSAY_EREMOTE, "%s", code == CURLE_SSL_CONNECT_ERROR && b.n ? b.v : t->curl->strerror(code));
    buf_release(&b);
}

/* 0: done.  1: worth another try; *e says why.  Negative: final. */
static int judge(struct transfer *t, CURLcode code, struct assay_err *e)
{
    if (t->rc < 0)
        return t->rc;
    if (atomic_load(&t->http->stop))
        return err_set(e, ASSAY_ECANCELED, "given up, because something else failed");
    if (code != CURLE_OK) {
        if (t->n_headers > MAX_HEADERS || t->excerpt.failed)
            err_set(e, ASSAY_EREMOTE, "%s", t->excerpt.failed ? "an endless error message" : "too many headers");
        else
            fail_code(t, code, e);
        return again_code(code) ? 1 : ASSAY_EREMOTE;
    }
    long status = t->reply->status;
    if (status == 200 || status == 206)
        return 0;
    int rc = fail_status(t, e);
    return again_status(status) ? 1 : rc;
}

static int sleep_ms(struct http *h, int64_t ms)
{
    int64_t until = clock_ns() + ms * 1000000;
    while (clock_ns() < until && !atomic_load(&h->stop)) {
        struct timespec t = {0, 20000000};
        nanosleep(&t, NULL);
    }
    return atomic_load(&h->stop) ? -1 : 0;
}

/* Waits before try number n+1.  Full doubling, half of it random. */
static int back_off(struct transfer *t, int n, struct assay_err *e)
{
    struct rng rng = {(uint64_t)clock_ns()};
    int64_t ms = t->http->backoff_ms << (n < 7 ? n : 7);
    ms = ms / 2 + (int64_t)(rng_double(&rng) * (double)ms);
    if (t->reply->retry_after_ms >= 0) {
        if (t->reply->retry_after_ms > t->http->patience_ms)
            return err_set(e, ASSAY_EREMOTE,
                           "the server asks to wait %lld s: try again later",
                           (long long)t->reply->retry_after_ms / 1000);
        if (t->reply->retry_after_ms > ms)
            ms = t->reply->retry_after_ms;
    }
    if (t->http->on_wait)
        t->http->on_wait(t->http->user, e->msg, ms);
    if (sleep_ms(t->http, ms) < 0)
        return err_set(e, ASSAY_ECANCELED, "given up, because something else failed");
    return 0;
}

static int try_all(struct transfer *t, const char *url, struct assay_err *e)
{
    int64_t reached = 0;
    for (int n = 0;;) {
        CURLcode code = attempt(t, url);
        int rc = judge(t, code, e);
        if (rc <= 0)
            return rc;
        /* A mebibyte that came is progress: a long file over a bad line is not given up. */
        if (t->begun && t->at >= reached + PROGRESS) {
            reached = t->at;
            n = 0;
        }
        if (n == t->http->retries)
            return err_prefix(e, ASSAY_EREMOTE, "given up after %d tries", n + 1);
        TRY(back_off(t, n++, e));
    }
}

/* -- handles: one that was used holds a connection that can be used again ----------------------- */

void http_init(struct http *h)
{
    *h = (struct http){.retries = 6, .backoff_ms = 500, .patience_ms = 600000, .stall_s = 60};
    atomic_init(&h->stop, false);
    pthread_mutex_init(&h->lock, NULL);
}

void http_release(struct http *h)
{
    const struct curl_calls *curl;
    while (h->n_idle && curl_calls(&curl, NULL) == 0)
        curl->cleanup(h->idle[--h->n_idle]);
    pthread_mutex_destroy(&h->lock);
}

static void *take_handle(struct http *h)
{
    pthread_mutex_lock(&h->lock);
    void *x = h->n_idle ? h->idle[--h->n_idle] : NULL;
    pthread_mutex_unlock(&h->lock);
    return x;
}

static bool give_handle(struct http *h, void *x)
{
    pthread_mutex_lock(&h->lock);
    bool room = h->n_idle < HTTP_IDLE;
    if (room)
        h->idle[h->n_idle++] = x;
    pthread_mutex_unlock(&h->lock);
    return room;
}

int http_get(struct http *h, const char *url, const struct http_sink *sink, struct http_reply *reply,
             struct assay_err *e)
{
    struct assay_err own = {0};
    struct transfer t = {.http = h, .sink = sink, .reply = reply, .e = &own};
    if (!http_is_url(url))
        return err_set(e, ASSAY_EUSAGE, "'%s' is no http or https address", url);
    TRY(curl_calls(&t.curl, e));
    t.easy = take_handle(h);
    if (!t.easy)
        t.easy = t.curl->init();
    if (!t.easy)
        return err_set(e, ASSAY_ENOMEM, "out of memory fetching '%s'", url);
    buf_init(&t.excerpt, MAX_EXCERPT);
    int rc = try_all(&t, url, &own);
    if (!give_handle(h, t.easy))
        t.curl->cleanup(t.easy);
    buf_release(&t.excerpt);
    if (rc < 0)
        return err_set(e, rc, "cannot fetch '%s': %s", url, own.msg);
    return 0;
}

/* -- text -------------------------------------------------------------------------------------- */

static int text_begin(void *user, int64_t offset, const struct http_reply *r, struct assay_err *e)
{
    (void)offset, (void)r, (void)e;
    buf_clear(user);
    return 0;
}

static int text_write(void *user, const char *p, size_t n, struct assay_err *e)
{
    if (buf_add(user, p, n) < 0)
        return err_set(e, ASSAY_ELIMIT, "the body is too long");
    return 0;
}

int http_text(struct http *h, const char *url, int64_t max, struct buf *out,
              struct http_reply *reply, struct assay_err *e)
{
    struct http_sink sink = {.begin = text_begin, .write = text_write, .user = out, .max = max};
    return http_get(h, url, &sink, reply, e);
}
