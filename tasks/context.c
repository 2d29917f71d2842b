/* context.c - the prompt: description, worked examples, the question.
 *
 * A prompt is a list of pieces that are joined once; a prompt of one piece is the row's own text.
 * An example's text depends on its row alone: each is made once and kept, up to CONTEXT_KEPT bytes.
 * Not here: chat templates. */
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/text.h"
#include "tasks/task_impl.h"

enum { CONTEXT_KEPT = 32 << 20 };

struct turn { /* one question with or without its answer */
    struct pystr question, answer, prefix;
    struct pystr target_delimiter, delimiter;
    bool has_answer;
};
enum { TURN_PIECES = 6 };

/* -- text -------------------------------------------------------------------------------------- */

static bool starts_space(struct pystr s)
{
    uint32_t cp;
    if (s.n == 0 || !text_decode(s.s, s.n, &cp))
        return false;
    return pytext_is_space(cp);
}

static bool ends_space(struct pystr s)
{
    if (s.n == 0)
        return false;
    size_t at = s.n - 1;
    while (at > 0 && s.n - at < 4 && (s.s[at] & 0xC0) == 0x80)
        at--;
    uint32_t cp;
    return text_decode(s.s + at, s.n - at, &cp) && pytext_is_space(cp);
}

static struct pystr join(const struct pystr *pieces, size_t n, struct arena *a)
{
    size_t total = 0, filled = 0, last = 0;
    for (size_t i = 0; i < n; i++)
        if (pieces[i].n) {
            total += pieces[i].n;
            last = i;
            filled++;
        }
    if (filled <= 1)
        return filled ? pieces[last] : PYSTR("");
    char *text = arena_alloc(a, total + 1), *p = text;
    for (size_t i = 0; i < n; i++)
        if (pieces[i].n) {
            memcpy(p, pieces[i].s, pieces[i].n);
            p += pieces[i].n;
        }
    *p = 0;
    return pystr(text, total);
}

static size_t turn_pieces(const struct turn *t, struct pystr out[TURN_PIECES])
{
    size_t n = 0;
    bool has_prefix = t->prefix.n > 0;
    bool apart = t->question.n && !ends_space(t->question) && !starts_space(t->prefix);
    out[n++] = t->question;
    if (has_prefix ? apart : t->has_answer)
        out[n++] = t->target_delimiter;
    if (has_prefix)
        out[n++] = t->prefix;
    if (!t->has_answer)
        return n;
    if (has_prefix && !ends_space(t->prefix) && !starts_space(t->answer))
        out[n++] = PYSTR(" ");
    out[n++] = t->answer;
    out[n++] = t->delimiter;
    return n;
}

/* -- examples ---------------------------------------------------------------------------------- */

static const struct value *list_at(const struct value *list, int64_t i)
{
    if (i < 0)
        i += list->n;
    return i >= 0 && i < list->n ? list->items[i] : NULL;
}

static bool is_int(const struct value *v)
{
    return v->type == VALUE_INT || v->type == VALUE_BOOL;
}

static int64_t int_of(const struct value *v)
{
    return v->type == VALUE_BOOL ? v->b : v->i;
}

static int shot_question(struct task_impl *m, const struct task_row *row,
                         const struct value **choices, struct pystr *out)
{
    const struct value *q;
    TRY(task_field_get(&m->shot_text, row, &q));
    if (m->multiple_input) {
        if (!is_int(q) || !*choices || !list_at(*choices, int_of(q)))
            return task_field_error(&m->shot_text, row, "yields no index into the choices");
        q = list_at(*choices, int_of(q));
        *choices = NULL;
    }
    if (q->type != VALUE_STR)
        return task_field_error(&m->shot_text, row, "yields %s as the question, expected text",
                                value_type_name(q));
    *out = pystr(q->s, q->n);
    return 0;
}

static int shot_answer(struct task_impl *m, const struct task_row *row, const struct value *choices,
                       struct turn *t)
{
    const struct value *v;
    TRY(task_field_get(&m->shot_target, row, &v));
    t->has_answer = v->type != VALUE_NULL && !(v->type == VALUE_STR && v->n == 0);
    if (!t->has_answer)
        return 0;
    if (choices && choices->n && is_int(v))
        v = list_at(choices, int_of(v));
    else if (v->type == VALUE_LIST)
        v = list_at(v, 0);
    if (!v)
        return task_field_error(&m->shot_target, row, "is out of range");
    if (v->type != VALUE_STR)
        return task_field_error(&m->shot_target, row,
                                "yields %s as the answer of an example, "
                                "expected text%s",
                                value_type_name(v),
                                is_int(v) ? " (or a task with doc_to_choice)" : "");
    t->answer = pystr(v->s, v->n);
    return 0;
}

/* The text of example `at` of the pool, made once as long as there is room to keep it. */
static int shot_turn(struct task_impl *m, const struct task_row *asked, size_t at,
                     struct pystr *out)
{
    if (m->shots.turns[at].s) {
        *out = m->shots.turns[at];
        return 0;
    }
    bool keep = m->cache.used < CONTEXT_KEPT;
    struct task_row row = {.doc = m->shots.pool[at],
                           .idx = at,
                           .is_shot = true,
                           .e = asked->e,
                           .arena = keep ? &m->cache : asked->arena};
    struct turn t = {.target_delimiter = m->shot_target_delimiter, .delimiter = m->shot_delimiter};
    const struct value *choices = NULL;
    if (m->shot_choice.raw)
        TRY(task_field_get(&m->shot_choice, &row, &choices));
    TRY(shot_question(m, &row, &choices, &t.question));
    TRY(shot_answer(m, &row, choices, &t));
    TRY(task_field_text(&m->shot_prefix, &row, &t.prefix));
    struct pystr pieces[TURN_PIECES];
    *out = join(pieces, turn_pieces(&t, pieces), row.arena);
    if (keep)
        m->shots.turns[at] = *out;
    return 0;
}

/* -- prompts ----------------------------------------------------------------------------------- */

static int prefix_of(struct task_impl *m, const struct task_row *row, struct pystr *out)
{
    const struct value *v;
    *out = PYSTR("");
    TRY(task_field_get(&m->gen_prefix, row, &v));
    if (v->type == VALUE_NULL)
        return 0;
    if (v->type != VALUE_STR)
        return task_field_error(&m->gen_prefix, row, "yields %s, expected text",
                                value_type_name(v));
    *out = pystr(v->s, v->n);
    return 0;
}

int context_build(struct task *t, const struct task_row *row, const struct context_ask *ask)
{
    struct task_impl *m = t->impl;
    struct turn last = {.target_delimiter = m->target_delimiter};
    struct pystr few[TURN_PIECES + 2], *pieces = few;
    size_t n_shots = m->shots.n, n = 1;
    if (n_shots)
        pieces = ARENA_ARRAY(row->arena, struct pystr, n_shots + TURN_PIECES + 2);
    TRY(task_field_text(&m->description, row, &pieces[0]));
    TRY(fewshot_pick(&m->shots, row->doc, t->name, row->e));
    for (size_t i = 0; i < n_shots; i++)
        TRY(shot_turn(m, row, m->shots.picked[i], &pieces[n++]));
    TRY(prefix_of(m, row, &last.prefix));
    if (!m->multiple_input) {
        const struct value *q = ask->question;
        if (q->type != VALUE_STR)
            return task_field_error(&m->text, row, "yields %s, expected text", value_type_name(q));
        last.question = pystr(q->s, q->n);
        ask->out[0] = join(pieces, n + turn_pieces(&last, pieces + n), row->arena);
        return 0;
    }
    last.target_delimiter = PYSTR("");
    struct pystr before[2] = {join(pieces, n, row->arena)};
    for (uint32_t i = 0; i < ask->choices->n; i++) {
        const struct value *q = ask->choices->items[i];
        struct pystr all[TURN_PIECES + 1] = {before[0]};
        last.question = pystr(q->s, q->n);
        ask->out[i] = join(all, 1 + turn_pieces(&last, all + 1), row->arena);
    }
    return 0;
}
