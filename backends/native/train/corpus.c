/* corpus.c - reading and writing files of tokenized examples.
 *
 * A file is hostile until every count was held against its size and every token, class, length and
 * task against its limit; then the lengths are turned into pointers once. */
#include "backends/native/train/corpus.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HEADER = 32, ENTRY = 4 };
static const char magic[8] = {'A', 'S', 'Y', 'C', 'O', 'R', 'P', '1'};
#define MAX_BYTES ((size_t)1 << 36)

static uint64_t get_le(const unsigned char *p, unsigned n)
{
    uint64_t x = 0;
    for (unsigned i = 0; i < n; i++)
        x |= (uint64_t)p[i] << 8 * i;
    return x;
}

/* -- reading ----------------------------------------------------------------------------------- */

static int read_header(struct corpus *c, const char *path, struct assay_err *e)
{
    const unsigned char *p = c->map.v;
    if (c->map.n < HEADER || memcmp(p, magic, sizeof magic) != 0)
        return err_set(e, ASSAY_EFORMAT,
                       "%s: not a corpus of tokens, expected one that starts with "
                       "'%.8s'",
                       path, magic);
    c->n_vocab = (uint32_t)get_le(p + 8, 4);
    c->n_tasks = (uint32_t)get_le(p + 12, 4);
    c->n_examples = get_le(p + 16, 8);
    c->n_tokens = get_le(p + 24, 8);
    if (!c->n_vocab || c->n_vocab > CORPUS_MAX_VOCAB)
        return err_set(e, ASSAY_EFORMAT, "%s: a vocabulary of %u, expected 1 to %d", path,
                       c->n_vocab, CORPUS_MAX_VOCAB);
    if (!c->n_tasks || c->n_tasks > CORPUS_MAX_TASKS)
        return err_set(e, ASSAY_EFORMAT, "%s: %u tasks, expected 1 to %d", path, c->n_tasks,
                       CORPUS_MAX_TASKS);
    size_t left = c->map.n - HEADER, names = (size_t)c->n_tasks * CORPUS_NAME;
    bool fits = names <= left;
    left -= fits ? names : 0;
    fits = fits && c->n_examples && c->n_examples <= left / ENTRY;
    left -= fits ? (size_t)c->n_examples * ENTRY : 0;
    if (!fits || c->n_tokens > left / 3 || (size_t)c->n_tokens * 3 != left)
        return err_set(
            e, ASSAY_EFORMAT,
            "%s: %zu bytes do not hold %u tasks, %llu examples and %llu tokens; the file "
            "is cut or damaged",
            path, c->map.n, c->n_tasks, (unsigned long long)c->n_examples,
            (unsigned long long)c->n_tokens);
    return 0;
}

static int read_tasks(struct corpus *c, const char *path, struct assay_err *e)
{
    memcpy(c->tasks, c->map.v + HEADER, (size_t)c->n_tasks * CORPUS_NAME);
    for (uint32_t i = 0; i < c->n_tasks; i++)
        if (!c->tasks[i][0] || c->tasks[i][CORPUS_NAME - 1])
            return err_set(e, ASSAY_EFORMAT, "%s: the name of task %u is empty or not terminated",
                           path, i);
    return 0;
}

static int read_examples(struct corpus *c, const char *path, struct assay_err *e)
{
    const unsigned char *entry = c->map.v + HEADER + (size_t)c->n_tasks * CORPUS_NAME;
    const unsigned char *classes = c->map.v + c->map.n - c->n_tokens;
    uint64_t at = 0;
    for (uint64_t i = 0; i < c->n_examples; i++, entry += ENTRY) {
        struct corpus_example *x = &c->examples[i];
        x->n = (uint32_t)get_le(entry, 2);
        x->task = (uint32_t)get_le(entry + 2, 2);
        if (x->n < 2 || x->n > c->n_tokens - at || x->task >= c->n_tasks)
            return err_set(e, ASSAY_EFORMAT,
                           "%s: example %llu has %u tokens and task %u, expected 2 to %llu tokens "
                           "and a task below %u",
                           path, (unsigned long long)i, x->n, x->task,
                           (unsigned long long)(c->n_tokens - at), c->n_tasks);
        x->tokens = c->tokens + at;
        x->classes = classes + at;
        at += x->n;
        c->max_len = x->n > c->max_len ? x->n : c->max_len;
    }
    if (at != c->n_tokens)
        return err_set(e, ASSAY_EFORMAT, "%s: the examples hold %llu of %llu tokens", path,
                       (unsigned long long)at, (unsigned long long)c->n_tokens);
    return 0;
}

static int read_tokens(struct corpus *c, const char *path, struct assay_err *e)
{
    const unsigned char *classes = c->map.v + c->map.n - c->n_tokens;
    const unsigned char *p = classes - 2 * c->n_tokens;
    for (uint64_t i = 0; i < c->n_tokens; i++) {
        c->tokens[i] = (uint16_t)get_le(p + 2 * i, 2);
        if (c->tokens[i] >= c->n_vocab || classes[i] >= CORPUS_N_CLASSES)
            return err_set(e, ASSAY_EFORMAT,
                           "%s: token %llu is %u of class %u, expected one below %u of a class "
                           "below %d",
                           path, (unsigned long long)i, c->tokens[i], classes[i], c->n_vocab,
                           CORPUS_N_CLASSES);
    }
    return 0;
}

int corpus_open(const char *path, struct corpus *c, struct assay_err *e)
{
    memset(c, 0, sizeof *c);
    TRY(fs_map(path, &c->map, e));
    int rc = read_header(c, path, e);
    if (rc < 0)
        goto out;
    c->tasks = calloc(c->n_tasks, sizeof *c->tasks);
    c->examples = calloc((size_t)c->n_examples, sizeof *c->examples);
    c->tokens = malloc((size_t)c->n_tokens * sizeof *c->tokens + 1);
    if (!c->tasks || !c->examples || !c->tokens) {
        rc = err_set(e, ASSAY_ENOMEM, "%s: no memory for %llu examples", path,
                     (unsigned long long)c->n_examples);
        goto out;
    }
    rc = read_tasks(c, path, e);
    if (rc == 0)
        rc = read_tokens(c, path, e);
    if (rc == 0)
        rc = read_examples(c, path, e);
out:
    if (rc < 0)
        corpus_close(c);
    return rc;
}

void corpus_close(struct corpus *c)
{
    if (!c)
        return;
    free(c->tasks);
    free(c->examples);
    free(c->tokens);
    fs_unmap(&c->map);
    memset(c, 0, sizeof *c);
}

/* -- writing ----------------------------------------------------------------------------------- */

struct corpus_builder {
    uint32_t n_vocab, n_tasks;
    uint64_t n_examples, n_tokens;
    char tasks[CORPUS_MAX_TASKS][CORPUS_NAME];
    struct buf entries, tokens, classes;
};

struct corpus_builder *corpus_builder_new(uint32_t n_vocab)
{
    struct corpus_builder *b = calloc(1, sizeof *b);
    if (!b)
        return NULL;
    b->n_vocab = n_vocab;
    buf_init(&b->entries, MAX_BYTES);
    buf_init(&b->tokens, MAX_BYTES);
    buf_init(&b->classes, MAX_BYTES);
    return b;
}

void corpus_builder_free(struct corpus_builder *b)
{
    if (!b)
        return;
    buf_release(&b->entries);
    buf_release(&b->tokens);
    buf_release(&b->classes);
    free(b);
}

int corpus_task(struct corpus_builder *b, const char *name, uint32_t *task, struct assay_err *e)
{
    for (uint32_t i = 0; i < b->n_tasks; i++)
        if (strcmp(b->tasks[i], name) == 0) {
            *task = i;
            return 0;
        }
    if (!*name || strlen(name) >= CORPUS_NAME)
        return err_set(e, ASSAY_EUSAGE, "the task name '%s' is empty or longer than %d bytes", name,
                       CORPUS_NAME - 1);
    if (b->n_tasks == CORPUS_MAX_TASKS)
        return err_set(e, ASSAY_EUSAGE, "task '%s' is one too many, at most %d", name,
                       CORPUS_MAX_TASKS);
    memcpy(b->tasks[b->n_tasks], name, strlen(name));
    *task = b->n_tasks++;
    return 0;
}

static void add_le(struct buf *b, uint64_t x, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        buf_addc(b, (char)(x >> 8 * i & 255));
}

int corpus_add(struct corpus_builder *b, const struct corpus_example *x, struct assay_err *e)
{
    if (x->n < 2 || x->n > CORPUS_MAX_LEN || x->task >= b->n_tasks)
        return err_set(e, ASSAY_EUSAGE,
                       "an example of %u tokens of task %u, expected 2 to %d tokens and one of %u "
                       "tasks",
                       x->n, x->task, CORPUS_MAX_LEN, b->n_tasks);
    for (uint32_t i = 0; i < x->n; i++)
        if (x->tokens[i] >= b->n_vocab || x->classes[i] >= CORPUS_N_CLASSES)
            return err_set(e, ASSAY_EUSAGE,
                           "token %u of class %u, expected one below %u of a "
                           "class below %d",
                           x->tokens[i], x->classes[i], b->n_vocab, CORPUS_N_CLASSES);
    add_le(&b->entries, x->n, 2);
    add_le(&b->entries, x->task, 2);
    for (uint32_t i = 0; i < x->n; i++)
        add_le(&b->tokens, x->tokens[i], 2);
    buf_add(&b->classes, x->classes, x->n);
    if (b->entries.failed || b->tokens.failed || b->classes.failed)
        return err_set(e, ASSAY_ENOMEM, "the corpus is too large to be built in memory");
    b->n_examples++;
    b->n_tokens += x->n;
    return 0;
}

uint64_t corpus_examples(const struct corpus_builder *b)
{
    return b->n_examples;
}

uint64_t corpus_tokens(const struct corpus_builder *b)
{
    return b->n_tokens;
}

int corpus_write(const struct corpus_builder *b, const char *path, struct assay_err *e)
{
    struct buf out;
    buf_init(&out, MAX_BYTES);
    buf_add(&out, magic, sizeof magic);
    add_le(&out, b->n_vocab, 4);
    add_le(&out, b->n_tasks, 4);
    add_le(&out, b->n_examples, 8);
    add_le(&out, b->n_tokens, 8);
    buf_add(&out, b->tasks, (size_t)b->n_tasks * CORPUS_NAME);
    buf_add(&out, b->entries.v, b->entries.n);
    buf_add(&out, b->tokens.v, b->tokens.n);
    buf_add(&out, b->classes.v, b->classes.n);
    int rc = out.failed ? err_set(e, ASSAY_ENOMEM, "the corpus is too large to be written at once")
                        : fs_write_atomic(path, out.v, out.n, e);
    buf_release(&out);
    return rc;
}
