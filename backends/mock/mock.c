/* mock.c - the backend to copy when you write one, and the one tests are made with.
 *
 * It needs no model.  Text is tokenized into bytes; the distribution of the next token is a fixed
 * table rotated by a hash of all tokens before it, so every answer is cheap, exact and the same
 * everywhere.  `precision` and `noise` disturb the table, which makes variants that differ; with
 * `answers: hash` answers are a checksum of the request instead (answers.h).  The options below
 * `error-at` break it on purpose, at a chosen request.
 *
 * How a plugin is made: one shared object, one exported function at the end of this file, one
 * header.
 *   cc -shared -fPIC -fvisibility=hidden -I <assay> -o mock.so *.c -lm
 * Put it in a folder of $ASSAY_BACKEND_PATH; `assay list backends` says what it thinks of it. */
#include "backends/backend.h"
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "backends/mock/answers.h"

/* -- options: a plain struct and a table that describes it ---------------------------------------
 * The host allocates the struct, fills it from YAML or flags by this table, and checks ranges. */
struct options {
    const char *model, *precision, *answers, *lie, *without, *chat_template;
    double noise;
    int64_t n_ctx, seed, slow_ns, error_at, crash_at, hang_at, oom_at, load_ns;
};
#define ROW(member) (uint32_t) offsetof(struct options, member)
static const struct assay_field option_table[] = {
    {"model", ASSAY_STR, ROW(model), "mock", NULL, "any name: part of what is hashed"},
    {"precision", ASSAY_STR, ROW(precision), "fp32", NULL,
     "fp32, fp16, int8, int4 ...: how far answers stray"},
    {"noise", ASSAY_NUM, ROW(noise), "0", "0..100", "more straying, in logits"},
    {"answers", ASSAY_ENUM, ROW(answers), "table", "table|hash",
     "from a table of logits, or a checksum of the request"},
    {"n-ctx", ASSAY_INT, ROW(n_ctx), "2048", "2..1000000", "tokens the context holds"},
    {"seed", ASSAY_INT, ROW(seed), "1", NULL, "another model"},
    {"slow-ns", ASSAY_INT, ROW(slow_ns), "0", "0..", "time each request takes"},
    {"load-ns", ASSAY_INT, ROW(load_ns), "0", "0..", "time opening takes"},
    {"error-at", ASSAY_INT, ROW(error_at), "0", "0..", "report an error at this request"},
    {"crash-at", ASSAY_INT, ROW(crash_at), "0", "0..", "crash at this request"},
    {"hang-at", ASSAY_INT, ROW(hang_at), "0", "0..", "never return from this request"},
    {"oom-at", ASSAY_INT, ROW(oom_at), "0", "0..", "use up all memory at this request"},
    {"lie", ASSAY_ENUM, ROW(lie), "no", "no|tokens|ids|short|index|twice|overrun|nan|positive|info",
     "break the contract"},
    {"without", ASSAY_STR, ROW(without), NULL, NULL, "capabilities to miss: score,generate,probe"},
    {"chat-template", ASSAY_STR, ROW(chat_template), NULL, NULL,
     "Jinja text of its chat template; then it has one named 'last', too"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

/* -- the open model ---------------------------------------------------------------------------- */
enum { N_BYTES = 256, BOS = 256, EOS = 257, N_VOCAB = 258 };
/* Special tokens have texts: chat templates print them, and tokenize(special) knows them again. */
static const char *const special_text[] = {"<s>", "</s>"};

struct assay_model {
    struct options options; /* strings are borrowed: copy what is kept */
    char precision[32];
    char *chat_template;   /* a copy */
    float logits[N_VOCAB]; /* the table */
    int is_hash;           /* answers: hash */
    double log_sum;        /* log of the sum of exp(logits): the same for every rotation */
    uint32_t top;          /* index of the table's largest entry */
    uint32_t caps;
    uint64_t n_requests; /* seen since open: what the scripted failures count */
    struct assay_usage usage;
    /* the path of the last request, to evaluate a shared prefix once */
    int32_t *path;
    uint64_t *states; /* states[i]: hash of the first i tokens */
    size_t n_path, cap;
};

/* Errors: a code and one lower-case sentence.  The caller's struct may be NULL. */
static int fail(struct assay_err *e, int code, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        e->code = code;
        vsnprintf(e->msg, sizeof e->msg, fmt, ap);
        va_end(ap);
    }
    return code;
}

static uint64_t mix(uint64_t x) /* SplitMix64's finalizer */
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

static double unit(uint64_t seed, uint64_t i) /* [0, 1) */
{
    return (double)(mix(seed * 0x9e3779b97f4a7c15 + i) >> 11) * 0x1p-53;
}

static double straying(const char *precision)
{
    static const struct {
        const char *name;
        double noise;
    } table[] = {{"fp32", 0},   {"fp16", 0.005}, {"bf16", 0.02}, {"int16", 0.005}, {"int8", 0.05},
                 {"w8a8", 0.1}, {"q8_0", 0.05},  {"int4", 0.5},  {"q4_0", 0.5}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].name, precision) == 0)
            return table[i].noise;
    return 0;
}

static void make_table(struct assay_model *m)
{
    double noise = m->options.noise + straying(m->precision), sum = 0;
    uint64_t seed = (uint64_t)m->options.seed;
    for (uint32_t i = 0; i < N_VOCAB; i++) {
        m->logits[i] = (float)(6 * unit(seed, i) + noise * (2 * unit(seed + 1, i) - 1));
        sum += exp(m->logits[i]);
        if (m->logits[i] > m->logits[m->top])
            m->top = i;
    }
    m->log_sum = log(sum);
}

static void nap(int64_t ns)
{
    if (ns > 0)
        nanosleep(&(struct timespec){ns / 1000000000, ns % 1000000000}, NULL);
}

static void mock_close(struct assay_model *m) /* NULL is fine */
{
    if (!m)
        return;
    free(m->path);
    free(m->states);
    free(m->chat_template);
    free(m);
}

static int mock_open(const void *options, struct assay_model **out, struct assay_err *e)
{
    struct assay_model *m = calloc(1, sizeof *m);
    if (!m)
        return fail(e, ASSAY_ENOMEM, "out of memory");
    m->options = *(const struct options *)options;
    if (strlen(m->options.precision) >= sizeof m->precision) {
        int rc = fail(e, ASSAY_EUSAGE, "unknown precision '%.100s'", m->options.precision);
        mock_close(m);
        return rc;
    }
    strcpy(m->precision, m->options.precision);
    const char *without = m->options.without ? m->options.without : "";
    m->caps = ASSAY_CAN_TOKENIZE | (strstr(without, "score") ? 0 : ASSAY_CAN_SCORE) |
              (strstr(without, "generate") ? 0 : ASSAY_CAN_GENERATE) |
              (strstr(without, "probe") ? 0 : ASSAY_CAN_PROBE);
    if (m->options.chat_template && !(m->chat_template = strdup(m->options.chat_template))) {
        mock_close(m);
        return fail(e, ASSAY_ENOMEM, "out of memory");
    }
    m->is_hash = strcmp(m->options.answers, "hash") == 0;
    make_table(m);
    nap(m->options.load_ns);
    *out = m;
    return 0;
}

/* What is true of this open model.  Only the first info->size bytes are the host's to read. */
static int mock_info(struct assay_model *m, struct assay_info *info, struct assay_err *e)
{
    static const struct assay_tensor tensor = {"table", "f32", "f32", sizeof(float) * N_VOCAB,
                                               N_VOCAB};
    static const struct assay_chat_template named = {"last", "{{ bos_token }}{{ messages[-1].content }}"};
    (void)e;
    struct assay_info x = {
        .size = info->size,
        .caps = m->caps,
        .n_vocab = N_VOCAB,
        .n_ctx = (uint32_t)m->options.n_ctx,
        .bos = BOS,
        .eos = EOS,
        .add_bos = 1,
        .n_tensors = 1,
        .n_params = N_VOCAB,
        .weight_bytes = sizeof m->logits,
        .arch = "mock",
        .precision = m->precision,
        .kernel = "table",
        .device = "cpu",
        .tensors = &tensor,
        .chat_template = m->chat_template,
        .bos_text = special_text[0],
        .eos_text = special_text[1],
        .n_chat_templates = m->chat_template ? 1 : 0,
        .chat_templates = &named,
    };
    if (strcmp(m->options.lie, "info") == 0) {
        x.n_tensors = 1u << 31;
        x.tensors = NULL;
    }
    memcpy(info, &x, info->size < sizeof x ? info->size : sizeof x);
    return 0;
}

static int mock_memory(struct assay_model *m, struct assay_memory *out, struct assay_err *e)
{
    (void)e;
    struct assay_memory x = {
        .size = out->size,
        .weights = sizeof m->logits,
        .kv = m->cap * (sizeof *m->path + sizeof *m->states),
        .kv_per_token = sizeof *m->path + sizeof *m->states,
        .scratch = 0,
        .device = UINT64_MAX, /* unknown, or none */
    };
    memcpy(out, &x, out->size < sizeof x ? out->size : sizeof x);
    return 0;
}

static int mock_usage(struct assay_model *m, struct assay_usage *out, struct assay_err *e)
{
    (void)e;
    uint32_t size = out->size;
    struct assay_usage x = m->usage;
    x.size = size;
    memcpy(out, &x, size < sizeof x ? size : sizeof x);
    return 0;
}

/* -- tokens ------------------------------------------------------------------------------------ */

/* The special token that the text begins with, or -1. */
static int32_t special_at(const char *text, size_t len)
{
    for (int32_t i = 0; i < 2; i++)
        if (len >= strlen(special_text[i]) &&
            memcmp(text, special_text[i], strlen(special_text[i])) == 0)
            return BOS + i;
    return -1;
}

static int mock_tokenize(struct assay_model *m, const char *text, size_t len, int special,
                         int32_t *out, size_t cap, size_t *n, struct assay_err *e)
{
    (void)e;
    size_t k = 0;
    if (special && k++ < cap)
        out[0] = BOS;
    for (size_t i = 0; i < len; k++) {
        int32_t id = special ? special_at(text + i, len - i) : -1;
        if (k < cap)
            out[k] = id >= 0 ? id : (unsigned char)text[i];
        i += id >= 0 ? strlen(special_text[id - BOS]) : 1;
    }
    *n = k; /* what is needed, even when it did not fit */
    if (strcmp(m->options.lie, "tokens") == 0)
        *n = SIZE_MAX / 2;
    if (strcmp(m->options.lie, "ids") == 0 && k && cap)
        out[0] = N_VOCAB;
    return 0;
}

static int mock_piece(struct assay_model *m, int32_t token, char *out, size_t cap, size_t *n,
                      struct assay_err *e)
{
    (void)m;
    if (token < 0 || token >= N_VOCAB)
        return fail(e, ASSAY_EUSAGE, "no token %d", (int)token);
    *n = token < N_BYTES ? 1 : 0;
    if (*n && cap)
        out[0] = (char)token;
    return 0;
}

/* -- scripted failures ------------------------------------------------------------------------- */

static int use_up_memory(struct assay_err *e)
{
    for (size_t size = (size_t)1 << 30;; size *= 2) { /* never touched: nobody else suffers */
        void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED)
            return fail(e, ASSAY_ENOMEM, "out of memory: %zu bytes more were needed", size);
    }
}

static int misbehave(struct assay_model *m, struct assay_err *e)
{
    int64_t n = (int64_t)++m->n_requests;
    nap(m->options.slow_ns);
    if (n == m->options.crash_at) {
        signal(SIGSEGV, SIG_DFL);
        raise(SIGSEGV);
    }
    while (n == m->options.hang_at)
        pause();
    if (n == m->options.oom_at)
        return use_up_memory(e);
    if (n == m->options.error_at)
        return fail(e, ASSAY_EREMOTE, "scripted error at request %lld", (long long)n);
    return 0;
}

/* -- evaluating -------------------------------------------------------------------------------- */

/* The state after `n` tokens of t, starting from what the last request shares with this one: every
 * distinct prefix token is evaluated once, as long as the host sorts its requests. */
static int walk(struct assay_model *m, const struct assay_tokens *t, struct assay_err *e)
{
    size_t k = 0;
    if (t->n > m->cap) {
        size_t cap = t->n * 2;
        int32_t *path = realloc(m->path, cap * sizeof *path);
        if (path)
            m->path = path;
        uint64_t *states = path ? realloc(m->states, (cap + 1) * sizeof *states) : NULL;
        if (!states)
            return fail(e, ASSAY_ENOMEM, "out of memory for %zu tokens", t->n);
        m->states = states;
        m->cap = cap;
    }
    while (k < t->n && k < m->n_path && m->path[k] == t->v[k])
        k++;
    m->usage.n_reused += k;
    m->usage.n_evaluated += t->n - k;
    m->states[0] = 0x243f6a8885a308d3;
    for (; k < t->n; k++) {
        m->path[k] = t->v[k];
        m->states[k + 1] = mix(m->states[k] ^ ((uint64_t)t->v[k] + 1));
    }
    m->n_path = t->n;
    return 0;
}

static uint32_t rotation(uint64_t state)
{
    return (uint32_t)(state % N_VOCAB);
}

static float logit(const struct assay_model *m, uint64_t state, uint32_t token)
{
    return m->logits[(token + rotation(state)) % N_VOCAB];
}

static int score_one(struct assay_model *m, const struct assay_score_req *r, struct assay_err *e)
{
    if (m->is_hash) {
        answers_score(r);
        m->usage.n_evaluated += r->prefix.n + r->continuation.n - 1;
        return 0;
    }
    int rc = walk(m, &r->prefix, e);
    if (rc < 0)
        return rc;
    uint64_t state = m->states[r->prefix.n];
    for (size_t i = 0; i < r->continuation.n; i++) {
        uint32_t token = (uint32_t)r->continuation.v[i], at = (token + rotation(state)) % N_VOCAB;
        r->logprob[i] = m->logits[at] - m->log_sum;
        if (r->is_argmax)
            r->is_argmax[i] = at == m->top;
        state = mix(state ^ ((uint64_t)token + 1));
    }
    m->usage.n_evaluated += r->continuation.n - 1; /* the last one is only looked at */
    const char *lie = m->options.lie;
    if (strcmp(lie, "overrun") == 0)
        r->logprob[r->continuation.n] = 0;
    if (strcmp(lie, "nan") == 0)
        r->logprob[r->continuation.n - 1] = NAN;
    if (strcmp(lie, "positive") == 0)
        r->logprob[0] = 1;
    return 0;
}

/* Requests come sorted, so that shared prefixes are adjacent.  on_done as soon as one is complete;
 * non-zero means: stop here. */
static int mock_score(struct assay_model *m, struct assay_score_req *const *reqs, size_t n,
                      assay_done_fn *on_done, void *user, struct assay_err *e)
{
    const char *lie = m->options.lie;
    if (strcmp(lie, "short") == 0)
        n -= n > 0;
    for (size_t i = 0; i < n; i++) {
        int rc = misbehave(m, e);
        if (rc >= 0)
            rc = score_one(m, reqs[i], e);
        if (rc < 0)
            return rc;
        if (on_done(user, strcmp(lie, "index") == 0 ? n + 7 : i) ||
            (strcmp(lie, "twice") == 0 && on_done(user, i)))
            return fail(e, ASSAY_ECANCELED, "canceled");
    }
    return 0;
}

/* -- generating -------------------------------------------------------------------------------- */

/* The likeliest, or by temperature a drawn, letter or space: the mock writes words. */
static uint32_t next_letter(const struct assay_model *m, uint64_t state,
                            const struct assay_generate_req *r, uint64_t step)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz ";
    uint32_t best = 'a';
    double top = -INFINITY;
    for (size_t i = 0; i + 1 < sizeof letters; i++) {
        double x = logit(m, state, (unsigned char)letters[i]);
        if (r->temperature > 0) /* Gumbel's way of drawing from a softmax */
            x = x / r->temperature - log(-log(unit(r->seed + step, i) + 0x1p-60));
        if (x > top) {
            top = x;
            best = (unsigned char)letters[i];
        }
    }
    return best;
}

struct stream { /* text that was generated, and how much of it was handed out */
    char *text;
    size_t n, sent;
    uint32_t n_tokens;
    size_t index;
};

/* Bytes at the end that may turn out to begin a stop string are held back.  1: a stop is complete,
 * and the text ends before it. */
static int at_stop(const struct assay_generate_req *r, struct stream *s, size_t *safe)
{
    *safe = s->n;
    for (size_t i = 0; i < r->n_stop; i++) {
        size_t len = strlen(r->stop[i]);
        for (size_t k = len; k > 0; k--) {
            if (k > s->n || memcmp(s->text + s->n - k, r->stop[i], k) != 0)
                continue;
            if (k == len) {
                s->n -= len;
                *safe = s->n;
                return 1;
            }
            if (s->n - k < *safe)
                *safe = s->n - k;
            break;
        }
    }
    return 0;
}

static int send_up_to(const struct assay_generate_req *r, struct stream *s, size_t end)
{
    struct assay_piece piece = {.text = s->text + s->sent, .n_tokens = s->n_tokens};
    if (end <= s->sent && !s->n_tokens)
        return 0;
    piece.len = end > s->sent ? end - s->sent : 0;
    s->sent += piece.len;
    s->n_tokens = 0;
    return r->on_piece ? r->on_piece(r->user, s->index, &piece) : 0;
}

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int generate_one(struct assay_model *m, struct assay_generate_req *r, size_t index,
                        struct assay_err *e)
{
    struct stream s = {.index = index, .text = malloc((size_t)r->max_tokens + 1)};
    int64_t start = now_ns();
    int rc = s.text ? walk(m, &r->prompt, e) : fail(e, ASSAY_ENOMEM, "out of memory");
    if (rc < 0)
        goto out;
    uint64_t state = m->states[r->prompt.n];
    int64_t filled = now_ns();
    r->finish = ASSAY_FINISH_LENGTH;
    r->n_prompt = (uint32_t)r->prompt.n;
    r->n_out = 0;
    while (r->n_out < r->max_tokens && r->finish == ASSAY_FINISH_LENGTH) {
        size_t safe;
        uint32_t token = next_letter(m, state, r, r->n_out++);
        state = mix(state ^ ((uint64_t)token + 1));
        s.text[s.n++] = (char)token;
        s.n_tokens++;
        if (at_stop(r, &s, &safe))
            r->finish = ASSAY_FINISH_STOP;
        if ((safe > s.sent || r->finish == ASSAY_FINISH_STOP) && send_up_to(r, &s, safe)) {
            rc = fail(e, ASSAY_ECANCELED, "canceled");
            goto out;
        }
    }
    if (send_up_to(r, &s, s.n))
        rc = fail(e, ASSAY_ECANCELED, "canceled");
    m->usage.n_generated += r->n_out;
    r->prefill_ns = (uint64_t)(filled - start);
    r->decode_ns = (uint64_t)(now_ns() - filled);
out:
    free(s.text);
    return rc;
}

/* `repeat`: how often the same prompt was asked just before. */
static int generate_hash(struct assay_model *m, struct assay_generate_req *r, size_t index,
                         uint32_t repeat, struct assay_err *e)
{
    char *text = malloc(ANSWERS_TEXT);
    if (!text)
        return fail(e, ASSAY_ENOMEM, "out of memory");
    size_t n = answers_text(r, repeat, text);
    struct assay_piece piece = {.text = text, .len = n, .n_tokens = (uint32_t)n};
    int rc = 0;
    if (n && r->on_piece && r->on_piece(r->user, index, &piece))
        rc = fail(e, ASSAY_ECANCELED, "canceled");
    r->finish = n == r->max_tokens ? ASSAY_FINISH_LENGTH : ASSAY_FINISH_EOS;
    r->n_prompt = (uint32_t)r->prompt.n;
    r->n_out = (uint32_t)n;
    m->usage.n_evaluated += r->prompt.n;
    m->usage.n_generated += n;
    free(text);
    return rc;
}

static int mock_generate(struct assay_model *m, struct assay_generate_req *const *reqs, size_t n,
                         assay_done_fn *on_done, void *user, struct assay_err *e)
{
    uint32_t sum = 0, repeat = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t wait = reqs[i]->at_ns ? (int64_t)reqs[i]->at_ns - now_ns() : 0;
        nap(wait); /* an arrival plan is the host's; the backend only obeys */
        int rc = misbehave(m, e);
        if (rc >= 0 && m->is_hash) {
            uint32_t last = sum;
            sum = answers_sum(reqs[i]->prompt.v, reqs[i]->prompt.n);
            repeat = i && sum == last ? repeat + 1 : 0;
            rc = generate_hash(m, reqs[i], i, repeat, e);
        } else if (rc >= 0) {
            rc = generate_one(m, reqs[i], i, e);
        }
        if (rc < 0)
            return rc;
        if (on_done(user, i))
            return fail(e, ASSAY_ECANCELED, "canceled");
    }
    return 0;
}

/* -- probing ----------------------------------------------------------------------------------- */

static int mock_probe(struct assay_model *m, const struct assay_probe_req *r, struct assay_err *e)
{
    float row[N_VOCAB];
    if (!r->tensors || strcmp(r->tensors, "logits") != 0)
        return fail(e, ASSAY_EUNSUPPORTED, "only 'logits' can be probed");
    int rc = misbehave(m, e);
    if (rc >= 0)
        rc = walk(m, &r->tokens, e);
    if (rc < 0)
        return rc;
    for (size_t p = r->first; p < r->tokens.n; p++) {
        for (uint32_t t = 0; t < N_VOCAB; t++)
            row[t] = logit(m, m->states[p + 1], t);
        struct assay_row out = {.tensor = "logits", .pos = (uint32_t)p, .n = N_VOCAB, .v = row};
        if (r->on_row(r->user, &out))
            return fail(e, ASSAY_ECANCELED, "canceled");
    }
    return 0;
}

/* -- the one exported function ----------------------------------------------------------------- */

const struct assay_backend *assay_backend_1(const struct assay_host *host)
{
    static const struct assay_backend backend = {
        .size = sizeof backend, /* of the header this was compiled with: how both sides grow */
        .options_size = sizeof(struct options),
        .name = "mock", /* the file must be called mock.so */
        .version = "1.0",
        .help = "deterministic answers without a model, and failures on request",
        .options = option_table,
        .open = mock_open,
        .close = mock_close,
        .info = mock_info,
        .tokenize = mock_tokenize,
        .score = mock_score,
        .generate = mock_generate,
        .probe = mock_probe,
        .memory = mock_memory,
        .usage = mock_usage,
        .piece = mock_piece,
        .open_facts = NULL, /* opening costs nothing: the host opens it all */
    };
    (void)host; /* host->log(2, "text") writes to assay's log */
    return &backend;
}
