/* filter.c - the steps of an answer-extraction pipeline, one table row per function, and running them.
 * Reading a pipeline: filter_build.c.
 *
 * A step is given what the one before it left for each request: a LIST of responses, or, behind
 * take_first, a single value whose characters it then works on, as lm-eval does. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/filter_impl.h"
#include "tasks/pytext.h"
#include "tasks/regex.h"

static int fail(const struct filter_work *w, const char *what);
static filter_fn bbh_choice_regex;

/* -- items ----------------------------------------------------------------------------------------- */

struct list {
    const struct value **v;
    uint32_t n;
};

/* What iterating over the step's input gives: list items, or the characters of a str. */
static int items_of(const struct filter_work *w, const struct value *in, struct list *out)
{
    if (in->type == VALUE_LIST || in->type == VALUE_TUPLE) {
        out->v = ARENA_ARRAY(w->a, const struct value *, in->n + 1);
        out->n = in->n;
        if (in->n)
            memcpy(out->v, in->items, in->n * sizeof *out->v);
        return 0;
    }
    if (in->type != VALUE_STR)
        return fail(w, "its input is neither a list nor text");
    struct pystr s = pystr(in->s, in->n);
    out->n = (uint32_t)pytext_len(s);
    out->v = ARENA_ARRAY(w->a, const struct value *, out->n + 1);
    for (uint32_t i = 0; i < out->n; i++) {
        size_t k = pytext_offset(s, 1);
        out->v[i] = value_strn(w->a, s.s, k);
        s = pystr(s.s + k, s.n - k);
    }
    return 0;
}

static const struct value *text_value(const struct filter_work *w, struct pystr s)
{
    return value_strn(w->a, s.s, s.n);
}

/* -- simple steps ---------------------------------------------------------------------------------- */

static int take_first(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    TRY(items_of(w, in, &l));
    if (l.n == 0)
        return fail(w, "there is no response to take");
    *out = l.v[0];
    return 0;
}

static int take_first_k(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    size_t k = (size_t)w->step->k;
    TRY(items_of(w, in, &l));
    if (l.n < k)
        return fail(w, "there are fewer responses than k; raise 'repeats'");
    *out = value_list(w->a, l.v, k);
    return 0;
}

static int majority_vote(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    uint32_t best = 0, most = 0;
    TRY(items_of(w, in, &l));
    if (l.n == 0)
        return fail(w, "there is no response to vote on");
    for (uint32_t i = 0; i < l.n; i++) {
        uint32_t votes = 0;
        for (uint32_t k = 0; k < l.n; k++)
            votes += value_equal(l.v[i], l.v[k]);
        if (votes > most) {
            most = votes;
            best = i;
        }
    }
    *out = value_list(w->a, &l.v[best], 1);
    return 0;
}

typedef const struct value *text_fn(const struct filter_work *, struct pystr);

static int each_text(const struct filter_work *w, const struct value *in, const struct value **out, text_fn *fn)
{
    struct list l;
    TRY(items_of(w, in, &l));
    for (uint32_t i = 0; i < l.n; i++) {
        if (l.v[i]->type != VALUE_STR)
            return fail(w, "a response is no text");
        l.v[i] = fn(w, pystr(l.v[i]->s, l.v[i]->n));
    }
    *out = value_list(w->a, l.v, l.n);
    return 0;
}

static const struct value *converted(const struct filter_work *w, struct pystr s, enum pytext_case k)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_convert(&b, s, k);
    const struct value *v = value_strn(w->a, b.v, b.n);
    buf_release(&b);
    return v;
}

static const struct value *text_lower(const struct filter_work *w, struct pystr s)
{
    return converted(w, s, PYTEXT_TO_LOWER);
}

static const struct value *text_upper(const struct filter_work *w, struct pystr s)
{
    return converted(w, s, PYTEXT_TO_UPPER);
}

static const struct value *text_strip(const struct filter_work *w, struct pystr s)
{
    return text_value(w, pytext_strip(s, PYTEXT_BOTH));
}

static int lowercase(const struct filter_work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_lower);
}

static int uppercase(const struct filter_work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_upper);
}

/* strips both ends, despite its name */
static int remove_whitespace(const struct filter_work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_strip);
}

static int map_values(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    const struct value *m = w->step->mapping;
    TRY(items_of(w, in, &l));
    for (uint32_t i = 0; i < l.n; i++) {
        const struct value *to = w->step->absent;
        for (uint32_t k = 0; m && k < m->n; k++)
            if (value_equal(m->entries[k].key, l.v[i]))
                to = m->entries[k].value;
        l.v[i] = to;
    }
    *out = value_list(w->a, l.v, l.n);
    return 0;
}

/* -- regex ----------------------------------------------------------------------------------------- */

/* m[group_select] of findall: its text, of several groups the first that took part; NULL none left.
 * *found is false when nothing matched or the groups were all empty. */
static int select_match(const struct filter_work *w, const struct value *matches, struct pystr *out, bool *found)
{
    int64_t k = w->step->group_select;
    *found = false;
    if (matches->n == 0)
        return 0;
    if (k < 0)
        k += matches->n;
    if (k < 0 || k >= matches->n)
        return fail(w, "'group_select' is out of range of the matches");
    const struct value *m = matches->items[k];
    if (m->type == VALUE_STR) {
        *out = pystr(m->s, m->n);
        *found = true;
        return 0;
    }
    for (uint32_t i = 0; i < m->n && !*found; i++) {
        *out = pystr(m->items[i]->s, m->items[i]->n);
        *found = out->n != 0;
    }
    return 0;
}

static void note_missed(const struct filter_work *w, bool found)
{
    w->tally[0]++;
    w->tally[1] += found;
}

static int regex_step(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    TRY(items_of(w, in, &l));
    for (uint32_t i = 0; i < l.n; i++) {
        const struct value *matches;
        struct pystr s = l.v[i]->type == VALUE_STR ? pystr(l.v[i]->s, l.v[i]->n) : PYSTR("");
        struct pystr hit = w->step->fallback;
        bool found;
        TRY(regex_findall(w->step->regex, s, w->a, &matches, w->err));
        TRY(select_match(w, matches, &hit, &found));
        l.v[i] = text_value(w, found ? pytext_strip(hit, PYTEXT_BOTH) : w->step->fallback);
        note_missed(w, found);
    }
    *out = value_list(w->a, l.v, l.n);
    return 0;
}

/* Tags of ('word', 'tag') pairs. */
static int regex_pos(const struct filter_work *w, const struct value *in, const struct value **out)
{
    static const char pattern[] = "\\('([^']*)', '([^']*)'\\)";
    struct list l;
    struct regex *re;
    int rc = 0;
    TRY(items_of(w, in, &l));
    TRY(regex_compile(PYSTR(pattern), 0, &re, w->err));
    for (uint32_t i = 0; i < l.n && rc == 0; i++) {
        const struct value *pairs = NULL, *invalid = value_str(w->a, "invalid");
        struct pystr s = l.v[i]->type == VALUE_STR ? pystr(l.v[i]->s, l.v[i]->n) : PYSTR("");
        rc = regex_findall(re, s, w->a, &pairs, w->err);
        if (rc < 0)
            break;
        const struct value **tags = ARENA_ARRAY(w->a, const struct value *, pairs->n + 1);
        for (uint32_t k = 0; k < pairs->n; k++)
            tags[k] = pairs->items[k]->items[1];
        l.v[i] = pairs->n ? value_list(w->a, tags, pairs->n) : value_list(w->a, &invalid, 1);
        note_missed(w, pairs->n > 0);
    }
    regex_free(re);
    if (rc == 0)
        *out = value_list(w->a, l.v, l.n);
    return rc;
}

static int format_span(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    TRY(items_of(w, in, &l));
    for (uint32_t i = 0; i < l.n; i++) {
        if (l.v[i]->type != VALUE_STR)
            return fail(w, "a response is no text");
        TRY(filter_span(pystr(l.v[i]->s, l.v[i]->n), w->a, &l.v[i], w->err));
    }
    *out = value_list(w->a, l.v, l.n);
    return 0;
}

/* -- multi_choice_regex ---------------------------------------------------------------------------- */

/* regexes_to_ignore, lower case, punctuation (categories P*): as the step's options say. */
static int clean(const struct filter_work *w, struct pystr *s)
{
    const struct filter_step *st = w->step;
    struct regex_sub drop = {PYSTR(""), 0};
    struct buf b;
    int rc = 0;
    buf_init(&b, 0);
    for (size_t i = 0; i < st->n_ignore && rc == 0; i++) {
        buf_clear(&b);
        rc = regex_replace(st->ignore[i], &drop, *s, &b, w->err);
        *s = pystr(arena_strndup(w->a, b.v, b.n), b.n);
    }
    if (rc == 0 && st->ignore_case) {
        buf_clear(&b);
        pytext_convert(&b, *s, PYTEXT_TO_LOWER);
        *s = pystr(arena_strndup(w->a, b.v, b.n), b.n);
    }
    if (rc == 0 && st->ignore_punctuation) {
        buf_clear(&b);
        for (size_t i = 0; i < s->n;) {
            uint32_t cp;
            int k = text_decode(s->s + i, s->n - i, &cp);
            utf8proc_category_t c = k ? utf8proc_category((utf8proc_int32_t)cp) : UTF8PROC_CATEGORY_CN;
            size_t len = k ? (size_t)k : 1;
            if (c < UTF8PROC_CATEGORY_PC || c > UTF8PROC_CATEGORY_PO)
                buf_add(&b, s->s + i, len);
            i += len;
        }
        *s = pystr(arena_strndup(w->a, b.v, b.n), b.n);
    }
    buf_release(&b);
    return rc;
}

struct choice_set {
    struct list choices;
    struct pystr *cleaned;                 /* clean(choice.strip()) */
    struct regex *by_text, *by_letter;
};

/* The choices that a question of BBH lists: what follows each "(A)". */
static int choices_of_input(const struct filter_work *w, struct list *out)
{
    const struct value *input = value_get(w->call->doc, "input"), *found = NULL;
    struct regex *re;
    if (!input || input->type != VALUE_STR)
        return fail(w, "the document needs a text 'input'");
    TRY(regex_compile(PYSTR("\\([A-Z]\\)([^\\n^(]*)"), 0, &re, w->err));
    int rc = regex_findall(re, pystr(input->s, input->n), w->a, &found, w->err);
    regex_free(re);
    return rc < 0 ? rc : items_of(w, found, out);
}

static int choices_of(const struct filter_work *w, struct list *out)
{
    const struct value *list = value_get(w->call->doc, "choices");
    if (w->step->kind->apply == bbh_choice_regex)
        TRY(choices_of_input(w, out));
    else if (!list || (list->type != VALUE_LIST && list->type != VALUE_TUPLE) || list->n == 0)
        return fail(w, "the document needs a list 'choices'");
    else
        TRY(items_of(w, list, out));
    return out->n > 26 ? fail(w, "there are more than 26 choices") : 0;
}

/* Longest first, so that a choice which begins another can't shadow it; the sort is stable. */
static void longest_first(struct pystr *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k && pytext_len(v[k]) > pytext_len(v[k - 1]); k--) {
            struct pystr t = v[k];
            v[k] = v[k - 1];
            v[k - 1] = t;
        }
}

static int build_choices(const struct filter_work *w, struct choice_set *c)
{
    struct pystr escaped[26];
    struct buf text, letters;
    int rc = 0;
    TRY(choices_of(w, &c->choices));
    c->cleaned = ARENA_ARRAY(w->a, struct pystr, c->choices.n + 1);
    buf_init(&text, 0);
    buf_init(&letters, 0);
    buf_adds(&letters, ":[\\s]*(");
    for (uint32_t i = 0; i < c->choices.n && rc == 0; i++) {
        const struct value *v = c->choices.v[i];
        if (v->type != VALUE_STR) {
            rc = fail(w, "a choice of the document is no text");
            break;
        }
        c->cleaned[i] = pytext_strip(pystr(v->s, v->n), PYTEXT_BOTH);
        rc = clean(w, &c->cleaned[i]);
        buf_printf(&letters, "%s%c", i ? "|" : "", (int)('A' + i));
        buf_clear(&text);
        regex_escape(&text, c->cleaned[i]);
        escaped[i] = pystr(arena_strndup(w->a, text.v ? text.v : "", text.n), text.n);
    }
    buf_addc(&letters, ')');
    buf_clear(&text);
    longest_first(escaped, rc == 0 ? c->choices.n : 0);
    for (uint32_t i = 0; i < c->choices.n && rc == 0; i++) {
        if (i)
            buf_addc(&text, '|');
        buf_add(&text, escaped[i].s, escaped[i].n);
    }
    if (rc == 0)
        rc = regex_compile(pystr(text.v, text.n), 0, &c->by_text, w->err);
    if (rc == 0)
        rc = regex_compile(pystr(letters.v, letters.n), 0, &c->by_letter, w->err);
    buf_release(&text);
    buf_release(&letters);
    return rc;
}

static const struct value *letter(const struct filter_work *w, char c)
{
    char text[4] = {'(', c, ')', 0};
    return value_str(w->a, text);
}

static int choose(const struct filter_work *w, const struct choice_set *c, struct pystr s, const struct value **out)
{
    const struct value *m;
    struct pystr hit, cleaned = s;
    bool found;
    *out = text_value(w, w->step->fallback);
    TRY(regex_findall(w->step->regex, s, w->a, &m, w->err));
    TRY(select_match(w, m, &hit, &found));
    if (m->n && !found && w->step->kind->apply == bbh_choice_regex)
        return fail(w, "all groups of the match are empty");
    hit = found ? pytext_strip(hit, PYTEXT_BOTH) : PYSTR("");
    if (hit.n) {
        *out = text_value(w, hit);
        return 0;
    }
    TRY(clean(w, &cleaned));
    TRY(regex_findall(c->by_text, cleaned, w->a, &m, w->err));
    TRY(select_match(w, m, &hit, &found));
    hit = found ? pytext_strip(hit, PYTEXT_BOTH) : PYSTR("");
    if (hit.n) {
        /* A later choice with the same cleaned text takes the letter, as a dict would. */
        *out = text_value(w, hit);
        for (uint32_t i = 0; i < c->choices.n; i++)
            if (c->cleaned[i].n == hit.n && memcmp(c->cleaned[i].s, hit.s, hit.n) == 0)
                *out = letter(w, (char)('A' + i));
        return 0;
    }
    TRY(regex_findall(c->by_letter, s, w->a, &m, w->err));
    TRY(select_match(w, m, &hit, &found));
    if (found && hit.n == 1)
        *out = letter(w, hit.s[0]);
    note_missed(w, found && hit.n == 1);
    return 0;
}

/* Choices of doc["choices"], or of doc["input"]: bbh_choice_regex. */
static int multi_choice_regex(const struct filter_work *w, const struct value *in, const struct value **out)
{
    struct list l;
    struct choice_set c = {0};
    TRY(items_of(w, in, &l));
    int rc = build_choices(w, &c);
    for (uint32_t i = 0; i < l.n && rc == 0; i++) {
        if (l.v[i]->type != VALUE_STR)
            rc = fail(w, "a response is no text");
        else
            rc = choose(w, &c, pystr(l.v[i]->s, l.v[i]->n), &l.v[i]);
    }
    regex_free(c.by_text);
    regex_free(c.by_letter);
    if (rc == 0)
        *out = value_list(w->a, l.v, l.n);
    return rc;
}

static int python_step(const struct filter_work *w, const struct value *in, const struct value **out)
{
    return code_filter(&w->step->python, w->call->doc, in, w->a, out, w->err);
}

static int bbh_choice_regex(const struct filter_work *w, const struct value *in, const struct value **out)
{
    return multi_choice_regex(w, in, out);
}

/* -- the tables ------------------------------------------------------------------------------------ */

#define CHOICE_KWARGS "regex_pattern,group_select,fallback,ignore_case,ignore_punctuation,regexes_to_ignore"

/* Of classes that tasks name (port_table.h): no YAML may say these. */
static const struct filter_kind port_kinds[] = {
    {"bbh_choice_regex", CHOICE_KWARGS, bbh_choice_regex},
};

const struct filter_kind filter_python = {"!function", NULL, python_step};
static const struct filter_kind kinds[] = {
    {"take_first", "", take_first},
    {"take_first_k", "k", take_first_k},
    {"majority_vote", "", majority_vote},
    {"regex", "regex_pattern,group_select,fallback", regex_step},
    {"multi_choice_regex", CHOICE_KWARGS, multi_choice_regex},
    {"regex_pos", "regex_pattern,group_select,fallback", regex_pos},
    {"remove_whitespace", "", remove_whitespace},
    {"lowercase", "", lowercase},
    {"uppercase", "", uppercase},
    {"map", "mapping_dict,default_value", map_values},
    {"format_span", "", format_span},
};
enum { N_KINDS = sizeof kinds / sizeof kinds[0] };

const struct filter_kind *filter_kind_find(const struct value *name)
{
    for (size_t i = 0; i < N_KINDS; i++)
        if (value_is_str(name, kinds[i].name))
            return &kinds[i];
    return NULL;
}

const struct filter_kind *filter_kind_port(const char *name)
{
    for (size_t i = 0; i < sizeof port_kinds / sizeof *port_kinds; i++)
        if (strcmp(port_kinds[i].name, name) == 0)
            return &port_kinds[i];
    return NULL;
}

bool filter_needs_count(const struct filter_kind *k)
{
    return k->apply == take_first_k;
}

static int fail(const struct filter_work *w, const char *what)
{
    return err_set(w->err, ASSAY_EFORMAT, "filter '%s': %s", w->step->kind->name, what);
}

const char *const *filter_functions(void)
{
    static const char *const names[] = {"take_first", "take_first_k", "majority_vote", "regex",
                                        "multi_choice_regex", "regex_pos", "remove_whitespace",
                                        "lowercase", "uppercase", "map", "format_span", NULL};
    return names;
}

bool filter_searches(const struct filter *f)
{
    for (size_t i = 0; i < f->n_steps; i++)
        if (f->steps[i].kind->apply == regex_step || f->steps[i].kind->apply == regex_pos ||
            f->steps[i].kind->apply == multi_choice_regex)
            return true;
    return false;
}

int filter_apply(const struct filter *f, const struct filter_call *call, struct arena *a,
                 struct assay_err *e)
{
    bool is_missed = call->n > 0;
    for (size_t i = 0; i < call->n; i++) {
        const struct value *v = call->resps[i];
        bool missed = false;
        for (size_t k = 0; k < f->n_steps; k++) {
            size_t tally[2] = {0, 0};
            struct filter_work w = {&f->steps[k], call, a, e, tally};
            TRY(f->steps[k].kind->apply(&w, v, &v));
            missed |= tally[0] && !tally[1];
        }
        call->out[i] = v;
        is_missed &= missed;
    }
    if (call->is_missed)
        *call->is_missed = is_missed;
    return 0;
}
