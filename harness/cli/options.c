/* options.c - argv over field tables: --name value, --name=value, --flag, --no-flag, "--".
 * A row of text whose `values` is "?x" may be given without a value, which then is x. */
#include <string.h>

#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/cli/command.h"

struct parser {
    const struct command *command;
    void *const *bases;
    struct options *out;
    const char **args;
    int argc, at;
    char **argv;
};

/* Names that users of lm-evaluation-harness type. */
static const struct {
    const char *said, *meant;
} other_names[] = {{"num-fewshot", "fewshot"}, {"include-path", "task-dir"}, {"bootstrap-iters", "bootstrap"}};

/* An underscore is as good as a hyphen. */
static bool is_name(const char *row, const char *name, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (row[i] != (name[i] == '_' ? '-' : name[i]))
            return false;
    return row[n] == 0;
}

/* The row that `name` (n bytes) names, and which table it is in. */
static const struct assay_field *find_row(const struct command *c, const char *name, size_t n,
                                          size_t *table)
{
    for (size_t i = 0; i < sizeof other_names / sizeof *other_names; i++)
        if (is_name(other_names[i].said, name, n)) {
            name = other_names[i].meant;
            n = strlen(name);
        }
    for (size_t t = 0; t < COMMAND_TABLES && c->tables[t]; t++)
        for (const struct assay_field *f = c->tables[t]; f->name; f++)
            if (is_name(f->name, name, n)) {
                *table = t;
                return f;
            }
    return NULL;
}

static int unknown_option(const struct parser *p, const char *name, struct assay_err *e)
{
    const char *candidates[128] = {"help"};
    size_t n = 1;
    for (size_t t = 0; t < COMMAND_TABLES && p->command->tables[t]; t++)
        for (const struct assay_field *f = p->command->tables[t]; f->name && n < 128; f++)
            candidates[n++] = f->name;
    const char *near = field_nearest(name, candidates, n);
    if (near)
        return err_set(e, ASSAY_EUSAGE, "unknown option '--%s', did you mean '--%s'?", name, near);
    return err_set(e, ASSAY_EUSAGE, "unknown option '--%s'; see 'assay %s --help'", name,
                   p->command->name);
}

static int give(struct parser *p, size_t table, const struct assay_field *f, const char *text,
                struct assay_err *e)
{
    if (!p->bases[table]) {
        p->out->pairs[p->out->n_pairs++] = (struct option_pair){f->name, text};
        return 0;
    }
    const char *where = arena_printf(&p->out->arena, "--%s", f->name);
    return field_set(f, p->bases[table], text, where, &p->out->arena, e);
}

static int parse_long(struct parser *p, const char *arg, struct assay_err *e)
{
    const char *name = arg + 2, *eq = strchr(name, '=');
    size_t n = eq ? (size_t)(eq - name) : strlen(name), table = 0;
    const struct assay_field *f = find_row(p->command, name, n, &table);
    bool negated = false;
    if (!f && n > 3 && memcmp(name, "no-", 3) == 0) {
        f = find_row(p->command, name + 3, n - 3, &table);
        negated = f && f->kind == ASSAY_BOOL;
        if (!negated)
            f = NULL;
    }
    if (!f)
        return unknown_option(p, arena_strndup(&p->out->arena, name, n), e);
    if (negated && eq)
        return err_set(e, ASSAY_EUSAGE, "option '--%.*s' takes no value", (int)n, name);
    if (f->kind == ASSAY_BOOL)
        return give(p, table, f, negated ? "false" : eq ? eq + 1 : "true", e);
    if (eq)
        return give(p, table, f, eq + 1, e);
    bool is_last = p->at >= p->argc || strncmp(p->argv[p->at], "--", 2) == 0;
    if (is_last && f->kind == ASSAY_STR && f->values && f->values[0] == '?')
        return give(p, table, f, f->values + 1, e);
    if (p->at >= p->argc)
        return err_set(e, ASSAY_EUSAGE, "option '--%s' needs a value (%s)", f->name, f->help);
    return give(p, table, f, p->argv[p->at++], e);
}

static int parse_all(struct parser *p, struct assay_err *e)
{
    bool only_args = false;
    while (p->at < p->argc) {
        const char *arg = p->argv[p->at++];
        if (only_args || arg[0] != '-' || !arg[1])
            p->args[p->out->n_args++] = arg;
        else if (strcmp(arg, "--") == 0)
            only_args = true;
        else if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0)
            p->out->wants_help = true;
        else if (arg[1] == '-')
            TRY(parse_long(p, arg, e));
        else
            return err_set(e, ASSAY_EUSAGE, "unknown option '%s'; see 'assay %s --help'", arg,
                           p->command->name);
    }
    return 0;
}

int options_parse(const struct command *c, int argc, char **argv, void *const *bases,
                  struct options *out, struct assay_err *e)
{
    *out = (struct options){0};
    for (size_t t = 0; t < COMMAND_TABLES && c->tables[t]; t++)
        if (bases[t])
            field_defaults(c->tables[t], bases[t]);
    out->pairs = ARENA_ARRAY(&out->arena, struct option_pair, (size_t)argc + 1);
    struct parser p = {.command = c, .bases = bases, .out = out, .argc = argc, .at = 1, .argv = argv};
    p.args = ARENA_ARRAY(&out->arena, const char *, (size_t)argc + 1);
    out->args = p.args;
    TRY(parse_all(&p, e));
    if (out->wants_help)
        return 0;
    if (out->n_args > c->max_args)
        return err_set(e, ASSAY_EUSAGE, "unexpected argument '%s'; usage: assay %s %s",
                       out->args[c->max_args], c->name, c->arguments);
    if (out->n_args < c->min_args)
        return err_set(e, ASSAY_EUSAGE, "missing argument; usage: assay %s %s", c->name,
                       c->arguments);
    return 0;
}

void options_release(struct options *o)
{
    arena_release(&o->arena);
}
