/* notice.c - counts of the store as sentences.
 *
 * What a task is (its examples, targets, choices) is the same for every variant and is said once;
 * what variants did is said of each. */
#include "reports/notice.h"

#include <inttypes.h>
#include <string.h>
#include "harness/base/arena.h"
#include "reports/fmt.h"

enum { NAMED = 4 };
struct kind {
    const char *word, *text;
    bool of_task;
};
/* In the order in which they are said: the gravest first. */
static const struct kind kinds[] = {
    {"own_answer", "the document is among its own examples (--strict-fewshot leaves it out)", true},
    {"gold", "the target is none of the choices", true},
    {"equal", "two choices are the same text", true},
    {"cut", "a prompt lost its beginning to the context", false},
    {"limit", "an answer hit the token limit", false},
    {"no_answer", "no answer was found", false},
    {"tied", "two choices share the best likelihood; the first counts", false},
};
enum { N_KINDS = sizeof kinds / sizeof *kinds };

struct topic { /* a kind, with its detail */
    const struct kind *kind;
    const char *detail;
};
struct sum {
    int64_t n, n_of, most, n_tasks;
    const char *where; /* the task with the most */
};

const char *notice_text(const struct view_notice *x, struct arena *a)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (strcmp(kinds[i].word, x->kind) == 0)
            return *x->detail ? arena_printf(a, "%s by filter '%s'", kinds[i].text, x->detail)
                              : kinds[i].text;
    return x->kind;
}

static const struct view_notice *find(const struct view_job *j, const struct topic *t)
{
    for (size_t i = 0; i < j->n_notices; i++)
        if (strcmp(j->notices[i].kind, t->kind->word) == 0 && strcmp(j->notices[i].detail, t->detail) == 0)
            return &j->notices[i];
    return NULL;
}

static void add(struct sum *s, const char *task, int64_t n, int64_t n_of)
{
    s->n += n;
    s->n_of += n_of;
    s->n_tasks += n > 0;
    if (n > s->most) {
        s->most = n;
        s->where = task;
    }
}

static struct sum of_variant(const struct view_variant *v, const struct topic *t)
{
    struct sum s = {0};
    for (size_t i = 0; i < v->n_jobs; i++) {
        const struct view_notice *x = find(&v->jobs[i], t);
        if (x)
            add(&s, v->jobs[i].name, x->n, x->n_of);
    }
    return s;
}

/* Each task once: the variant that saw most of it speaks for it. */
static struct sum of_tasks(const struct view_variant *const *v, size_t n, const struct topic *t)
{
    struct sum s = {0};
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v[i]->n_jobs; k++) {
            const struct view_job *j = &v[i]->jobs[k];
            const struct view_notice *best = find(j, t);
            bool is_first = best != NULL;
            for (size_t o = 0; o < n && best; o++)
                for (size_t m = 0; m < v[o]->n_jobs; m++) {
                    const struct view_notice *x =
                        strcmp(v[o]->jobs[m].name, j->name) == 0 ? find(&v[o]->jobs[m], t) : NULL;
                    is_first = is_first && !(x && o < i);
                    if (x && x->n_of > best->n_of)
                        best = x;
                }
            if (is_first)
                add(&s, j->name, best->n, best->n_of);
        }
    return s;
}

static const char *place(const struct sum *s, struct arena *a)
{
    return s->n_tasks > 1 ? arena_printf(a, "; %" PRId64 " tasks, most in %s", s->n_tasks, s->where)
                          : arena_printf(a, "; in %s", s->where);
}

static const char *count(const struct sum *s, struct arena *a)
{
    return arena_printf(a, "%s of %s", fmt_count(s->n).s, fmt_count(s->n_of).s);
}

/* NULL: it does not occur. */
static const char *line_of(const struct view_variant *const *v, size_t n, const struct topic *t,
                           struct arena *a)
{
    struct view_notice words = {t->kind->word, t->detail, 0, 0};
    const char *text = notice_text(&words, a), *list = "";
    if (t->kind->of_task) {
        struct sum s = of_tasks(v, n, t);
        return s.n ? arena_printf(a, "%s: %s items%s", text, count(&s, a), place(&s, a)) : NULL;
    }
    struct sum most = {0};
    size_t n_named = 0, n_more = 0;
    for (size_t i = 0; i < n; i++) {
        struct sum s = of_variant(v[i], t);
        if (!s.n)
            continue;
        if (s.n > most.n)
            most = s;
        if (n_named < NAMED)
            list = arena_printf(a, "%s%s%s %s", list, n_named++ ? ", " : "", v[i]->label, count(&s, a));
        else
            n_more++;
    }
    if (!n_named)
        return NULL;
    const char *more = n_more ? arena_printf(a, " and %zu more variants", n_more) : "";
    return arena_printf(a, "%s: %s%s items%s", text, list, more, place(&most, a));
}

static bool is_known(const struct topic *all, size_t n, const char *detail, const struct kind *kind)
{
    for (size_t i = 0; i < n; i++)
        if (all[i].kind == kind && strcmp(all[i].detail, detail) == 0)
            return true;
    return false;
}

enum { TOPICS = 64 };

static size_t topics_of(const struct view_variant *const *v, size_t n, const struct kind *kind,
                        struct topic *out)
{
    size_t n_out = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < v[i]->n_jobs; k++)
            for (size_t m = 0; m < v[i]->jobs[k].n_notices; m++) {
                const struct view_notice *x = &v[i]->jobs[k].notices[m];
                if (x->n > 0 && n_out < TOPICS && strcmp(x->kind, kind->word) == 0 &&
                    !is_known(out, n_out, x->detail, kind))
                    out[n_out++] = (struct topic){kind, x->detail};
            }
    return n_out;
}

const char *notice_memory(const struct view_variant *const *v, size_t n, struct arena *a)
{
    const char *list = "";
    size_t n_named = 0, n_more = 0;
    for (size_t i = 0; i < n; i++) {
        if (!v[i]->asked_less)
            continue;
        if (n_named < NAMED)
            list = arena_printf(a, "%s%s%s", list, n_named++ ? ", " : "", v[i]->label);
        else
            n_more++;
    }
    const char *more = n_more ? arena_printf(a, " and %zu more", n_more) : "";
    return n_named ? arena_printf(a,
                                  "memory is unknown where less was asked than the suite holds "
                                  "(`assay bench` measures it): %s%s",
                                  list, more)
                   : NULL;
}

const char *const *notice_lines(const struct view_variant *const *v, size_t n, struct arena *a,
                                size_t *n_lines)
{
    struct topic topics[TOPICS];
    const char **lines = ARENA_ARRAY(a, const char *, N_KINDS * TOPICS + 1);
    *n_lines = 0;
    for (size_t k = 0; k < N_KINDS; k++) {
        size_t n_topics = topics_of(v, n, &kinds[k], topics);
        for (size_t i = 0; i < n_topics; i++) {
            const char *line = line_of(v, n, &topics[i], a);
            if (line)
                lines[(*n_lines)++] = line;
        }
    }
    const char *memory = notice_memory(v, n, a);
    if (memory)
        lines[(*n_lines)++] = memory;
    return lines;
}
