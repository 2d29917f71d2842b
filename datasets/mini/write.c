/* write.c - see write.h. */
#include "datasets/mini/write.h"

#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"

enum { TEXT_SHARE = 4, TRIES_EACH = 16, CALIBRATION = 96 };

static void add_str(struct buf *b, const char *s)
{
    json_write_str(b, s, strlen(s));
}

static void add_item(struct buf *b, const struct mini_doc *d)
{
    const struct mini_ask *q = &d->ask[0];
    buf_adds(b, "{\"context\": ");
    add_str(b, d->context);
    buf_adds(b, ", \"question\": ");
    add_str(b, q->prompt);
    buf_adds(b, ", \"choices\": [");
    for (int i = 0; i < q->n_choices; i++) {
        buf_adds(b, i ? ", " : "");
        add_str(b, q->choices[i]);
    }
    buf_printf(b, "], \"label\": %d, \"answer\": ", q->label);
    add_str(b, q->answer);
    buf_adds(b, ", \"kind\": ");
    add_str(b, d->kind);
    buf_adds(b, "}\n");
}

/* -- which questions there are already --------------------------------------------------------- */

struct seen {
    uint64_t *v; /* open addressing; 0: free */
    size_t mask;
};

static struct seen seen_new(struct arena *a, unsigned n)
{
    size_t size = 16;
    while (size < 2 * (size_t)n)
        size *= 2;
    return (struct seen){ARENA_ARRAY(a, uint64_t, size), size - 1};
}

/* False when it was there. */
static bool seen_add(struct seen *s, const struct mini_doc *d)
{
    uint8_t h[HASH_BYTES];
    uint64_t x;
    struct hash digest = {0};
    hash_init(&digest);
    hash_add_str(&digest, d->context, strlen(d->context));
    hash_add_str(&digest, d->ask[0].prompt, strlen(d->ask[0].prompt));
    hash_end(&digest, h);
    hash_release(&digest);
    memcpy(&x, h, sizeof x);
    x |= 1;
    size_t at = x & s->mask;
    for (; s->v[at]; at = (at + 1) & s->mask)
        if (s->v[at] == x)
            return false;
    s->v[at] = x;
    return true;
}

static int write_task(const struct mini_task *t, const char *dir, uint64_t seed, unsigned n,
                      struct assay_err *e)
{
    static struct mini_doc d; /* 20 KB: too much for a stack frame */
    struct arena a = {0};
    struct buf b;
    struct rng r = mini_rng(seed, t->name);
    struct seen seen = seen_new(&a, n);
    unsigned done = 0;
    int rc = 0, n_labels = 1;
    buf_init(&b, 0);
    for (unsigned tries = 0; done < n && tries < TRIES_EACH * n; tries++) {
        mini_draw(t, &r, MINI_TEST, tries ? (int)done % n_labels : -1, 1, &d);
        n_labels = d.ask[0].n_choices;
        if ((int)done % n_labels != d.ask[0].label || !seen_add(&seen, &d))
            continue;
        add_item(&b, &d);
        done++;
    }
    rc =
        done < n
            ? err_set(e, ASSAY_ELIMIT, "task '%s' has only %u different questions, %u are wanted",
                      t->name, done, n)
            : fs_write_atomic(fs_join(&a, dir, arena_printf(&a, "%s.jsonl", t->name)), b.v, b.n, e);
    buf_release(&b);
    arena_release(&a);
    return rc;
}

/* -- examples ---------------------------------------------------------------------------------- */

static const struct mini_task *draw_task(struct rng *r, const int *weights)
{
    int sum = 0, i = 0;
    for (i = 0; i < MINI_N_TASKS; i++)
        sum += weights[i];
    int x = (int)mini_pick(r, (unsigned)sum);
    for (i = 0; x >= weights[i]; i++)
        x -= weights[i];
    return &mini_tasks[i];
}

/* Labels are balanced where a fixed few words are the answers; elsewhere draws are even already. */
static int wanted_label(const struct mini_doc *d, struct rng *r)
{
    return (int)mini_pick(r, (unsigned)d->ask[0].n_choices);
}

static void draw_example(const struct mini_task *t, struct rng *r, const struct write_options *o,
                         struct buf *text, struct buf *answers)
{
    static struct mini_doc d;
    int pack = o->side == MINI_TEST ? 1 : t->pack, n_asks = o->side == MINI_TEST ? 1 : t->n_asks;
    d.prose = o->prose;
    for (int i = 0; i < pack; i++) {
        mini_draw(t, r, o->side, -1, n_asks, &d);
        if (d.ask[0].n_choices <= 3)
            mini_draw(t, r, o->side, wanted_label(&d, r), n_asks, &d);
        mini_text(&d, text, answers);
    }
}

static int write_corpus(const char *dir, uint64_t seed, unsigned n, struct assay_err *e)
{
    static struct mini_doc d;
    int weights[MINI_N_TASKS];
    struct rng r = mini_rng(seed, "text");
    struct arena a = {0};
    struct buf b, text;
    buf_init(&b, 0);
    buf_init(&text, 0);
    for (int i = 0; i < MINI_N_TASKS; i++)
        weights[i] = mini_tasks[i].weight;
    for (unsigned i = 0; i < n; i++) {
        const struct mini_task *t = draw_task(&r, weights);
        mini_draw(t, &r, MINI_TEST, -1, t->n_asks, &d);
        buf_clear(&text);
        mini_text(&d, &text, NULL);
        buf_adds(&b, "{\"text\": ");
        json_write_str(&b, text.v, text.n);
        buf_adds(&b, "}\n");
    }
    int rc = fs_write_atomic(fs_join(&a, dir, "text.jsonl"), b.v, b.n, e);
    buf_release(&text);
    buf_release(&b);
    arena_release(&a);
    return rc;
}

int write_examples(FILE *out, const struct write_options *o, struct assay_err *e)
{
    struct rng r = mini_rng(o->seed, o->side == MINI_TEST ? "test examples" : "train examples");
    struct buf text, answers, line;
    buf_init(&text, 0);
    buf_init(&answers, 0);
    buf_init(&line, 0);
    bool fine = true;
    for (uint64_t i = 0; i < o->examples && fine; i++) {
        const struct mini_task *t = draw_task(&r, o->weights);
        buf_clear(&text);
        buf_clear(&answers);
        buf_clear(&line);
        draw_example(t, &r, o, &text, &answers);
        if (o->form == WRITE_TEXT) {
            buf_printf(&line, "%s\n", text.v);
        } else {
            buf_printf(&line, "{\"task\": \"%s\", \"text\": ", t->name);
            json_write_str(&line, text.v, text.n);
            buf_printf(&line, ", \"answer\": [%s]}\n", answers.v);
        }
        fine = fwrite(line.v, 1, line.n, out) == line.n;
    }
    fine = fine && fflush(out) == 0;
    buf_release(&line);
    buf_release(&answers);
    buf_release(&text);
    return fine ? 0 : err_errno(e, ASSAY_EIO, "cannot write");
}

/* Lines of the training side for what calibrates a quantization: never what it is tested with. */
static int write_calibration(const char *dir, uint64_t seed, struct assay_err *e)
{
    struct write_options o = {.seed = seed, .examples = CALIBRATION, .form = WRITE_TEXT};
    struct arena a = {0};
    char *text = NULL;
    size_t n = 0;
    for (int i = 0; i < MINI_N_TASKS; i++)
        o.weights[i] = mini_tasks[i].weight;
    FILE *f = open_memstream(&text, &n);
    int rc = f ? write_examples(f, &o, e) : err_set(e, ASSAY_ENOMEM, "no memory for a text");
    if (f && fclose(f) != 0 && rc == 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write");
    if (rc == 0)
        rc = fs_write_atomic(fs_join(&a, dir, "calibration.txt"), text, n, e);
    free(text);
    arena_release(&a);
    return rc;
}

int write_test(const char *dir, uint64_t seed, unsigned n, struct assay_err *e)
{
    TRY(fs_mkdirs(dir, e));
    for (int i = 0; i < MINI_N_TASKS; i++) {
        const struct mini_task *t = &mini_tasks[i];
        bool fewer = t->max_test && n > (unsigned)t->max_test;
        TRY(write_task(t, dir, seed, fewer ? (unsigned)t->max_test : n, e));
    }
    TRY(write_corpus(dir, seed, n / TEXT_SHARE, e));
    return write_calibration(dir, seed, e);
}
