/* template_impl.h - what the template_*.c files share: tokens, tree, and the state of one rendering.
 *
 * Evaluation returns a value or NULL; NULL means r->failed is set and r->err says why.
 * Private to the engine: everybody else includes template.h. */
#ifndef TEMPLATE_IMPL_H
#define TEMPLATE_IMPL_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/pytext.h"
#include "tasks/template.h"

struct regex;

enum {
    TEMPLATE_MAX_SOURCE = 16 << 20,        /* bytes */
    TEMPLATE_MAX_NESTING = 150,            /* of expressions and blocks in the source */
    TEMPLATE_MAX_DEPTH = 2000,             /* of evaluation: nodes inside nodes, macros and loops */
    TEMPLATE_MAX_STEPS = 4000000,          /* nodes evaluated and items produced, per rendering */
    TEMPLATE_STEP_BYTES = 64,              /* of text made: one step */
    TEMPLATE_MAX_OUTPUT = 16 << 20,        /* bytes of any one string */
    TEMPLATE_MAX_MEMORY = 256 << 20        /* bytes taken from the arena, per rendering */
};

/* -- tokens ---------------------------------------------------------------------------------------- */
enum token_kind { TOK_EOF, TOK_TEXT, TOK_PRINT, TOK_PRINT_END, TOK_BLOCK, TOK_BLOCK_END, TOK_NAME,
                  TOK_CONST, TOK_OP };
/* Operators are their character; those of two characters: */
enum { OP_FLOORDIV = 128, OP_POW, OP_EQ, OP_NE, OP_LE, OP_GE, OP_IN, OP_NOT_IN };
struct token {
    uint8_t kind, op;
    uint32_t line, col;
    struct pystr text;                     /* NAME, TEXT */
    const struct value *value;             /* CONST */
};
/* Tokens in the arena, ending in TOK_EOF. */
int template_lex(const struct template_source *, struct arena *, struct token **, size_t *n,
                 struct assay_err *);

/* -- tree ------------------------------------------------------------------------------------------ */
enum node_kind {
    /* expressions */
    NODE_CONST, NODE_NAME, NODE_LIST, NODE_TUPLE, NODE_DICT, NODE_ATTR, NODE_ITEM, NODE_SLICE,
    NODE_CALL, NODE_FILTER, NODE_TEST, NODE_NEG, NODE_POS, NODE_NOT, NODE_AND, NODE_OR,
    NODE_BINARY, NODE_CONCAT, NODE_COMPARE, NODE_COND,
    /* statements */
    NODE_TEXT, NODE_PRINT, NODE_IF, NODE_FOR, NODE_SET, NODE_SET_BLOCK, NODE_FILTER_BLOCK,
    NODE_WITH, NODE_MACRO, NODE_CALL_BLOCK, NODE_BREAK, NODE_CONTINUE, NODE_DO
};
struct node_list {
    struct node **v;
    uint32_t n, cap;
};
struct node_args {                         /* of a call, filter or test */
    struct node_list pos;                  /* expressions */
    struct node_list kw;                   /* values, named by kw_names */
    const struct value **kw_names;
    struct node *star, *star_star;         /* *args, **kwargs */
};
/* Which members a kind uses is said where the parser builds it. */
struct node {
    uint8_t kind, op;
    bool flag;                             /* FOR: recursive; COND: no else; SLICE: of a constant */
    uint32_t line, col;
    uint32_t id;                           /* NAME, MACRO: index into the template's names */
    const struct value *value;             /* CONST, TEXT, ATTR, FILTER, TEST: constant or name */
    struct node *a, *b, *c;
    struct node_list list, body, other;
    struct node_args *args;
    const void *row;                       /* FILTER, TEST: the table row */
    struct regex *regex;                   /* FILTER regex_replace with a constant pattern */
};

struct template {
    const char *where;
    uint32_t flags, line, col;
    int64_t now;
    struct node_list body;
    struct pystr *name_text;
    uint8_t *name_use;                     /* NAME_READ, NAME_BOUND */
    uint32_t n_names, cap_names;
    const char **read;                     /* names the scope must give */
    size_t n_read;
    uint32_t loop_id, caller_id, varargs_id, kwargs_id;
    struct node_list regexes;              /* FILTER nodes that own a compiled regex */
};
enum { NAME_READ = 1, NAME_BOUND = 2 };
int template_parse(const struct template_source *, struct arena *, struct template *,
                   struct assay_err *);

/* -- one rendering --------------------------------------------------------------------------------- */
struct var {
    uint32_t id;
    const struct value *value;
    struct var *next;
};
struct scope {
    struct scope *up;
    struct var *vars;
};
enum { FLOW_NORMAL, FLOW_BREAK, FLOW_CONTINUE };
struct render {
    const struct template *t;
    const struct value *doc;
    struct arena *a;
    struct assay_err *err;
    struct scope *scope;
    const struct value **resolved;         /* per name: what doc or globals gave; NULL: not asked yet */
    struct buf *out;
    const struct node *at;                 /* where an error is reported */
    uint32_t steps, depth;
    size_t used_before;                    /* of the arena */
    const struct value *input;             /* what a filter block's innermost filter works on */
    uint8_t flow;
    bool failed;
};

/* Evaluated arguments. */
struct call {
    const struct value **pos;
    uint32_t n_pos;
    const struct value **kw_names, **kw;
    uint32_t n_kw;
};

/* Runtime objects.  `head` first: they are passed as struct value. */
enum { OBJ_RANGE = PYOBJ_OPAQUE, OBJ_LOOP, OBJ_NAMESPACE, OBJ_MACRO, OBJ_METHOD, OBJ_GLOBAL, OBJ_CYCLER,
       OBJ_JOINER };
struct obj_iter { struct value head; bool spent; };
struct obj_range { struct value head; int64_t start, step; uint64_t len; };
struct obj_namespace { struct value head; const struct value *dict; };
struct obj_method { struct value head; const struct value *self; const void *row; };
struct obj_cycler { struct value head; const struct value *const *items; uint32_t n, pos; };
struct obj_joiner { struct value head; const struct value *sep; bool used; };
struct obj_loop {
    struct value head;
    const struct value *const *items;
    const struct value *changed;
    const struct node *node;               /* the FOR and the scope around it, for recursion */
    struct scope *outer;
    uint32_t n, index0, depth0;
};
struct obj_macro {
    struct value head;
    const struct node *node;
    struct scope *scope;                   /* where it was defined */
};
enum { MACRO_VARARGS = 1, MACRO_KWARGS = 2, MACRO_CALLER = 4 };   /* node.op: what its body names */

/* template_eval.c, template_value.c */
const struct value *template_eval(struct render *, const struct node *);
const struct value *render_fail(struct render *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const struct value *render_undefined_error(struct render *, const struct value *undefined);
bool render_step(struct render *, uint64_t n);           /* false: the budget is spent */
const struct value *render_call(struct render *, const struct value *callee, const struct call *);
int render_truth(struct render *, const struct value *);             /* 1, 0, or -1 failed */
/* Items of an iterable; spends a generator.  False: failed. */
struct items {
    const struct value *const *v;
    uint32_t n;
};
bool render_items(struct render *, const struct value *, struct items *);
bool render_iterable(const struct value *);
const char *render_type(const struct value *);                       /* Python's name of its type */
/* Arguments by the names of a signature ("sep,maxsplit"): out[] gets NULL for what is absent. */
struct signature {
    const char *who, *params;
    uint32_t required;
};
bool call_bind(struct render *, const struct signature *, const struct call *, const struct value **out);
int64_t render_len(struct render *, const struct value *);           /* -1: failed */
struct pystr render_str(struct render *, const struct value *);      /* str(v); .s NULL: failed */
const struct value *render_take(struct render *, struct buf *);      /* buffer -> STR, releases it */
const struct value *render_attr(struct render *, const struct value *, const struct value *name);
const struct value *render_item(struct render *, const struct value *, const struct value *key);
const struct value *render_undefined(struct render *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
const struct value *render_list(struct render *, uint8_t type, const struct value *const *v, size_t n);
const struct value *render_binary(struct render *, int op, const struct value *, const struct value *);
int render_equal(struct render *, const struct value *, const struct value *);       /* 1, 0, -1 */
int render_less(struct render *, int op, const struct value *, const struct value *); /* op <, >, <=, >= */
int render_contains(struct render *, const struct value *item, const struct value *in);

/* template_flow.c: statements */
bool template_exec(struct render *, const struct node_list *);       /* false: failed */
const struct value *template_macro_call(struct render *, const struct obj_macro *, const struct call *);
const struct value *template_loop_call(struct render *, const struct obj_loop *, const struct value *);
const struct value *template_lookup(struct render *, uint32_t id);

/* template_ops.c */
const struct value *render_format(struct render *, struct pystr fmt, const struct value *args);

/* template_format.c: str.format */
const struct value *template_format(struct render *, const struct value *self, const struct call *);

/* template_methods.c */
/* The method row `name` of v's type, or NULL. */
const void *template_method(const struct value *v, struct pystr name);
const struct value *template_method_call(struct render *, const void *row, const struct value *self,
                                         const struct call *);

/* template_globals.c */
const struct value *template_global(uint32_t flags, struct pystr name);   /* range, dict, ...; NULL */
const struct value *template_global_call(struct render *, const struct value *, const struct call *);

/* template_filters.c */
const void *template_filter_row(uint32_t flags, struct pystr name);  /* NULL: unknown */
const void *template_test_row(struct pystr name);
const void *template_port_filter(struct pystr name);                 /* template_port.c; NULL: unknown */
const char *template_filter_suggest(struct pystr name, bool test);   /* nearest name or NULL */
const struct value *template_filter_call(struct render *, const void *row, const struct value *subject,
                                         const struct call *);
int template_test_call(struct render *, const void *row, const struct value *subject,
                       const struct call *);

static inline struct pystr value_text(const struct value *v)
{
    return pystr(v->s, v->n);
}
static inline bool value_is_number(const struct value *v)
{
    return v->type == VALUE_INT || v->type == VALUE_FLOAT || v->type == VALUE_BOOL;
}
static inline bool value_is_integral(const struct value *v)
{
    return v->type == VALUE_INT || v->type == VALUE_BOOL;
}
static inline int64_t value_as_int(const struct value *v)
{
    return v->type == VALUE_BOOL ? v->b : v->i;
}
static inline double value_as_float(const struct value *v)
{
    return v->type == VALUE_FLOAT ? v->f : (double)value_as_int(v);
}
#endif
