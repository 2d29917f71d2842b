/* port_squad.c - aggregations of SQuAD 2.0: what its script makes of all answers at once.
 *
 * A score is ({id, prediction_text, no_answer_probability}, {id, answers}).  As in the script, answers are
 * kept by id (the last of one id counts, at the place of the first) and probabilities are single precision. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/port_aggregate.h"
#include "tasks/port_words.h"
#include "tasks/regex.h"

struct part { /* of a sum in Python, where an int is added without compensation */
    double x;
    bool is_int;
};
struct answer {
    size_t at; /* of the first of its id */
    const struct value *text, *golds;
    float no_answer;
    bool has_answer;
    struct part score[2]; /* exact, F1 */
};
struct squad {
    const struct port_scores *scores;
    struct regex *articles;
    struct answer *v;
    size_t n;
};
enum which { EXACT, F1 };
enum among { ALL, HAS_ANSWER, NO_ANSWER };

/* -- reading ----------------------------------------------------------------------------------- */

static int bad(const struct port_scores *s, size_t i)
{
    return err_set(s->e, ASSAY_EFORMAT,
                   "score %zu: is no pair of a prediction and its answers, as SQuAD 2.0 has them", i + 1);
}

static const struct value *id_of(const struct port_scores *s, size_t i)
{
    return value_get(s->v[i]->items[0], "id");
}

static int check(const struct port_scores *s, size_t i)
{
    const struct value *v = s->v[i];
    bool is_pair = (v->type == VALUE_LIST || v->type == VALUE_TUPLE) && v->n == 2;
    const struct value *id = is_pair ? value_get(v->items[0], "id") : NULL;
    const struct value *text = is_pair ? value_get(v->items[0], "prediction_text") : NULL;
    const struct value *p = is_pair ? value_get(v->items[0], "no_answer_probability") : NULL;
    const struct value *golds = is_pair ? value_get(value_get(v->items[1], "answers"), "text") : NULL;
    if (!id || id->type != VALUE_STR || !text || text->type != VALUE_STR || !p || p->type != VALUE_FLOAT ||
        !golds || golds->type != VALUE_LIST)
        return bad(s, i);
    for (uint32_t k = 0; k < golds->n; k++)
        if (golds->items[k]->type != VALUE_STR)
            return bad(s, i);
    return 0;
}

struct named {
    const struct value *id;
    size_t i;
};

static int by_id(const void *x, const void *y)
{
    const struct named *a = x, *b = y;
    int c = strcmp(a->id->s, b->id->s);
    return c ? c : (a->i > b->i) - (a->i < b->i);
}

static int by_place(const void *x, const void *y)
{
    const struct answer *a = x, *b = y;
    return (a->at > b->at) - (a->at < b->at);
}

static int read_answers(struct squad *q)
{
    const struct port_scores *s = q->scores;
    struct named *all = ARENA_ARRAY(s->a, struct named, s->n);
    q->v = ARENA_ARRAY(s->a, struct answer, s->n);
    for (size_t i = 0; i < s->n; i++) {
        TRY(check(s, i));
        all[i] = (struct named){id_of(s, i), i};
    }
    qsort(all, s->n, sizeof *all, by_id);
    for (size_t from = 0, to; from < s->n; from = to) {
        for (to = from + 1; to < s->n && strcmp(all[to].id->s, all[from].id->s) == 0;)
            to++;
        const struct value *v = s->v[all[to - 1].i], *said = v->items[0];
        const struct value *golds = value_get(value_get(v->items[1], "answers"), "text");
        q->v[q->n++] = (struct answer){.at = all[from].i,
                                       .text = value_get(said, "prediction_text"),
                                       .golds = golds,
                                       .no_answer = (float)value_get(said, "no_answer_probability")->f,
                                       .has_answer = golds->n > 0};
    }
    qsort(q->v, q->n, sizeof *q->v, by_place);
    return 0;
}

/* -- one answer -------------------------------------------------------------------------------- */

/* F1 of a gold answer's words; the prediction's own are counted off. */
static struct part f1(const struct words *gold, struct words said)
{
    if (gold->n == 0 || said.n == 0)
        return (struct part){gold->n == said.n, true};
    size_t n = words_shared(gold, &said);
    double precision = (double)n / (double)said.n, recall = (double)n / (double)gold->n;
    return n ? (struct part){2 * precision * recall / (precision + recall), false} : (struct part){0, true};
}

static struct words copy_words(struct arena *a, const struct words *w)
{
    struct words x = {ARENA_ARRAY(a, struct pystr, w->n + 1), w->n};
    if (w->n)
        memcpy(x.v, w->v, w->n * sizeof *x.v);
    return x;
}

/* The best over the gold answers; those without a word do not count, and without any there is one: "". */
static int score_answer(const struct squad *q, struct answer *x)
{
    struct arena *a = q->scores->a;
    struct words said, gold = {0};
    size_t n = 0;
    TRY(words_of(a, q->articles, pystr(x->text->s, x->text->n), &said, q->scores->e));
    for (uint32_t k = 0; k <= x->golds->n; k++) {
        bool is_last = k == x->golds->n;
        if (is_last && n)
            break;
        if (!is_last)
            TRY(words_of(a, q->articles, pystr(x->golds->items[k]->s, x->golds->items[k]->n), &gold,
                         q->scores->e));
        else
            gold = (struct words){0};
        if (!is_last && !gold.n)
            continue;
        struct part s[2] = {{words_equal(&gold, &said), true}, f1(&gold, copy_words(a, &said))};
        for (int w = 0; w < 2; w++)
            if (n == 0 || s[w].x > x->score[w].x)
                x->score[w] = s[w];
        n++;
    }
    return 0;
}

static int score_answers(struct squad *q)
{
    TRY(read_answers(q));
    TRY(words_articles(&q->articles, q->scores->e));
    int rc = 0;
    for (size_t i = 0; i < q->n && rc == 0; i++)
        rc = score_answer(q, &q->v[i]);
    regex_free(q->articles);
    return rc;
}

/* -- all --------------------------------------------------------------------------------------- */

/* Python's sum(): whole numbers exactly, then floats with compensation, whole numbers among them without. */
static double sum_parts(const struct part *p, size_t n, bool naive)
{
    double f = 0, c = 0;
    size_t i = 0;
    for (; i < n && p[i].is_int; i++)
        f += p[i].x;
    if (i < n)
        f += p[i++].x;
    for (; i < n; i++) {
        double x = p[i].x, t = f + x;
        if (!p[i].is_int && !naive)
            c += fabs(f) >= fabs(x) ? (f - t) + x : (x - t) + f;
        f = t;
    }
    return c != 0 && isfinite(c) ? f + c : f;
}

/* Above the threshold, which is 1, the answer is taken for "there is none". */
static struct part with_threshold(const struct answer *x, enum which w)
{
    return x->no_answer > 1.0F ? (struct part){!x->has_answer, false} : x->score[w];
}

static int percent(const struct port_scores *s, enum which w, enum among among, double *out)
{
    struct squad q = {.scores = s};
    TRY(score_answers(&q));
    struct part *p = ARENA_ARRAY(s->a, struct part, q.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < q.n; i++)
        if (among == ALL || q.v[i].has_answer == (among == HAS_ANSWER))
            p[n++] = with_threshold(&q.v[i], w);
    *out = n ? 100.0 * sum_parts(p, n, s->naive_sum) / (double)n : 0;
    return 0;
}

static int by_no_answer(const void *x, const void *y)
{
    const struct answer *a = x, *b = y;
    return a->no_answer != b->no_answer ? (a->no_answer > b->no_answer) - (a->no_answer < b->no_answer)
                                        : by_place(x, y);
}

/* The best score over all thresholds of no_answer_probability. */
static int best(const struct port_scores *s, enum which w, double *out)
{
    struct squad q = {.scores = s};
    double now = 0, most;
    TRY(score_answers(&q));
    for (size_t i = 0; i < q.n; i++)
        now += !q.v[i].has_answer;
    most = now;
    qsort(q.v, q.n, sizeof *q.v, by_no_answer);
    for (size_t i = 0; i < q.n; i++) {
        const struct answer *x = &q.v[i];
        now += x->has_answer ? x->score[w].x : x->text->n ? -1 : 0;
        most = now > most ? now : most;
    }
    *out = 100.0 * most / (double)q.n;
    return 0;
}

int squad2_exact(const struct port_scores *s, double *out)
{
    return percent(s, EXACT, ALL, out);
}

int squad2_f1(const struct port_scores *s, double *out)
{
    return percent(s, F1, ALL, out);
}

int squad2_has_exact(const struct port_scores *s, double *out)
{
    return percent(s, EXACT, HAS_ANSWER, out);
}

int squad2_has_f1(const struct port_scores *s, double *out)
{
    return percent(s, F1, HAS_ANSWER, out);
}

int squad2_no_exact(const struct port_scores *s, double *out)
{
    return percent(s, EXACT, NO_ANSWER, out);
}

int squad2_no_f1(const struct port_scores *s, double *out)
{
    return percent(s, F1, NO_ANSWER, out);
}

int squad2_best_exact(const struct port_scores *s, double *out)
{
    return best(s, EXACT, out);
}

int squad2_best_f1(const struct port_scores *s, double *out)
{
    return best(s, F1, out);
}
