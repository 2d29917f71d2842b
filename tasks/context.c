/* context.c - the prompt: description, worked examples, the question.
 *
 * A prompt is a list of pieces that are joined once; a prompt of one piece is the row's own text.
 * An example's text depends on its row alone: each is made once and kept, up to CONTEXT_KEPT bytes.
 * For a chat template the same pieces are messages: each example two, or all of them one with the
 * question; delimiters between messages are then the template's affair. */
#include <string.h>

#include "harness/base/err.h"
#include "harness/base/log.h"
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

bool context_ends_space(struct pystr s)
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

/* Two texts with a delimiter between them, unless one is empty or white space stands there. */
static struct pystr delimit(struct pystr p, struct pystr s, struct pystr by, struct arena *a)
{
    bool apart = p.n && s.n && !context_ends_space(p) && !starts_space(s);
    const struct pystr pieces[] = {p, apart ? by : PYSTR(""), s};
    return join(pieces, 3, a);
}

static size_t turn_pieces(const struct turn *t, struct pystr out[TURN_PIECES])
{
    size_t n = 0;
    bool has_prefix = t->prefix.n > 0;
    bool apart = t->question.n && !context_ends_space(t->question) && !starts_space(t->prefix);
    out[n++] = t->question;
    if (has_prefix ? apart : t->has_answer)
        out[n++] = t->target_delimiter;
    if (has_prefix)
        out[n++] = t->prefix;
    if (!t->has_answer)
        return n;
    if (has_prefix && !context_ends_space(t->prefix) && !starts_space(t->answer))
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

/* Example `at` of the pool as a turn; what it is made of lives in row->arena. */
static int shot_turn(struct task_impl *m, const struct task_row *row, struct turn *t)
{
    const struct value *choices = NULL;
    *t = (struct turn){.target_delimiter = m->shot_target_delimiter, .delimiter = m->shot_delimiter};
    if (m->shot_choice.raw)
        TRY(task_field_get(&m->shot_choice, row, &choices));
    TRY(shot_question(m, row, &choices, &t->question));
    TRY(shot_answer(m, row, choices, t));
    return task_field_text(&m->shot_prefix, row, &t->prefix);
}

/* Made once as long as there is room to keep it. */
static struct task_row shot_row(struct task_impl *m, const struct task_row *asked, size_t at)
{
    return (struct task_row){.doc = m->shots.pool[at],
                             .idx = at,
                             .is_shot = true,
                             .e = asked->e,
                             .arena = m->cache.used < CONTEXT_KEPT ? &m->cache : asked->arena};
}

static int shot_text(struct task_impl *m, const struct task_row *asked, size_t at, struct pystr *out)
{
    if (m->shots.turns[at].s) {
        *out = m->shots.turns[at];
        return 0;
    }
    struct task_row row = shot_row(m, asked, at);
    struct turn t;
    struct pystr pieces[TURN_PIECES];
    TRY(shot_turn(m, &row, &t));
    *out = join(pieces, turn_pieces(&t, pieces), row.arena);
    if (row.arena == &m->cache)
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

static int system_text(struct task_impl *m, const struct task_row *row, struct pystr *out)
{
    struct pystr description;
    TRY(task_field_text(&m->description, row, &description));
    *out = delimit(m->system, description, m->between, row->arena);
    return 0;
}

static int question_text(struct task_impl *m, const struct task_row *row, const struct value *q,
                         struct pystr *out)
{
    if (q->type != VALUE_STR)
        return task_field_error(&m->text, row, "yields %s, expected text", value_type_name(q));
    *out = pystr(q->s, q->n);
    return 0;
}

/* -- conversations ----------------------------------------------------------------------------- */

static const struct value *message(struct arena *a, const char *role, struct pystr content)
{
    const struct value_entry x[] = {
        {value_str(a, "role"), value_str(a, role)},
        {value_str(a, "content"), value_strn(a, content.s, content.n)},
    };
    return value_dict(a, x, 2);
}

static int shot_talk(struct task_impl *m, const struct task_row *asked, size_t at,
                     struct shot_messages *out)
{
    *out = m->shots.messages[at];
    if (out->v[0])
        return 0;
    struct task_row row = shot_row(m, asked, at);
    struct turn t;
    TRY(shot_turn(m, &row, &t));
    struct pystr answer = t.has_answer ? t.answer : PYSTR("");
    out->v[0] = message(row.arena, "user", t.question);
    if (t.has_answer || t.prefix.n)
        out->v[1] = message(row.arena, "assistant",
                            delimit(t.prefix, answer, PYSTR(" "), row.arena));
    if (row.arena == &m->cache)
        m->shots.messages[at] = *out;
    return 0;
}

struct talk {
    const struct value **v;            /* messages in front of the question */
    size_t n;
    struct pystr before;               /* examples that stand in the question's own message */
    struct pystr prefix;
};

static int talk_shots(struct task_impl *m, const struct task_row *row, struct talk *k)
{
    size_t n = m->shots.n;
    if (m->shots_as_turns) {
        for (size_t i = 0; i < n; i++) {
            struct shot_messages two;
            TRY(shot_talk(m, row, m->shots.picked[i], &two));
            k->v[k->n++] = two.v[0];
            if (two.v[1])
                k->v[k->n++] = two.v[1];
        }
        return 0;
    }
    struct pystr *texts = ARENA_ARRAY(row->arena, struct pystr, n + 1);
    for (size_t i = 0; i < n; i++)
        TRY(shot_text(m, row, m->shots.picked[i], &texts[i]));
    k->before = join(texts, n, row->arena);
    return 0;
}

static int talk_render(struct task *t, const struct task_row *row, const struct talk *k,
                       struct pystr question, struct pystr *out)
{
    struct chat_prompt prompt;
    const struct pystr pieces[] = {k->before, question};
    size_t n = k->n;
    k->v[n++] = message(row->arena, "user", join(pieces, 2, row->arena));
    if (k->prefix.n)
        k->v[n++] = message(row->arena, "assistant", k->prefix);
    struct chat_ask ask = {.messages = value_list(row->arena, k->v, n),
                           .continues = k->prefix.n > 0};
    TRY(chat_render(t->impl->chat, &ask, row->arena, &prompt, row->e));
    if (prompt.without_system && t->n_without_system++ == 0)
        log_warn("task '%s': the chat template refuses the system message, which is left out, as "
                 "upstream does",
                 t->name);
    *out = prompt.text;
    return 0;
}

static int talk_build(struct task *t, const struct task_row *row, const struct context_ask *ask)
{
    struct task_impl *m = t->impl;
    struct talk k = {.v = ARENA_ARRAY(row->arena, const struct value *, 2 * m->shots.n + 4)};
    struct pystr text;
    TRY(system_text(m, row, &text));
    if (text.n)
        k.v[k.n++] = message(row->arena, "system", text);
    TRY(talk_shots(m, row, &k));
    TRY(prefix_of(m, row, &k.prefix));
    if (!m->multiple_input) {
        TRY(question_text(m, row, ask->question, &text));
        return talk_render(t, row, &k, text, &ask->out[0]);
    }
    for (uint32_t i = 0; i < ask->choices->n; i++) {
        const struct value *q = ask->choices->items[i];
        TRY(talk_render(t, row, &k, pystr(q->s, q->n), &ask->out[i]));
    }
    return 0;
}

/* -- plain text -------------------------------------------------------------------------------- */

int context_build(struct task *t, const struct task_row *row, const struct context_ask *ask)
{
    struct task_impl *m = t->impl;
    struct turn last = {.target_delimiter = m->target_delimiter};
    struct pystr few[TURN_PIECES + 2], *pieces = few;
    size_t n_shots = m->shots.n, n = 1;
    if (n_shots)
        pieces = ARENA_ARRAY(row->arena, struct pystr, n_shots + TURN_PIECES + 2);
    TRY(fewshot_pick(&m->shots, row->doc, t->name, row->e));
    for (size_t i = 0; i < n_shots && ask->shows_own && !*ask->shows_own; i++)
        *ask->shows_own = value_equal(m->shots.pool[m->shots.picked[i]], row->doc);
    if (m->applies_chat)
        return talk_build(t, row, ask);
    TRY(system_text(m, row, &pieces[0]));
    for (size_t i = 0; i < n_shots; i++)
        TRY(shot_text(m, row, m->shots.picked[i], &pieces[n++]));
    TRY(prefix_of(m, row, &last.prefix));
    if (!m->multiple_input) {
        TRY(question_text(m, row, ask->question, &last.question));
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
