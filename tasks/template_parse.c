/* template_parse.c - tokens to tree: recursive descent with Jinja's grammar and precedences.
 *
 * Names become indices into the template's table, filters and tests become table rows: what is
 * unknown is an error here, with its place, and rendering looks nothing up by text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tasks/regex.h"
#include "tasks/template_impl.h"

struct parser {
    struct template *t;
    struct arena *a;
    struct assay_err *err;
    const struct token *tok;               /* current */
    int depth;
    bool in_loop;                          /* break and continue are allowed */
    uint8_t macro_names;                   /* MACRO_* names seen in the macro being read */
    int32_t *uses;                         /* per name: loads; INT32_MIN / 2 and more once stored */
};

static int fail_at(struct parser *p, const struct token *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static int fail_at(struct parser *p, const struct token *at, const char *fmt, ...)
{
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(p->err, ASSAY_EFORMAT, "%s:%u:%u: %s", p->t->where, at->line, at->col, text);
}

static void describe(const struct token *t, char *out, size_t n)
{
    static const char *const ops[] = {"//", "**", "==", "!=", "<=", ">="};
    if (t->kind == TOK_NAME)
        snprintf(out, n, "'%.*s'", (int)(t->text.n > 60 ? 60 : t->text.n), t->text.s);
    else if (t->kind == TOK_OP && t->op >= OP_FLOORDIV)
        snprintf(out, n, "'%s'", ops[t->op - OP_FLOORDIV]);
    else if (t->kind == TOK_OP)
        snprintf(out, n, "'%c'", t->op);
    else
        snprintf(out, n, "%s", t->kind == TOK_CONST ? "a constant"
                               : t->kind == TOK_EOF ? "the end of the template" : "the end of the tag");
}

static int unexpected(struct parser *p, const char *wanted)
{
    char got[80];
    describe(p->tok, got, sizeof got);
    return fail_at(p, p->tok, "unexpected %s, expected %s", got, wanted);
}

/* -- tokens ---------------------------------------------------------------------------------------- */

static bool is_op(const struct parser *p, int op)
{
    return p->tok->kind == TOK_OP && p->tok->op == op;
}

static bool token_is(const struct token *t, const char *name)
{
    return t->kind == TOK_NAME && t->text.n == strlen(name) && memcmp(t->text.s, name, t->text.n) == 0;
}

static bool is_name(const struct parser *p, const char *name)
{
    return token_is(p->tok, name);
}

static bool take_op(struct parser *p, int op)
{
    bool yes = is_op(p, op);
    p->tok += yes;
    return yes;
}

static bool take_name(struct parser *p, const char *name)
{
    bool yes = is_name(p, name);
    p->tok += yes;
    return yes;
}

static int expect_op(struct parser *p, int op)
{
    char wanted[4] = {'\'', (char)op, '\'', 0};
    return take_op(p, op) ? 0 : unexpected(p, wanted);
}

static int expect_block_end(struct parser *p)
{
    if (p->tok->kind != TOK_BLOCK_END)
        return unexpected(p, "'%}'");
    p->tok++;
    return 0;
}

/* -- nodes ----------------------------------------------------------------------------------------- */

static struct node *node_new(struct parser *p, enum node_kind kind, const struct token *at)
{
    struct node *n = ARENA_NEW(p->a, struct node);
    n->kind = (uint8_t)kind;
    n->line = at->line;
    n->col = at->col;
    return n;
}

static void list_add(struct parser *p, struct node_list *l, struct node *n)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 4;
        struct node **v = ARENA_ARRAY(p->a, struct node *, cap);
        if (l->n)
            memcpy(v, l->v, l->n * sizeof(struct node *));
        l->v = v;
        l->cap = cap;
    }
    l->v[l->n++] = n;
}

static uint32_t name_id(struct parser *p, struct pystr s)
{
    struct template *t = p->t;
    for (uint32_t i = 0; i < t->n_names; i++)
        if (t->name_text[i].n == s.n && memcmp(t->name_text[i].s, s.s, s.n) == 0)
            return i;
    if (t->n_names == t->cap_names) {
        uint32_t cap = t->cap_names ? t->cap_names * 2 : 16;
        struct pystr *text = ARENA_ARRAY(p->a, struct pystr, cap);
        if (t->n_names)
            memcpy(text, t->name_text, t->n_names * sizeof *text);
        t->name_text = text;
        t->cap_names = cap;
    }
    t->name_text[t->n_names] = pystr(arena_strndup(p->a, s.s, s.n), s.n);
    return t->n_names++;
}

static struct node *name_node(struct parser *p, const struct token *at)
{
    struct node *n = node_new(p, NODE_NAME, at);
    n->id = name_id(p, at->text);
    p->macro_names |= n->id == p->t->varargs_id ? MACRO_VARARGS
                      : n->id == p->t->kwargs_id ? MACRO_KWARGS
                      : n->id == p->t->caller_id ? MACRO_CALLER : 0;
    return n;
}

static struct node *const_node(struct parser *p, const struct token *at, const struct value *v)
{
    struct node *n = node_new(p, NODE_CONST, at);
    n->value = v;
    return n;
}

static int enter(struct parser *p)
{
    if (++p->depth > TEMPLATE_MAX_NESTING)
        return err_set(p->err, ASSAY_ELIMIT, "%s:%u:%u: template is nested deeper than %d levels",
                       p->t->where, p->tok->line, p->tok->col, TEMPLATE_MAX_NESTING);
    return 0;
}

/* -- expressions ----------------------------------------------------------------------------------- */

static int parse_expression(struct parser *p, struct node **out);
static int parse_or(struct parser *p, struct node **out);
static int parse_unary(struct parser *p, bool with_filter, struct node **out);
static int parse_postfix(struct parser *p, struct node **io);

enum { TUPLE_FULL, TUPLE_NO_COND, TUPLE_SIMPLE, TUPLE_PAREN };
static int parse_tuple(struct parser *p, int mode, const char *stop, struct node **out);

static int parse_items(struct parser *p, int close, struct node *n)
{
    while (!is_op(p, close)) {
        struct node *x;
        if (n->list.n) {
            TRY(expect_op(p, ','));
            if (is_op(p, close))
                break;
        }
        TRY(parse_expression(p, &x));
        list_add(p, &n->list, x);
        if (n->kind != NODE_DICT)
            continue;
        TRY(expect_op(p, ':'));
        TRY(parse_expression(p, &x));
        list_add(p, &n->list, x);
    }
    p->tok++;
    return 0;
}

static int parse_strings(struct parser *p, struct node **out)
{
    const struct token *at = p->tok++;
    *out = const_node(p, at, at->value);
    if (at->value->type != VALUE_STR || p->tok->kind != TOK_CONST || p->tok->value->type != VALUE_STR)
        return 0;
    struct buf b;
    buf_init(&b, TEMPLATE_MAX_SOURCE);
    buf_add(&b, at->value->s, at->value->n);
    for (; p->tok->kind == TOK_CONST && p->tok->value->type == VALUE_STR; p->tok++)
        buf_add(&b, p->tok->value->s, p->tok->value->n);
    (*out)->value = value_strn(p->a, b.v, b.n);
    buf_release(&b);
    return 0;
}

static int parse_primary(struct parser *p, struct node **out)
{
    static const struct {
        const char *word;
        const struct value *value;
    } words[] = {{"true", &value_true}, {"True", &value_true}, {"false", &value_false},
                 {"False", &value_false}, {"none", &value_null}, {"None", &value_null}};
    const struct token *at = p->tok;
    if (at->kind == TOK_CONST)
        return parse_strings(p, out);
    if (at->kind == TOK_NAME) {
        p->tok++;
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (token_is(at, words[i].word)) {
                *out = const_node(p, at, words[i].value);
                return 0;
            }
        *out = name_node(p, at);
        return 0;
    }
    if (take_op(p, '(')) {
        TRY(parse_tuple(p, TUPLE_PAREN, NULL, out));
        return expect_op(p, ')');
    }
    if (is_op(p, '[') || is_op(p, '{')) {
        p->tok++;
        *out = node_new(p, at->op == '[' ? NODE_LIST : NODE_DICT, at);
        return parse_items(p, at->op == '[' ? ']' : '}', *out);
    }
    return unexpected(p, "an expression");
}

/* SLICE: a start, b stop, c step, each may be NULL. */
static int parse_subscript(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    struct node *part[3] = {NULL, NULL, NULL};
    if (!is_op(p, ':')) {
        TRY(parse_expression(p, &part[0]));
        if (!is_op(p, ':')) {
            *out = part[0];
            return 0;
        }
    }
    for (int i = 1; i < 3 && take_op(p, ':'); i++)
        if (!is_op(p, ':') && !is_op(p, ']') && !is_op(p, ','))
            TRY(parse_expression(p, &part[i]));
    struct node *n = node_new(p, NODE_SLICE, at);
    n->a = part[0];
    n->b = part[1];
    n->c = part[2];
    *out = n;
    return 0;
}

/* ITEM: a[b]. */
static int parse_brackets(struct parser *p, struct node **io)
{
    const struct token *at = p->tok++;
    struct node *n = node_new(p, NODE_ITEM, at), *tuple = node_new(p, NODE_TUPLE, at);
    while (!is_op(p, ']')) {
        struct node *x;
        if (tuple->list.n)
            TRY(expect_op(p, ','));
        TRY(parse_subscript(p, &x));
        list_add(p, &tuple->list, x);
    }
    p->tok++;
    n->a = *io;
    n->b = tuple->list.n == 1 ? tuple->list.v[0] : tuple;
    n->b->flag = n->b->kind == NODE_SLICE && n->a->kind == NODE_CONST;
    *io = n;
    return 0;
}

/* ATTR: a.value */
static int parse_dot(struct parser *p, struct node **io)
{
    const struct token *at = p->tok++, *attr = p->tok++;
    if (attr->kind == TOK_NAME) {
        struct node *n = node_new(p, NODE_ATTR, at);
        n->a = *io;
        n->value = value_strn(p->a, attr->text.s, attr->text.n);
        *io = n;
        return 0;
    }
    if (attr->kind != TOK_CONST || attr->value->type != VALUE_INT) {
        p->tok--;
        return unexpected(p, "a name or number behind '.'");
    }
    struct node *n = node_new(p, NODE_ITEM, at);
    n->a = *io;
    n->b = const_node(p, attr, attr->value);
    *io = n;
    return 0;
}

static int add_keyword(struct parser *p, struct node_args *args, struct node *x,
                       const struct token *name)
{
    for (uint32_t i = 0; i < args->kw.n; i++)
        if (value_text(args->kw_names[i]).n == name->text.n &&
            memcmp(args->kw_names[i]->s, name->text.s, name->text.n) == 0)
            return fail_at(p, name, "argument '%.*s' is given twice", (int)name->text.n, name->text.s);
    uint32_t n = args->kw.n;
    const struct value **names = ARENA_ARRAY(p->a, const struct value *, n + 1);
    if (n)
        memcpy(names, args->kw_names, n * sizeof *names);
    names[n] = value_strn(p->a, name->text.s, name->text.n);
    args->kw_names = names;
    list_add(p, &args->kw, x);
    return 0;
}

static int parse_argument(struct parser *p, struct node_args *args)
{
    const struct token *at = p->tok;
    struct node *x;
    if (take_op(p, '*')) {
        if (args->star || args->star_star)
            return fail_at(p, at, "only one *argument is allowed, before **");
        return parse_expression(p, &args->star);
    }
    if (take_op(p, OP_POW)) {
        if (args->star_star)
            return fail_at(p, at, "only one **argument is allowed");
        return parse_expression(p, &args->star_star);
    }
    if (at->kind == TOK_NAME && at[1].kind == TOK_OP && at[1].op == '=') {
        if (args->star_star)
            return fail_at(p, at, "a named argument must stand before **");
        p->tok += 2;
        TRY(parse_expression(p, &x));
        return add_keyword(p, args, x, at);
    }
    if (args->star || args->star_star || args->kw.n)
        return fail_at(p, at, "a positional argument must stand before named ones");
    TRY(parse_expression(p, &x));
    list_add(p, &args->pos, x);
    return 0;
}

static int parse_args(struct parser *p, struct node_args **out)
{
    struct node_args *args = ARENA_NEW(p->a, struct node_args);
    bool comma = false;
    TRY(expect_op(p, '('));
    while (!is_op(p, ')')) {
        if (comma) {
            TRY(expect_op(p, ','));
            if (is_op(p, ')'))
                break;
        }
        TRY(parse_argument(p, args));
        comma = true;
    }
    p->tok++;
    *out = args;
    return 0;
}

/* CALL: a(args) */
static int parse_call(struct parser *p, struct node **io)
{
    struct node *n = node_new(p, NODE_CALL, p->tok);
    n->a = *io;
    TRY(parse_args(p, &n->args));
    *io = n;
    return 0;
}

static int parse_postfix(struct parser *p, struct node **io)
{
    for (int i = 0;; i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return fail_at(p, p->tok, "more than %d accesses in a row", TEMPLATE_MAX_NESTING);
        if (is_op(p, '.'))
            TRY(parse_dot(p, io));
        else if (is_op(p, '['))
            TRY(parse_brackets(p, io));
        else if (is_op(p, '('))
            TRY(parse_call(p, io));
        else
            return 0;
    }
}

static int dotted_name(struct parser *p, struct pystr *out)
{
    if (p->tok->kind != TOK_NAME)
        return unexpected(p, "a name");
    *out = p->tok++->text;
    while (is_op(p, '.') && p->tok[1].kind == TOK_NAME) {
        struct pystr more = p->tok[1].text;
        char *joined = arena_printf(p->a, "%.*s.%.*s", (int)out->n, out->s, (int)more.n, more.s);
        *out = pystr(joined, out->n + 1 + more.n);
        p->tok += 2;
    }
    return 0;
}

static int unknown_row(struct parser *p, const struct token *at, struct pystr name, bool test)
{
    const char *near = template_filter_suggest(name, test), *what = test ? "test" : "filter";
    if (near)
        return fail_at(p, at, "unknown %s '%.*s', did you mean '%s'?", what, (int)name.n, name.s, near);
    return fail_at(p, at, "unknown %s '%.*s'", what, (int)name.n, name.s);
}

/* A regex_replace whose pattern is constant is compiled here, once. */
static int precompile(struct parser *p, struct node *n)
{
    const struct node_args *args = n->args;
    if (!value_is_str(n->value, "regex_replace") || !args || args->pos.n < 1 ||
        args->pos.v[0]->kind != NODE_CONST || args->pos.v[0]->value->type != VALUE_STR)
        return 0;
    struct assay_err inner;
    int rc = regex_compile(value_text(args->pos.v[0]->value), 0, &n->regex, &inner);
    if (rc < 0)
        return err_set(p->err, rc, "%s:%u:%u: %s", p->t->where, n->line, n->col, inner.msg);
    list_add(p, &p->t->regexes, n);
    return 0;
}

/* FILTER: a|value(args); a is NULL for filter blocks. */
static int parse_filter(struct parser *p, struct node **io)
{
    const struct token *at = p->tok;
    struct node *n = node_new(p, NODE_FILTER, at);
    struct pystr name;
    TRY(dotted_name(p, &name));
    n->a = *io;
    n->value = value_strn(p->a, name.s, name.n);
    n->row = template_filter_row(name);
    if (!n->row)
        return unknown_row(p, at, name, false);
    if (is_op(p, '('))
        TRY(parse_args(p, &n->args));
    *io = n;
    return precompile(p, n);
}

static bool begins_test_argument(const struct parser *p)
{
    const struct token *t = p->tok;
    if (t->kind == TOK_NAME)
        return !token_is(t, "else") && !token_is(t, "or") && !token_is(t, "and");
    return t->kind == TOK_CONST || is_op(p, '[') || is_op(p, '{');
}

/* TEST: a is value(args); "is not" wraps it in NOT. */
static int parse_test(struct parser *p, struct node **io)
{
    const struct token *at = p->tok++;
    bool negated = take_name(p, "not");
    const struct token *name_at = p->tok;
    struct node *n = node_new(p, NODE_TEST, at);
    struct pystr name;
    TRY(dotted_name(p, &name));
    n->a = *io;
    n->value = value_strn(p->a, name.s, name.n);
    n->row = template_test_row(name);
    if (!n->row)
        return unknown_row(p, name_at, name, true);
    if (is_op(p, '(')) {
        TRY(parse_args(p, &n->args));
    } else if (begins_test_argument(p)) {
        struct node *x;
        if (is_name(p, "is"))
            return fail_at(p, p->tok, "tests cannot be chained with 'is'");
        TRY(parse_primary(p, &x));
        TRY(parse_postfix(p, &x));
        n->args = ARENA_NEW(p->a, struct node_args);
        list_add(p, &n->args->pos, x);
    }
    *io = n;
    if (negated) {
        *io = node_new(p, NODE_NOT, at);
        (*io)->a = n;
    }
    return 0;
}

static int parse_filters(struct parser *p, struct node **io)
{
    for (int i = 0;; i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return fail_at(p, p->tok, "more than %d filters in a row", TEMPLATE_MAX_NESTING);
        if (take_op(p, '|'))
            TRY(parse_filter(p, io));
        else if (is_name(p, "is"))
            TRY(parse_test(p, io));
        else if (is_op(p, '('))
            TRY(parse_call(p, io));
        else
            return 0;
    }
}

static int parse_unary(struct parser *p, bool with_filter, struct node **out)
{
    const struct token *at = p->tok;
    TRY(enter(p));
    if (is_op(p, '-') || is_op(p, '+')) {
        struct node *n = node_new(p, at->op == '-' ? NODE_NEG : NODE_POS, at);
        p->tok++;
        TRY(parse_unary(p, false, &n->a));
        *out = n;
    } else {
        TRY(parse_primary(p, out));
    }
    TRY(parse_postfix(p, out));
    if (with_filter)
        TRY(parse_filters(p, out));
    p->depth--;
    return 0;
}

/* The levels of left-associative operators, loosest first; CONCAT is n-ary. */
static const uint8_t levels[][5] = {
    {'+', '-', 0}, {'~', 0}, {'*', '/', OP_FLOORDIV, '%', 0}, {OP_POW, 0}};
enum { N_LEVELS = sizeof levels / sizeof levels[0] };

static int parse_binary(struct parser *p, int level, struct node **out)
{
    if (level == N_LEVELS)
        return parse_unary(p, true, out);
    TRY(parse_binary(p, level + 1, out));
    for (int i = 0; p->tok->kind == TOK_OP && strchr((const char *)levels[level], p->tok->op); i++) {
        const struct token *at = p->tok++;
        struct node *right;
        if (i > TEMPLATE_MAX_NESTING)
            return fail_at(p, at, "more than %d operators in a row", TEMPLATE_MAX_NESTING);
        TRY(parse_binary(p, level + 1, &right));
        if (at->op == '~' && (*out)->kind == NODE_CONCAT && i > 0) {
            list_add(p, &(*out)->list, right);
            continue;
        }
        struct node *n = node_new(p, at->op == '~' ? NODE_CONCAT : NODE_BINARY, at);
        n->op = at->op;
        n->a = *out;
        n->b = right;
        list_add(p, &n->list, n->a);
        list_add(p, &n->list, n->b);
        *out = n;
    }
    return 0;
}

/* 0 when the current token compares nothing; else its operator, taken. */
static int take_comparison(struct parser *p)
{
    static const uint8_t ops[] = {OP_EQ, OP_NE, '<', OP_LE, '>', OP_GE};
    for (size_t i = 0; i < sizeof ops; i++)
        if (take_op(p, ops[i]))
            return ops[i];
    if (take_name(p, "in"))
        return OP_IN;
    if (is_name(p, "not") && token_is(p->tok + 1, "in")) {
        p->tok += 2;
        return OP_NOT_IN;
    }
    return 0;
}

/* COMPARE: a, then list of operands, each a COMPARE shell {op, a}. */
static int parse_compare(struct parser *p, struct node **out)
{
    int op;
    TRY(parse_binary(p, 0, out));
    struct node *chain = NULL;
    const struct token *at = p->tok;
    for (; (op = take_comparison(p)); at = p->tok) {
        struct node *x = node_new(p, NODE_COMPARE, at);
        x->op = (uint8_t)op;
        TRY(parse_binary(p, 0, &x->a));
        if (!chain) {
            chain = node_new(p, NODE_COMPARE, at);
            chain->a = *out;
            *out = chain;
        }
        list_add(p, &chain->list, x);
    }
    return 0;
}

static int parse_not(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    if (!take_name(p, "not"))
        return parse_compare(p, out);
    struct node *n = node_new(p, NODE_NOT, at);
    TRY(enter(p));
    TRY(parse_not(p, &n->a));
    p->depth--;
    *out = n;
    return 0;
}

/* AND, OR: a, b */
static int parse_logic(struct parser *p, bool or, struct node **out)
{
    TRY(or ? parse_logic(p, false, out) : parse_not(p, out));
    for (int i = 0; is_name(p, or ? "or" : "and"); i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return fail_at(p, p->tok, "more than %d operators in a row", TEMPLATE_MAX_NESTING);
        struct node *n = node_new(p, or ? NODE_OR : NODE_AND, p->tok++);
        n->a = *out;
        TRY(or ? parse_logic(p, false, &n->b) : parse_not(p, &n->b));
        *out = n;
    }
    return 0;
}

static int parse_or(struct parser *p, struct node **out)
{
    return parse_logic(p, true, out);
}

/* COND: a if b else c; flag: no else. */
static int parse_expression(struct parser *p, struct node **out)
{
    TRY(enter(p));
    TRY(parse_or(p, out));
    for (int i = 0; is_name(p, "if"); i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return fail_at(p, p->tok, "more than %d conditions in a row", TEMPLATE_MAX_NESTING);
        struct node *n = node_new(p, NODE_COND, p->tok++);
        n->a = *out;
        TRY(parse_or(p, &n->b));
        n->flag = !take_name(p, "else");
        if (!n->flag)
            TRY(parse_expression(p, &n->c));
        *out = n;
    }
    p->depth--;
    return 0;
}

static bool tuple_ends(const struct parser *p, const char *stop)
{
    return p->tok->kind == TOK_PRINT_END || p->tok->kind == TOK_BLOCK_END || is_op(p, ')') ||
           (stop && is_name(p, stop));
}

static int parse_tuple(struct parser *p, int mode, const char *stop, struct node **out)
{
    struct node *tuple = node_new(p, NODE_TUPLE, p->tok);
    bool is_tuple = false;
    while (!tuple_ends(p, stop)) {
        struct node *x;
        TRY(mode == TUPLE_SIMPLE ? parse_primary(p, &x)
            : mode == TUPLE_NO_COND ? parse_or(p, &x) : parse_expression(p, &x));
        list_add(p, &tuple->list, x);
        if (!take_op(p, ','))
            break;
        is_tuple = true;
    }
    if (!is_tuple && tuple->list.n == 0 && mode != TUPLE_PAREN)
        return unexpected(p, "an expression");
    *out = is_tuple || tuple->list.n == 0 ? tuple : tuple->list.v[0];
    return 0;
}

/* -- statements ------------------------------------------------------------------------------------ */

static int parse_body(struct parser *p, const char *const *ends, struct node_list *out);

static int check_target(struct parser *p, const struct node *n, const struct token *at)
{
    if (n->kind == NODE_NAME)
        return 0;
    if (n->kind == NODE_TUPLE || n->kind == NODE_LIST) {
        for (uint32_t i = 0; i < n->list.n; i++)
            TRY(check_target(p, n->list.v[i], at));
        return 0;
    }
    return fail_at(p, at, "only names and tuples of names can be assigned to");
}

static int parse_target(struct parser *p, const char *stop, struct node **out)
{
    const struct token *at = p->tok;
    TRY(parse_tuple(p, TUPLE_SIMPLE, stop, out));
    return check_target(p, *out, at);
}

/* A body up to one of `ends` (NULL-terminated); the end word is taken, the tag's end is not. */
static int parse_block(struct parser *p, const char *const *ends, struct node_list *out,
                       const char **ended)
{
    const struct token *at = p->tok;
    take_op(p, ':');
    TRY(expect_block_end(p));
    TRY(parse_body(p, ends, out));
    if (p->tok->kind == TOK_EOF)
        return fail_at(p, at, "block is not closed, expected '%s'", ends[0]);
    for (size_t i = 0; ends[i]; i++)
        if (take_name(p, ends[i]))
            *ended = ends[i];
    return 0;
}

static int parse_simple_block(struct parser *p, const char *end, struct node_list *out)
{
    const char *const ends[] = {end, NULL};
    const char *ended;
    return parse_block(p, ends, out, &ended);
}

/* IF: a; body; other: else branch (an elif is an IF of its own in there). */
static int parse_if(struct parser *p, struct node **out)
{
    static const char *const ends[] = {"endif", "elif", "else", NULL};
    struct node *top = NULL, **slot = &top, *last = NULL;
    const char *ended;
    do {
        struct node *n = node_new(p, NODE_IF, p->tok);
        TRY(parse_tuple(p, TUPLE_NO_COND, NULL, &n->a));
        TRY(parse_block(p, ends, &n->body, &ended));
        if (last)
            list_add(p, &last->other, n);
        else
            *slot = n;
        last = n;
    } while (strcmp(ended, "elif") == 0);
    if (strcmp(ended, "else") == 0)
        TRY(parse_simple_block(p, "endif", &last->other));
    *out = top;
    return 0;
}

static bool binds(const struct node *target, uint32_t id)
{
    bool yes = target->kind == NODE_NAME && target->id == id;
    for (uint32_t i = 0; i < target->list.n && !yes; i++)
        yes = binds(target->list.v[i], id);
    return yes;
}

/* FOR: a target, b iterable, c filter; body; other: else; flag: recursive. */
static int parse_for(struct parser *p, struct node **out)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct node *n = node_new(p, NODE_FOR, p->tok - 1);
    const char *ended;
    bool outer = p->in_loop;
    TRY(parse_target(p, "in", &n->a));
    if (binds(n->a, p->t->loop_id))
        return fail_at(p, p->tok, "'loop' cannot be a target of 'for'");
    if (!take_name(p, "in"))
        return unexpected(p, "'in'");
    TRY(parse_tuple(p, TUPLE_NO_COND, "recursive", &n->b));
    if (take_name(p, "if"))
        TRY(parse_expression(p, &n->c));
    n->flag = take_name(p, "recursive");
    p->in_loop = true;
    TRY(parse_block(p, ends, &n->body, &ended));
    p->in_loop = outer;
    if (strcmp(ended, "else") == 0)
        TRY(parse_simple_block(p, "endfor", &n->other));
    *out = n;
    return 0;
}

/* SET: a target (NAME, TUPLE or ATTR for ns.x), b value.  SET_BLOCK: a target, b filters, body. */
static int parse_set(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    struct node *n = node_new(p, NODE_SET, at);
    if (at->kind == TOK_NAME && at[1].kind == TOK_OP && at[1].op == '.') {
        n->a = name_node(p, at);
        p->tok++;
        if (p->tok[1].kind != TOK_NAME)
            return unexpected(p, "a name behind '.'");
        TRY(parse_dot(p, &n->a));
    } else {
        TRY(parse_target(p, NULL, &n->a));
    }
    *out = n;
    if (take_op(p, '='))
        return parse_tuple(p, TUPLE_FULL, NULL, &n->b);
    n->kind = NODE_SET_BLOCK;
    while (take_op(p, '|'))
        TRY(parse_filter(p, &n->b));
    return parse_simple_block(p, "endset", &n->body);
}

/* WITH: list of targets, other of values, body. */
static int parse_with(struct parser *p, struct node **out)
{
    struct node *n = node_new(p, NODE_WITH, p->tok);
    while (p->tok->kind != TOK_BLOCK_END) {
        struct node *target, *x;
        const struct token *at = p->tok;
        if (n->list.n)
            TRY(expect_op(p, ','));
        TRY(parse_primary(p, &target));
        TRY(check_target(p, target, at));
        TRY(expect_op(p, '='));
        TRY(parse_expression(p, &x));
        list_add(p, &n->list, target);
        list_add(p, &n->other, x);
    }
    *out = n;
    return parse_simple_block(p, "endwith", &n->body);
}

/* Parameters into list (NAMEs) and other (defaults of the last ones). */
static int parse_signature(struct parser *p, struct node *n)
{
    TRY(expect_op(p, '('));
    while (!is_op(p, ')')) {
        if (n->list.n)
            TRY(expect_op(p, ','));
        const struct token *at = p->tok;
        if (at->kind != TOK_NAME)
            return unexpected(p, "a parameter name");
        p->tok++;
        list_add(p, &n->list, name_node(p, at));
        if (take_op(p, '=')) {
            struct node *x;
            TRY(parse_expression(p, &x));
            list_add(p, &n->other, x);
        } else if (n->other.n) {
            return fail_at(p, at, "a parameter without a default follows one with a default");
        }
    }
    p->tok++;
    return 0;
}

static int parse_macro_body(struct parser *p, const char *end, struct node *n)
{
    bool outer = p->in_loop;
    uint8_t names = p->macro_names;
    p->in_loop = false;
    p->macro_names = 0;
    TRY(parse_simple_block(p, end, &n->body));
    n->op = p->macro_names;
    p->in_loop = outer;
    p->macro_names = names;
    return 0;
}

/* MACRO: id its name, value its name, list, other, body. */
static int parse_macro(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    struct node *n = node_new(p, NODE_MACRO, at);
    if (at->kind != TOK_NAME)
        return unexpected(p, "a macro name");
    p->tok++;
    n->id = name_id(p, at->text);
    n->value = value_strn(p->a, at->text.s, at->text.n);
    TRY(parse_signature(p, n));
    *out = n;
    return parse_macro_body(p, "endmacro", n);
}

/* CALL_BLOCK: a the CALL; the rest as MACRO (the caller). */
static int parse_call_block(struct parser *p, struct node **out)
{
    struct node *n = node_new(p, NODE_CALL_BLOCK, p->tok);
    n->value = value_str(p->a, "caller");
    if (is_op(p, '('))
        TRY(parse_signature(p, n));
    const struct token *at = p->tok;
    TRY(parse_expression(p, &n->a));
    if (n->a->kind != NODE_CALL)
        return fail_at(p, at, "expected a call");
    *out = n;
    return parse_macro_body(p, "endcall", n);
}

/* FILTER_BLOCK: b filters over NULL, body. */
static int parse_filter_block(struct parser *p, struct node **out)
{
    struct node *n = node_new(p, NODE_FILTER_BLOCK, p->tok);
    do
        TRY(parse_filter(p, &n->b));
    while (take_op(p, '|'));
    *out = n;
    return parse_simple_block(p, "endfilter", &n->body);
}

static int parse_generation(struct parser *p, struct node **out)
{
    /* {% generation %} marks assistant text for training; it prints its body. */
    struct node *n = node_new(p, NODE_WITH, p->tok);
    *out = n;
    return parse_simple_block(p, "endgeneration", &n->body);
}

static int parse_print_statement(struct parser *p, struct node **out)
{
    struct node *n = node_new(p, NODE_WITH, p->tok);
    while (p->tok->kind != TOK_BLOCK_END) {
        if (n->body.n)
            TRY(expect_op(p, ','));
        struct node *x = node_new(p, NODE_PRINT, p->tok);
        TRY(parse_expression(p, &x->a));
        list_add(p, &n->body, x);
    }
    *out = n;
    return 0;
}

static int parse_do(struct parser *p, struct node **out)
{
    *out = node_new(p, NODE_DO, p->tok);
    return parse_tuple(p, TUPLE_FULL, NULL, &(*out)->a);
}

static int parse_jump(struct parser *p, struct node **out)
{
    const struct token *at = p->tok - 1;
    if (!p->in_loop)
        return fail_at(p, at, "'%.*s' outside a loop", (int)at->text.n, at->text.s);
    *out = node_new(p, token_is(at, "break") ? NODE_BREAK : NODE_CONTINUE, at);
    return 0;
}

/* chat: known in the chat profile only, as jinja2 needs an extension for it. */
static const struct {
    const char *word;
    int (*parse)(struct parser *, struct node **);
    bool chat;
} statements[] = {
    {"if", parse_if, false},
    {"for", parse_for, false},
    {"set", parse_set, false},
    {"with", parse_with, false},
    {"macro", parse_macro, false},
    {"call", parse_call_block, false},
    {"filter", parse_filter_block, false},
    {"print", parse_print_statement, false},
    {"do", parse_do, true},
    {"break", parse_jump, true},
    {"continue", parse_jump, true},
    {"generation", parse_generation, true},
};

static int parse_statement(struct parser *p, struct node_list *out)
{
    const struct token *at = p->tok;
    if (at->kind != TOK_NAME)
        return unexpected(p, "a statement name");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (is_name(p, statements[i].word) &&
            (!statements[i].chat || (p->t->flags & TEMPLATE_CHAT))) {
            struct node *n = NULL;
            p->tok++;
            TRY(statements[i].parse(p, &n));
            list_add(p, out, n);
            return expect_block_end(p);
        }
    if (at->text.n > 3 && memcmp(at->text.s, "end", 3) == 0)
        return fail_at(p, at, "'%.*s' closes nothing that is open", (int)at->text.n, at->text.s);
    return fail_at(p, at, "unknown or unsupported statement '%.*s'", (int)at->text.n, at->text.s);
}

static int parse_print(struct parser *p, struct node_list *out)
{
    struct node *n = node_new(p, NODE_PRINT, p->tok++);
    TRY(parse_tuple(p, TUPLE_FULL, NULL, &n->a));
    if (p->tok->kind != TOK_PRINT_END)
        return unexpected(p, "'}}'");
    p->tok++;
    list_add(p, out, n);
    return 0;
}

/* Statements until an end word (its BLOCK token is taken, the word is current) or the end. */
static int parse_body(struct parser *p, const char *const *ends, struct node_list *out)
{
    TRY(enter(p));
    for (;;) {
        const struct token *at = p->tok;
        if (at->kind == TOK_EOF)
            break;
        if (at->kind == TOK_TEXT) {
            struct node *n = node_new(p, NODE_TEXT, at);
            n->value = value_strn(p->a, at->text.s, at->text.n);
            list_add(p, out, n);
            p->tok++;
        } else if (at->kind == TOK_PRINT) {
            TRY(parse_print(p, out));
        } else {
            bool ended = false;
            p->tok++;
            for (size_t i = 0; ends && ends[i]; i++)
                ended |= is_name(p, ends[i]);
            if (ended)
                break;
            TRY(parse_statement(p, out));
        }
    }
    p->depth--;
    return 0;
}

int template_parse(const struct template_source *src, struct arena *a, struct template *t,
                   struct assay_err *e)
{
    struct token *tokens;
    size_t n;
    struct parser p = {.t = t, .a = a, .err = e};
    TRY(template_lex(src, a, &tokens, &n, e));
    p.tok = tokens;
    t->loop_id = name_id(&p, PYSTR("loop"));
    t->caller_id = name_id(&p, PYSTR("caller"));
    t->varargs_id = name_id(&p, PYSTR("varargs"));
    t->kwargs_id = name_id(&p, PYSTR("kwargs"));
    return parse_body(&p, NULL, &t->body);
}
