/* cmd_probe.c - assay probe: one forward pass, tensor by tensor; against another precision when asked.
 *
 * Shows, per tensor, size and spread of its rows, and for logits the likeliest next tokens.  With
 * --against, SQNR and largest difference per tensor, and the KL divergence of the last position. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/cli/commands.h"
#include "harness/run/plugin.h"

struct probe_flags {
    const char *model, *backend, *precision, *against, *text, *tensors;
    int64_t top;
};
static struct probe_flags flags;

static const struct assay_field probe_fields[] = {
    {"model", ASSAY_STR, offsetof(struct probe_flags, model), NULL, NULL, "the model file"},
    {"backend", ASSAY_STR, offsetof(struct probe_flags, backend), "native", NULL, "who runs it"},
    {"precision", ASSAY_STR, offsetof(struct probe_flags, precision), "stored", NULL,
     "precision to look at"},
    {"against", ASSAY_STR, offsetof(struct probe_flags, against), NULL, NULL,
     "precision to compare with"},
    {"text", ASSAY_STR, offsetof(struct probe_flags, text), "Once upon a time", NULL,
     "text to feed"},
    {"tensors", ASSAY_STR, offsetof(struct probe_flags, tensors), "logits", NULL,
     "comma list of names or globs: logits, blk.*.ffn_out, blk.0.*"},
    {"top", ASSAY_INT, offsetof(struct probe_flags, top), "5", "1..100",
     "how many likely next tokens to show"},
    {0},
};

struct tensor {                        /* every row of one tensor */
    const char *name;
    float *v;
    size_t n, cap, row, n_rows;        /* row: elements per row */
};
struct capture {
    struct arena *arena;
    struct tensor *tensors;
    size_t n, cap;
};

static struct tensor *capture_tensor(struct capture *c, const char *name)
{
    for (size_t i = c->n; i-- > 0;)
        if (strcmp(c->tensors[i].name, name) == 0)
            return &c->tensors[i];
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        struct tensor *t = ARENA_ARRAY(c->arena, struct tensor, cap);
        if (c->n)
            memcpy(t, c->tensors, c->n * sizeof *t);
        c->tensors = t;
        c->cap = cap;
    }
    c->tensors[c->n] = (struct tensor){.name = arena_strdup(c->arena, name)};
    return &c->tensors[c->n++];
}

static int on_row(void *user, const struct assay_row *row)
{
    struct tensor *t = capture_tensor(user, row->tensor);
    if (t->n + row->n > t->cap) {
        size_t cap = 2 * t->cap + row->n;
        float *v = realloc(t->v, cap * sizeof *v);
        if (!v)
            return -1;
        t->v = v;
        t->cap = cap;
    }
    memcpy(t->v + t->n, row->v, row->n * sizeof *row->v);
    t->n += row->n;
    t->row = row->n;
    t->n_rows++;
    return 0;
}

static void capture_release(struct capture *c)
{
    for (size_t i = 0; i < c->n; i++)
        free(c->tensors[i].v);
}

static int probe_open(const char *precision, struct arena *a, struct engine *engine,
                      struct assay_err *e)
{
    const struct plugin *plugin;
    TRY(plugin_find(flags.backend, a, &plugin, e));
    struct value_entry set[] = {
        {value_str(a, "model"), value_str(a, flags.model)},
        {value_str(a, "precision"), value_str(a, precision)},
    };
    void *options;
    const struct value *record;
    TRY(plugin_options(plugin, value_dict(a, set, 2), NULL, a, &options, &record, e));
    TRY(engine_open(plugin, options, engine, e));
    int rc = engine_needs(engine, ASSAY_CAN_TOKENIZE | ASSAY_CAN_PROBE, e);
    if (rc < 0)
        engine_close(engine);
    return rc;
}

static int probe_tokens(const struct engine *engine, struct arena *a, struct assay_tokens *out,
                        struct assay_err *e)
{
    const struct assay_backend *api = &engine->plugin->api;
    size_t n = 0, len = strlen(flags.text);
    TRY(api->tokenize(engine->model, flags.text, len, 1, NULL, 0, &n, e));
    if (n == 0 || n > 1u << 20)
        return err_set(e, ASSAY_EUSAGE, "--text gives %zu tokens: expected 1 to %u", n, 1u << 20);
    int32_t *v = ARENA_ARRAY(a, int32_t, n);
    size_t got = n;
    TRY(api->tokenize(engine->model, flags.text, len, 1, v, n, &got, e));
    *out = (struct assay_tokens){v, got < n ? got : n};
    return 0;
}

static int probe_capture(const struct engine *engine, const struct assay_tokens *tokens,
                         struct capture *c, struct assay_err *e)
{
    struct assay_probe_req req = {.size = sizeof req, .tokens = *tokens, .tensors = flags.tensors,
                                  .on_row = on_row, .user = c};
    return engine->plugin->api.probe(engine->model, &req, e);
}

/* -- printing ------------------------------------------------------------------------------------- */

static double log_sum_exp(const float *z, size_t n)
{
    double m = -INFINITY, s = 0;
    for (size_t i = 0; i < n; i++)
        m = z[i] > m ? z[i] : m;
    for (size_t i = 0; i < n; i++)
        s += exp(z[i] - m);
    return m + log(s);
}

static void print_token(const struct engine *engine, size_t token)
{
    char text[64];
    size_t n = 0;
    struct buf b;
    buf_init(&b, 0);
    const struct assay_backend *api = &engine->plugin->api;
    if (api->piece && api->piece(engine->model, (int32_t)token, text, sizeof text, &n, NULL) == 0)
        text_safe(&b, text, n < sizeof text ? n : sizeof text);
    printf("  %6zu  '%s'", token, b.v);
    buf_release(&b);
}

static void print_top(const struct engine *engine, const struct tensor *t)
{
    const float *z = t->v + t->n - t->row;
    double lse = log_sum_exp(z, t->row);
    printf("\nlikeliest next tokens\n");
    double last = INFINITY;
    size_t last_i = 0;
    for (int64_t k = 0; k < flags.top && (size_t)k < t->row; k++) {
        size_t best = t->row;
        for (size_t i = 0; i < t->row; i++) {
            bool after = z[i] < last || (z[i] == last && i > last_i);
            if (after && (best == t->row || z[i] > z[best]))
                best = i;
        }
        if (best == t->row)
            break;
        last = z[best];
        last_i = best;
        printf("  %6.2f %%", 100 * exp(z[best] - lse));
        print_token(engine, best);
        puts("");
    }
}

static void print_tensor(const struct tensor *t)
{
    double sum = 0, square = 0, peak = 0;
    for (size_t i = 0; i < t->n; i++) {
        sum += t->v[i];
        square += (double)t->v[i] * t->v[i];
        peak = fabs(t->v[i]) > peak ? fabs(t->v[i]) : peak;
    }
    double n = t->n ? (double)t->n : 1;
    printf("%-20s %6zu x %-6zu %12.5g %12.5g %12.5g\n", t->name, t->n_rows, t->row, sum / n,
           sqrt(square / n), peak);
}

/* SQNR = 10 log10(sum x^2 / sum (x - y)^2) dB, x from --against. */
static void print_difference(const struct tensor *x, const struct tensor *y)
{
    double signal = 0, noise = 0, peak = 0;
    for (size_t i = 0; i < x->n && i < y->n; i++) {
        double d = (double)x->v[i] - y->v[i];
        signal += (double)x->v[i] * x->v[i];
        noise += d * d;
        peak = fabs(d) > peak ? fabs(d) : peak;
    }
    if (noise > 0)
        printf("%-20s %10.2f dB %14.5g\n", x->name, 10 * log10(signal / noise), peak);
    else
        printf("%-20s %13s %14s\n", x->name, "equal", "0");
}

static double last_kl(const struct tensor *x, const struct tensor *y)
{
    const float *p = x->v + x->n - x->row, *q = y->v + y->n - y->row;
    double lp = log_sum_exp(p, x->row), lq = log_sum_exp(q, y->row), kl = 0;
    for (size_t i = 0; i < x->row; i++)
        kl += exp(p[i] - lp) * ((p[i] - lp) - (q[i] - lq));
    return kl;
}

static void print_against(const struct capture *x, struct capture *y)
{
    printf("\n%s against %s\n%-20s %13s %14s\n", flags.precision, flags.against, "tensor", "SQNR",
           "max |diff|");
    for (size_t i = 0; i < x->n; i++) {
        const struct tensor *t = capture_tensor(y, x->tensors[i].name);
        if (t->n != x->tensors[i].n)
            continue;
        print_difference(&x->tensors[i], t);
        if (strcmp(t->name, "logits") == 0)
            printf("\nKL divergence at the last position: %.6g nats\n", last_kl(&x->tensors[i], t));
    }
}

static int probe_against(struct capture *mine, struct arena *a, struct assay_err *e)
{
    struct engine engine;
    struct capture other = {.arena = a};
    struct assay_tokens tokens;
    TRY(probe_open(flags.against, a, &engine, e));
    int rc = probe_tokens(&engine, a, &tokens, e);
    if (rc == 0)
        rc = probe_capture(&engine, &tokens, &other, e);
    if (rc == 0)
        print_against(&other, mine);
    capture_release(&other);
    engine_close(&engine);
    return rc;
}

static void print_all(const struct engine *engine, const struct capture *c, size_t n_tokens)
{
    printf("%s, %s, %s kernels; %zu tokens\n\n", engine->info.arch, engine->info.precision,
           engine->info.kernel, n_tokens);
    printf("%-20s %6s   %-6s %12s %12s %12s\n", "tensor", "rows", "width", "mean", "rms", "max |x|");
    for (size_t i = 0; i < c->n; i++)
        print_tensor(&c->tensors[i]);
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->tensors[i].name, "logits") == 0)
            print_top(engine, &c->tensors[i]);
}

static int body(struct options *o, struct assay_err *e)
{
    if (!flags.model)
        return err_set(e, ASSAY_EUSAGE, "which model? give --model FILE");
    struct engine engine;
    struct capture c = {.arena = &o->arena};
    struct assay_tokens tokens;
    TRY(probe_open(flags.precision, &o->arena, &engine, e));
    int rc = probe_tokens(&engine, &o->arena, &tokens, e);
    if (rc == 0)
        rc = probe_capture(&engine, &tokens, &c, e);
    if (rc == 0)
        print_all(&engine, &c, tokens.n);
    engine_close(&engine);
    if (rc == 0 && flags.against)
        rc = probe_against(&c, &o->arena, e);
    capture_release(&c);
    return rc;
}

static int run_probe(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_probe = {
    .name = "probe",
    .summary = "look inside one forward pass, and where a precision departs from another",
    .arguments = "",
    .tables = {probe_fields},
    .examples = "probe --model m.gguf --text 'Once upon' # the likeliest next tokens\n"
                "probe --model m.gguf --precision int4 --against fp32 --tensors 'blk.*'\n",
    .main = run_probe,
};
