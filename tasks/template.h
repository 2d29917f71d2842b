/* template.h - Jinja templates over struct value: compiled once, rendered for every row.
 *
 * Behaves as jinja2 3.1 with StrictUndefined, keep_trailing_newline, no autoescape, trim_blocks and
 * lstrip_blocks off: a missing name is an error when it is used, values print as Python's str().
 * Rendering is pure: a template may be shared by threads, each with its own arena.
 * Bounded: nesting of source, depth of evaluation, steps, bytes printed; a template can fail, never hang.
 * Not here: which field of a task is a template, a column name or a literal (task files decide).
 *
 * Known differences: integers are 64-bit; values are immutable (no list.append); |sum of floats is not
 * compensated; a name that an outer block sets only later reads the row's column, where jinja2 finds it
 * undefined; what |safe and |escape made escapes what is added to it, but its methods forget that.
 *
 * Files: template_lex.c text -> tokens; template_parse.c and template_statements.c tokens -> tree;
 * template_eval.c expressions; template_flow.c statements; template_ops.c operators; template_methods.c
 * what str, list and dict can do; template_format.c str.format; template_filters.c,
 * template_sequences.c, template_json.c (|tojson), template_tests.c. */
#ifndef TEMPLATE_H
#define TEMPLATE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena;
struct assay_err;
struct value;
struct template;

enum {
    TEMPLATE_TRIM_BLOCKS = 1,    /* drop the newline after a block tag */
    TEMPLATE_LSTRIP_BLOCKS = 2,  /* drop blanks before a block tag that opens its line */
    TEMPLATE_CHAT = 4,           /* raise_exception(), strftime_now(), break, continue, do, generation,
                                    plain tojson, a final newline of the source is dropped */
    TEMPLATE_LENIENT = 8,        /* plain Undefined: prints "", is false, iterates as empty */
    TEMPLATE_PORT = 16,          /* a port's program: further filters (template_port.c) */
    /* How chat templates are rendered everywhere else: transformers' environment. */
    TEMPLATE_CHAT_PROFILE = TEMPLATE_CHAT | TEMPLATE_TRIM_BLOCKS | TEMPLATE_LSTRIP_BLOCKS | TEMPLATE_LENIENT
};
struct template_source {
    const char *text;
    size_t n;
    const char *where;           /* in front of every error: "task.yaml" */
    uint32_t line, col;          /* place of text[0] in that file, 1-based; 0: counted as 1 */
    uint32_t flags;
    int64_t now;                 /* what strftime_now() says it is: seconds since 1970, no time zone */
};

/* Text, tree and constants are copied into the arena.  Errors: ASSAY_EFORMAT "where:line:col: ...",
 * ASSAY_ELIMIT. */
int template_compile(const struct template_source *, struct arena *, struct template **,
                     struct assay_err *);
/* Renders against the names of dict `scope`.  *out is a STR: the row's own value when the template
 * is one expression that yields a string (nothing is copied), else text in `arena`.
 * Errors: ASSAY_EFORMAT "where:line:col: 'name' is undefined", ASSAY_ELIMIT. */
int template_render(const struct template *, const struct value *scope, struct arena *,
                    const struct value **out, struct assay_err *);
/* Renders, and gives the names that the template's outermost level has set, in order of their first
 * assignment: a dict.  Macros, namespaces and iterators are left out. */
int template_evaluate(const struct template *, const struct value *scope, struct arena *,
                      const struct value **text, const struct value **names, struct assay_err *);
/* Names the outermost level assigns to, in order, each once; in `arena`. */
const char *const *template_sets(const struct template *, struct arena *, size_t *n);
/* The text without markup, or NULL when the template has any. */
const struct value *template_constant(const struct template *);
/* Names the template reads from its scope and binds nowhere itself, for checks against a row's columns
 * before a run.  Reading one may still be harmless ("is defined"). */
const char *const *template_names(const struct template *, size_t *n);
/* Compiled regular expressions of regex_replace filters with constant patterns; NULL is fine. */
void template_release(struct template *);
#endif
