/* filter.c - the steps of an answer-extraction pipeline, one table row per function.
 *
 * A step is given what the one before it left for each request: a LIST of responses, or, behind
 * take_first, a single value whose characters it then works on, as lm-eval does. */
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "tasks/code.h"
#include "tasks/filter.h"
#include "tasks/port.h"
#include "tasks/pytext.h"
#include "tasks/regex.h"

struct filter_kind;
struct filter_step {
    const struct filter_kind *kind;
    struct regex *regex;                   /* regex_pattern */
    struct regex **ignore;                 /* regexes_to_ignore */
    size_t n_ignore;
    struct pystr fallback;
    int64_t group_select, k;
    bool ignore_case, ignore_punctuation;
    const struct value *mapping, *absent;
    struct code_filter python;             /* a step that is Python */
    const struct code *option;             /* the function of a 'custom' step */
};

/* One request's place in a running step. */
struct work {
    const struct filter_step *step;
    const struct filter_call *call;
    struct arena *a;
    struct assay_err *err;
    size_t *tally; /* [2]: texts searched for an answer, answers found */
};
typedef int filter_fn(const struct work *, const struct value *in, const struct value **out);

struct filter_kind {
    const char *name, *kwargs;             /* "a,b" */
    filter_fn *apply;
};

static int fail(const struct work *w, const char *what);
static filter_fn bbh_choice_regex;

/* -- items ----------------------------------------------------------------------------------------- */

struct list {
    const struct value **v;
    uint32_t n;
};

/* What iterating over the step's input gives: list items, or the characters of a str. */
static int items_of(const struct work *w, const struct value *in, struct list *out)
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

static const struct value *text_value(const struct work *w, struct pystr s)
{
    return value_strn(w->a, s.s, s.n);
}

/* -- simple steps ---------------------------------------------------------------------------------- */

static int take_first(const struct work *w, const struct value *in, const struct value **out)
{
    struct list l;
    TRY(items_of(w, in, &l));
    if (l.n == 0)
        return fail(w, "there is no response to take");
    *out = l.v[0];
    return 0;
}

static int take_first_k(const struct work *w, const struct value *in, const struct value **out)
{
    struct list l;
    size_t k = (size_t)w->step->k;
    TRY(items_of(w, in, &l));
    if (l.n < k)
        return fail(w, "there are fewer responses than k; raise 'repeats'");
    *out = value_list(w->a, l.v, k);
    return 0;
}

static int majority_vote(const struct work *w, const struct value *in, const struct value **out)
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

typedef const struct value *text_fn(const struct work *, struct pystr);

static int each_text(const struct work *w, const struct value *in, const struct value **out, text_fn *fn)
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

static const struct value *converted(const struct work *w, struct pystr s, enum pytext_case k)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_convert(&b, s, k);
    const struct value *v = value_strn(w->a, b.v, b.n);
    buf_release(&b);
    return v;
}

static const struct value *text_lower(const struct work *w, struct pystr s)
{
    return converted(w, s, PYTEXT_TO_LOWER);
}

static const struct value *text_upper(const struct work *w, struct pystr s)
{
    return converted(w, s, PYTEXT_TO_UPPER);
}

static const struct value *text_strip(const struct work *w, struct pystr s)
{
    return text_value(w, pytext_strip(s, PYTEXT_BOTH));
}

static int lowercase(const struct work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_lower);
}

static int uppercase(const struct work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_upper);
}

/* strips both ends, despite its name */
static int remove_whitespace(const struct work *w, const struct value *in, const struct value **out)
{
    return each_text(w, in, out, text_strip);
}

static int map_values(const struct work *w, const struct value *in, const struct value **out)
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
static int select_match(const struct work *w, const struct value *matches, struct pystr *out, bool *found)
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

static void note_missed(const struct work *w, bool found)
{
    w->tally[0]++;
    w->tally[1] += found;
}

static int regex_step(const struct work *w, const struct value *in, const struct value **out)
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
static int regex_pos(const struct work *w, const struct value *in, const struct value **out)
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

static int format_span(const struct work *w, const struct value *in, const struct value **out)
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
static int clean(const struct work *w, struct pystr *s)
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
static int choices_of_input(const struct work *w, struct list *out)
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

static int choices_of(const struct work *w, struct list *out)
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

static int build_choices(const struct work *w, struct choice_set *c)
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

static const struct value *letter(const struct work *w, char c)
{
    char text[4] = {'(', c, ')', 0};
    return value_str(w->a, text);
}

static int choose(const struct work *w, const struct choice_set *c, struct pystr s, const struct value **out)
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
static int multi_choice_regex(const struct work *w, const struct value *in, const struct value **out)
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

static int python_step(const struct work *w, const struct value *in, const struct value **out)
{
    return code_filter(&w->step->python, w->call->doc, in, w->a, out, w->err);
}

static int bbh_choice_regex(const struct work *w, const struct value *in, const struct value **out)
{
    return multi_choice_regex(w, in, out);
}

/* -- the tables ------------------------------------------------------------------------------------ */

#define CHOICE_KWARGS "regex_pattern,group_select,fallback,ignore_case,ignore_punctuation,regexes_to_ignore"

/* Of classes that tasks name (port_table.h): no YAML may say these. */
static const struct filter_kind port_kinds[] = {
    {"bbh_choice_regex", CHOICE_KWARGS, bbh_choice_regex},
};

static const struct filter_kind python_kind = {"!function", NULL, python_step};
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

static int fail(const struct work *w, const char *what)
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

/* -- from YAML ------------------------------------------------------------------------------------- */

struct builder {
    const char *path;
    struct arena *a;
    struct assay_err *err;
    const struct task_host *host;
};

static int refuse(const struct builder *b, const struct value *at, const char *what, const char *name)
{
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: %s '%s'", b->path, at->line, at->col, what, name);
}

static int want(const struct builder *b, const struct value *v, enum value_type type, const char *name)
{
    static const char *const what[] = {[VALUE_BOOL] = "true or false", [VALUE_INT] = "an integer",
                                       [VALUE_STR] = "text", [VALUE_LIST] = "a list",
                                       [VALUE_DICT] = "a mapping"};
    if (v->type == type)
        return 0;
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: '%s' must be %s", b->path, v->line, v->col, name,
                   what[type]);
}

static int compile_regex(const struct builder *b, const struct value *v, struct regex **out)
{
    TRY(want(b, v, VALUE_STR, "a regular expression"));
    int rc = regex_compile(pystr(v->s, v->n), 0, out, b->err);
    return rc < 0 ? err_prefix(b->err, rc, "%s:%u:%u", b->path, v->line, v->col) : 0;
}

static int set_ignore(const struct builder *b, const struct value *v, struct filter_step *s)
{
    if (v->type == VALUE_NULL)
        return 0;
    TRY(want(b, v, VALUE_LIST, "regexes_to_ignore"));
    s->ignore = ARENA_ARRAY(b->a, struct regex *, v->n + 1);
    for (uint32_t i = 0; i < v->n; i++) {
        TRY(compile_regex(b, v->items[i], &s->ignore[i]));
        s->n_ignore++;
    }
    return 0;
}

static int set_kwarg(const struct builder *b, const struct value *key, const struct value *v,
                     struct filter_step *s)
{
    if (value_is_str(key, "regex_pattern")) {
        regex_free(s->regex);
        s->regex = NULL;
        return compile_regex(b, v, &s->regex);
    }
    if (value_is_str(key, "regexes_to_ignore"))
        return set_ignore(b, v, s);
    if (value_is_str(key, "group_select") || value_is_str(key, "k")) {
        TRY(want(b, v, VALUE_INT, key->s));
        if (key->n == 1 && (v->i < 1 || v->i > 100000))
            return refuse(b, v, "must be 1..100000:", "k");
        *(key->n == 1 ? &s->k : &s->group_select) = v->i;
        return 0;
    }
    if (value_is_str(key, "fallback")) {
        TRY(want(b, v, VALUE_STR, "fallback"));
        s->fallback = pystr(v->s, v->n);
        return 0;
    }
    if (value_is_str(key, "mapping_dict")) {
        TRY(want(b, v, VALUE_DICT, "mapping_dict"));
        s->mapping = v;
        return 0;
    }
    if (value_is_str(key, "default_value")) {
        s->absent = v;
        return 0;
    }
    TRY(want(b, v, VALUE_BOOL, key->s));
    *(value_is_str(key, "ignore_case") ? &s->ignore_case : &s->ignore_punctuation) = v->b;
    return 0;
}

static bool takes(const struct filter_kind *k, const struct value *key)
{
    for (const char *p = k->kwargs; *p;) {
        size_t n = strcspn(p, ",");
        if (key->type == VALUE_STR && n == key->n && memcmp(p, key->s, n) == 0)
            return true;
        p += n + (p[n] == ',');
    }
    return false;
}

static int open_function(const struct builder *b, enum port_kind kind, const struct value *func,
                         struct port_use **out)
{
    const char *where = arena_printf(b->a, "%s:%u:%u", b->path, func->line, func->col);
    struct port_ask ask = {kind, func, "filter_list", b->path, where, b->host};
    return port_open(&ask, b->a, out, b->err);
}

/* A class of a task: built in, or Python's. */
static int find_class(const struct builder *b, const struct value *name, struct filter_step *s)
{
    struct port_use *use;
    TRY(open_function(b, PORT_FILTER, name, &use));
    s->kind = &python_kind;
    s->python.code = use->code;
    for (size_t i = 0; use->port && i < sizeof port_kinds / sizeof *port_kinds; i++)
        if (strcmp(port_kinds[i].name, use->port->text) == 0)
            s->kind = &port_kinds[i];
    return 0;
}

static int find_kind(const struct builder *b, const struct value *name, const struct filter_kind **out)
{
    if (value_is_str(name, "custom")) {
        *out = &python_kind;
        return 0;
    }
    TRY(want(b, name, VALUE_STR, "function"));
    for (size_t i = 0; i < N_KINDS; i++)
        if (value_is_str(name, kinds[i].name)) {
            *out = &kinds[i];
            return 0;
        }
    const char *near = field_nearest(name->s, filter_functions(), N_KINDS);
    if (!near)
        return refuse(b, name, "unknown filter function", name->s);
    return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: unknown filter function '%s', did you mean '%s'?",
                   b->path, name->line, name->col, name->s, near);
}

/* A class or function of Python, or 'custom' with one as its option: what else stands there is its. */
static int build_python(const struct builder *b, const struct value *spec, const struct value *name,
                        struct filter_step *s)
{
    struct value_entry *kwargs = ARENA_ARRAY(b->a, struct value_entry, spec->n + 1);
    size_t n = 0;
    s->python.host = b->host;
    s->python.where = arena_printf(b->a, "%s:%u:%u: filter '%s'", b->path, name->line, name->col, name->s);
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value_entry *x = &spec->entries[i];
        if (value_is_str(x->key, "function"))
            continue;
        kwargs[n] = *x;
        if (x->value->type == VALUE_FUNC) {
            struct port_use *use;
            TRY(open_function(b, PORT_NONE, x->value, &use));
            s->option = use->code;
            kwargs[n].value = code_option(s->option, b->a);
        }
        n++;
    }
    s->python.kwargs = value_dict(b->a, kwargs, n);
    if (name->type != VALUE_FUNC && !value_get(s->python.kwargs, "filter_fn"))
        return refuse(b, spec, "filter 'custom' needs the option", "filter_fn");
    return 0;
}

static int build_step(const struct builder *b, const struct value *spec, struct filter_step *s)
{
    TRY(want(b, spec, VALUE_DICT, "a step of a filter"));
    const struct value *name = value_get(spec, "function");
    if (!name)
        return refuse(b, spec, "a filter step needs the key", "function");
    TRY(name->type == VALUE_FUNC ? find_class(b, name, s) : find_kind(b, name, &s->kind));
    if (s->kind == &python_kind)
        return build_python(b, spec, name, s);
    s->fallback = PYSTR("[invalid]");
    s->absent = &value_null;
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value *key = spec->entries[i].key;
        if (value_is_str(key, "function"))
            continue;
        if (!takes(s->kind, key))
            return err_set(b->err, ASSAY_EFORMAT, "%s:%u:%u: filter '%s' has no option '%s'%s%s", b->path,
                           key->line, key->col, s->kind->name, key->type == VALUE_STR ? key->s : "?",
                           *s->kind->kwargs ? "; it takes " : "", s->kind->kwargs);
        TRY(set_kwarg(b, key, spec->entries[i].value, s));
    }
    if (s->kind->apply == take_first_k && s->k == 0)
        return refuse(b, spec, "take_first_k needs the option", "k");
    if (!s->regex && takes(s->kind, &(struct value){.type = VALUE_STR, .s = "regex_pattern", .n = 13}))
        return regex_compile(PYSTR("#### (\\-?[0-9\\.\\,]+)"), 0, &s->regex, b->err);
    return 0;
}

static int build(const struct builder *b, const struct value *spec, struct filter *f)
{
    TRY(want(b, spec, VALUE_DICT, "an entry of filter_list"));
    const struct value *name = value_get(spec, "name"), *steps = value_get(spec, "filter");
    if (!name || !steps)
        return refuse(b, spec, "a pipeline needs the key", name ? "filter" : "name");
    TRY(want(b, name, VALUE_STR, "name"));
    TRY(want(b, steps, VALUE_LIST, "filter"));
    for (uint32_t i = 0; i < spec->n; i++) {
        const struct value *key = spec->entries[i].key;
        if (!value_is_str(key, "name") && !value_is_str(key, "filter"))
            return refuse(b, key, "unknown key of a pipeline", key->type == VALUE_STR ? key->s : "?");
    }
    f->name = name->s;
    f->steps = ARENA_ARRAY(b->a, struct filter_step, steps->n + 1);
    for (uint32_t i = 0; i < steps->n; i++) {
        f->n_steps++;
        TRY(build_step(b, steps->items[i], &f->steps[i]));
    }
    return 0;
}

int filter_compile(const struct value *spec, const char *path, struct arena *a, struct filter *f,
                   struct assay_err *e)
{
    struct builder b = {path, a, e, f->host};
    *f = (struct filter){.host = f->host};
    if (!spec) {
        f->name = "none";
        f->steps = ARENA_ARRAY(a, struct filter_step, 1);
        f->steps[0] = (struct filter_step){.kind = &kinds[0]};
        f->n_steps = 1;
        return 0;
    }
    int rc = build(&b, spec, f);
    if (rc < 0)
        filter_release(f);
    return rc;
}

void filter_code(const struct filter *f, const struct code **all, size_t most, size_t *n)
{
    for (size_t i = 0; i < 2 * f->n_steps; i++) {
        const struct filter_step *s = &f->steps[i / 2];
        const struct code *c = i % 2 ? s->option : s->python.code;
        if (c && *n < most)
            all[(*n)++] = c;
    }
}

void filter_release(struct filter *f)
{
    for (size_t i = 0; f && i < f->n_steps; i++) {
        struct filter_step *s = &f->steps[i];
        regex_free(s->regex);
        s->regex = NULL;
        for (size_t k = 0; k < s->n_ignore; k++)
            regex_free(s->ignore[k]);
        s->n_ignore = 0;
    }
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
            struct work w = {&f->steps[k], call, a, e, tally};
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
