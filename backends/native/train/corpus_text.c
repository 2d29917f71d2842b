/* corpus_text.c - line by line; where a token lies follows from the lengths of pieces. */
#include "backends/native/train/corpus_text.h"
#include "backends/native/vocab.h"
#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_SPANS = 4096 };

struct line { /* one example on its way */
    const char *text;
    size_t n;
    const struct value *spans;
    size_t n_tokens;
    int32_t tokens[CORPUS_MAX_LEN];
    uint16_t ids[CORPUS_MAX_LEN];
    uint8_t classes[CORPUS_MAX_LEN];
};

static int span_at(const struct value *spans, size_t i, int64_t out[2])
{
    const struct value *s = spans->items[i];
    if (s->type != VALUE_LIST || s->n != 2 || s->items[0]->type != VALUE_INT ||
        s->items[1]->type != VALUE_INT)
        return -1;
    out[0] = s->items[0]->i;
    out[1] = s->items[1]->i;
    return 0;
}

static int check_spans(const struct line *l, const char *where, struct assay_err *e)
{
    int64_t before = 0, s[2];
    for (size_t i = 0; i < l->spans->n; i++) {
        if (span_at(l->spans, i, s) < 0 || s[0] < before || s[1] <= s[0] || s[1] > (int64_t)l->n)
            return err_set(e, ASSAY_EFORMAT,
                           "%s: answer %zu is not an ascending [start, end] within "
                           "the %zu bytes of the text",
                           where, i, l->n);
        before = s[1];
    }
    return 0;
}

static int classify(struct line *l, const struct vocab *v, const char *where, struct assay_err *e)
{
    size_t at = 0, span = 0;
    for (size_t i = 0; i < l->n_tokens; i++) {
        size_t len = 0;
        int64_t s[2] = {0};
        vocab_piece(v, l->tokens[i], &len);
        if (i == 0 && vocab_add_bos(v) && l->tokens[0] == vocab_bos(v))
            len = 0;
        while (span < l->spans->n && span_at(l->spans, span, s) == 0 && s[1] <= (int64_t)at)
            span++;
        const int inside = span < l->spans->n && len && s[0] < (int64_t)(at + len);
        l->classes[i] = inside ? CORPUS_ANSWER : CORPUS_PROMPT;
        l->ids[i] = (uint16_t)l->tokens[i];
        at += len;
    }
    if (at != l->n)
        return err_set(e, ASSAY_EFORMAT,
                       "%s: the tokens stand for %zu bytes, the text has %zu; a "
                       "tokenizer that changes text cannot place answers",
                       where, at, l->n);
    return 0;
}

static int read_line(const char *text, size_t n, const char *where, struct arena *a, struct line *l,
                     const char **task, struct assay_err *e)
{
    const struct value *v = NULL;
    TRY(json_parse(text, n, where, 1, a, &v, e));
    const struct value *t = value_get(v, "text"), *k = value_get(v, "task");
    l->spans = value_get(v, "answer");
    if (!t || t->type != VALUE_STR || !k || k->type != VALUE_STR || !l->spans ||
        l->spans->type != VALUE_LIST || l->spans->n > MAX_SPANS)
        return err_set(e, ASSAY_EFORMAT,
                       "%s: expected an object with \"task\", \"text\" and a list "
                       "\"answer\"",
                       where);
    *task = k->s;
    l->text = t->s;
    l->n = t->n;
    return check_spans(l, where, e);
}

static int add_line(struct corpus_text *c, struct line *l, const char *task, const char *where,
                    struct assay_err *e)
{
    struct corpus_example x = {l->ids, l->classes, 0, 0};
    int rc = vocab_encode(c->vocab, l->text, l->n, 1, l->tokens, CORPUS_MAX_LEN, &l->n_tokens, e);
    if (rc < 0)
        return err_prefix(e, rc, "%s", where);
    if (l->n_tokens > c->max_len || l->n_tokens > CORPUS_MAX_LEN) {
        c->n_long++;
        return 0;
    }
    TRY(classify(l, c->vocab, where, e));
    TRY(corpus_task(c->to, task, &x.task, e));
    x.n = (uint32_t)l->n_tokens;
    rc = corpus_add(c->to, &x, e);
    return rc < 0 ? err_prefix(e, rc, "%s", where) : 0;
}

int corpus_text_add(struct corpus_text *c, const char *path, struct assay_err *e)
{
    struct arena arena = {0};
    struct line *l = malloc(sizeof *l);
    char *text = NULL, where[512];
    size_t cap = 0, number = 0;
    ssize_t n;
    int rc = 0;
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (!f || !l) {
        rc = f ? err_set(e, ASSAY_ENOMEM, "no memory for a line")
               : err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
        goto out;
    }
    while (rc == 0 && (n = getline(&text, &cap, f)) > 0) {
        const char *task = NULL;
        snprintf(where, sizeof where, "%s:%zu", path, ++number);
        rc = read_line(text, (size_t)n, where, &arena, l, &task, e);
        if (rc == 0)
            rc = add_line(c, l, task, where, e);
        arena_reset(&arena);
    }
    if (rc == 0 && ferror(f))
        rc = err_errno(e, ASSAY_EIO, "cannot read '%s'", path);
out:
    if (f && f != stdin)
        fclose(f);
    free(text);
    free(l);
    arena_release(&arena);
    return rc;
}
