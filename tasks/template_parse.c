/* template_parse.c - expressions: recursive descent with Jinja's grammar and precedences.
 *
 * Names become indices into the template's table, filters and tests become table rows: what is
 * unknown is an error here, with its place, and rendering looks nothing up by text. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "tasks/regex.h"
#include "tasks/template_parser.h"

int parser_fail(struct parser *p, const struct token *at, const char *fmt, ...)
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

int parser_unexpected(struct parser *p, const char *wanted)
{
    char got[80];
    describe(p->tok, got, sizeof got);
    return parser_fail(p, p->tok, "unexpected %s, expected %s", got, wanted);
}

/* -- tokens ---------------------------------------------------------------------------------------- */

bool parser_is_op(const struct parser *p, int op)
{
    return p->tok->kind == TOK_OP && p->tok->op == op;
}

bool parser_token_is(const struct token *t, const char *name)
{
    return t->kind == TOK_NAME && t->text.n == strlen(name) && memcmp(t->text.s, name, t->text.n) == 0;
}

bool parser_is_name(const struct parser *p, const char *name)
{
    return parser_token_is(p->tok, name);
}

bool parser_take_op(struct parser *p, int op)
{
    bool yes = parser_is_op(p, op);
    p->tok += yes;
    return yes;
}

bool parser_take_name(struct parser *p, const char *name)
{
    bool yes = parser_is_name(p, name);
    p->tok += yes;
    return yes;
}

int parser_expect_op(struct parser *p, int op)
{
    char wanted[4] = {'\'', (char)op, '\'', 0};
    return parser_take_op(p, op) ? 0 : parser_unexpected(p, wanted);
}

/* -- nodes ----------------------------------------------------------------------------------------- */

struct node *parser_node(struct parser *p, enum node_kind kind, const struct token *at)
{
    struct node *n = ARENA_NEW(p->a, struct node);
    n->kind = (uint8_t)kind;
    n->line = at->line;
    n->col = at->col;
    return n;
}

void parser_add(struct parser *p, struct node_list *l, struct node *n)
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

uint32_t parser_name_id(struct parser *p, struct pystr s)
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
        uint8_t *use = ARENA_ARRAY(p->a, uint8_t, cap);
        if (t->n_names)
            memcpy(use, t->name_use, t->n_names);
        t->name_use = use;
        t->cap_names = cap;
    }
    t->name_text[t->n_names] = pystr(arena_strndup(p->a, s.s, s.n), s.n);
    return t->n_names++;
}

struct node *parser_name_node(struct parser *p, const struct token *at)
{
    struct node *n = parser_node(p, NODE_NAME, at);
    n->id = parser_name_id(p, at->text);
    p->t->name_use[n->id] |= NAME_READ;
    p->macro_names |= n->id == p->t->varargs_id ? MACRO_VARARGS
                      : n->id == p->t->kwargs_id ? MACRO_KWARGS
                      : n->id == p->t->caller_id ? MACRO_CALLER : 0;
    return n;
}

static struct node *const_node(struct parser *p, const struct token *at, const struct value *v)
{
    struct node *n = parser_node(p, NODE_CONST, at);
    n->value = v;
    return n;
}

int parser_enter(struct parser *p)
{
    if (++p->depth > TEMPLATE_MAX_NESTING)
        return err_set(p->err, ASSAY_ELIMIT, "%s:%u:%u: template is nested deeper than %d levels",
                       p->t->where, p->tok->line, p->tok->col, TEMPLATE_MAX_NESTING);
    return 0;
}

/* -- expressions ----------------------------------------------------------------------------------- */

static int parse_or(struct parser *p, struct node **out);
static int parse_unary(struct parser *p, bool with_filter, struct node **out);
static int parse_postfix(struct parser *p, struct node **io);


static int parse_items(struct parser *p, int close, struct node *n)
{
    while (!parser_is_op(p, close)) {
        struct node *x;
        if (n->list.n) {
            TRY(parser_expect_op(p, ','));
            if (parser_is_op(p, close))
                break;
        }
        TRY(parser_expression(p, &x));
        parser_add(p, &n->list, x);
        if (n->kind != NODE_DICT)
            continue;
        TRY(parser_expect_op(p, ':'));
        TRY(parser_expression(p, &x));
        parser_add(p, &n->list, x);
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

int parser_primary(struct parser *p, struct node **out)
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
            if (parser_token_is(at, words[i].word)) {
                *out = const_node(p, at, words[i].value);
                return 0;
            }
        *out = parser_name_node(p, at);
        return 0;
    }
    if (parser_take_op(p, '(')) {
        TRY(parser_tuple(p, TUPLE_PAREN, NULL, out));
        return parser_expect_op(p, ')');
    }
    if (parser_is_op(p, '[') || parser_is_op(p, '{')) {
        p->tok++;
        *out = parser_node(p, at->op == '[' ? NODE_LIST : NODE_DICT, at);
        return parse_items(p, at->op == '[' ? ']' : '}', *out);
    }
    return parser_unexpected(p, "an expression");
}

/* SLICE: a start, b stop, c step, each may be NULL. */
static int parse_subscript(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    struct node *part[3] = {NULL, NULL, NULL};
    if (!parser_is_op(p, ':')) {
        TRY(parser_expression(p, &part[0]));
        if (!parser_is_op(p, ':')) {
            *out = part[0];
            return 0;
        }
    }
    for (int i = 1; i < 3 && parser_take_op(p, ':'); i++)
        if (!parser_is_op(p, ':') && !parser_is_op(p, ']') && !parser_is_op(p, ','))
            TRY(parser_expression(p, &part[i]));
    struct node *n = parser_node(p, NODE_SLICE, at);
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
    struct node *n = parser_node(p, NODE_ITEM, at), *tuple = parser_node(p, NODE_TUPLE, at);
    while (!parser_is_op(p, ']')) {
        struct node *x;
        if (tuple->list.n)
            TRY(parser_expect_op(p, ','));
        TRY(parse_subscript(p, &x));
        parser_add(p, &tuple->list, x);
    }
    p->tok++;
    n->a = *io;
    n->b = tuple->list.n == 1 ? tuple->list.v[0] : tuple;
    n->b->flag = n->b->kind == NODE_SLICE && n->a->kind == NODE_CONST;
    *io = n;
    return 0;
}

/* ATTR: a.value */
int parser_dot(struct parser *p, struct node **io)
{
    const struct token *at = p->tok++, *attr = p->tok++;
    if (attr->kind == TOK_NAME) {
        struct node *n = parser_node(p, NODE_ATTR, at);
        n->a = *io;
        n->value = value_strn(p->a, attr->text.s, attr->text.n);
        *io = n;
        return 0;
    }
    if (attr->kind != TOK_CONST || attr->value->type != VALUE_INT) {
        p->tok--;
        return parser_unexpected(p, "a name or number behind '.'");
    }
    struct node *n = parser_node(p, NODE_ITEM, at);
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
            return parser_fail(p, name, "argument '%.*s' is given twice", (int)name->text.n, name->text.s);
    uint32_t n = args->kw.n;
    const struct value **names = ARENA_ARRAY(p->a, const struct value *, n + 1);
    if (n)
        memcpy(names, args->kw_names, n * sizeof *names);
    names[n] = value_strn(p->a, name->text.s, name->text.n);
    args->kw_names = names;
    parser_add(p, &args->kw, x);
    return 0;
}

static int parse_argument(struct parser *p, struct node_args *args)
{
    const struct token *at = p->tok;
    struct node *x;
    if (parser_take_op(p, '*')) {
        if (args->star || args->star_star)
            return parser_fail(p, at, "only one *argument is allowed, before **");
        return parser_expression(p, &args->star);
    }
    if (parser_take_op(p, OP_POW)) {
        if (args->star_star)
            return parser_fail(p, at, "only one **argument is allowed");
        return parser_expression(p, &args->star_star);
    }
    if (at->kind == TOK_NAME && at[1].kind == TOK_OP && at[1].op == '=') {
        if (args->star_star)
            return parser_fail(p, at, "a named argument must stand before **");
        p->tok += 2;
        TRY(parser_expression(p, &x));
        return add_keyword(p, args, x, at);
    }
    if (args->star || args->star_star || args->kw.n)
        return parser_fail(p, at, "a positional argument must stand before named ones");
    TRY(parser_expression(p, &x));
    parser_add(p, &args->pos, x);
    return 0;
}

static int parse_args(struct parser *p, struct node_args **out)
{
    struct node_args *args = ARENA_NEW(p->a, struct node_args);
    bool comma = false;
    TRY(parser_expect_op(p, '('));
    while (!parser_is_op(p, ')')) {
        if (comma) {
            TRY(parser_expect_op(p, ','));
            if (parser_is_op(p, ')'))
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
    struct node *n = parser_node(p, NODE_CALL, p->tok);
    n->a = *io;
    TRY(parse_args(p, &n->args));
    *io = n;
    return 0;
}

static int parse_postfix(struct parser *p, struct node **io)
{
    for (int i = 0;; i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return parser_fail(p, p->tok, "more than %d accesses in a row", TEMPLATE_MAX_NESTING);
        if (parser_is_op(p, '.'))
            TRY(parser_dot(p, io));
        else if (parser_is_op(p, '['))
            TRY(parse_brackets(p, io));
        else if (parser_is_op(p, '('))
            TRY(parse_call(p, io));
        else
            return 0;
    }
}

static int dotted_name(struct parser *p, struct pystr *out)
{
    if (p->tok->kind != TOK_NAME)
        return parser_unexpected(p, "a name");
    *out = p->tok++->text;
    while (parser_is_op(p, '.') && p->tok[1].kind == TOK_NAME) {
        struct pystr more = p->tok[1].text;
        char *joined = arena_printf(p->a, "%.*s.%.*s", (int)out->n, out->s, (int)more.n, more.s);
        *out = pystr(joined, out->n + 1 + more.n);
        p->tok += 2;
    }
    return 0;
}

/* In a chat template an error only where it is reached: they ask for filters of other engines behind
 * conditions, and jinja2 lets them. */
static int unknown_row(struct parser *p, const struct token *at, struct pystr name, bool test)
{
    if (p->t->flags & TEMPLATE_CHAT)
        return 0;
    const char *near = template_filter_suggest(name, test), *what = test ? "test" : "filter";
    if (near)
        return parser_fail(p, at, "unknown %s '%.*s', did you mean '%s'?", what, (int)name.n, name.s, near);
    return parser_fail(p, at, "unknown %s '%.*s'", what, (int)name.n, name.s);
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
    parser_add(p, &p->t->regexes, n);
    return 0;
}

/* FILTER: a|value(args); a is NULL for filter blocks. */
int parser_filter(struct parser *p, struct node **io)
{
    const struct token *at = p->tok;
    struct node *n = parser_node(p, NODE_FILTER, at);
    struct pystr name;
    TRY(dotted_name(p, &name));
    n->a = *io;
    n->value = value_strn(p->a, name.s, name.n);
    n->row = template_filter_row(p->t->flags, name);
    if (!n->row)
        TRY(unknown_row(p, at, name, false));
    if (parser_is_op(p, '('))
        TRY(parse_args(p, &n->args));
    *io = n;
    return precompile(p, n);
}

static bool begins_test_argument(const struct parser *p)
{
    const struct token *t = p->tok;
    if (t->kind == TOK_NAME)
        return !parser_token_is(t, "else") && !parser_token_is(t, "or") && !parser_token_is(t, "and");
    return t->kind == TOK_CONST || parser_is_op(p, '[') || parser_is_op(p, '{');
}

/* TEST: a is value(args); "is not" wraps it in NOT. */
static int parse_test(struct parser *p, struct node **io)
{
    const struct token *at = p->tok++;
    bool negated = parser_take_name(p, "not");
    const struct token *name_at = p->tok;
    struct node *n = parser_node(p, NODE_TEST, at);
    struct pystr name;
    TRY(dotted_name(p, &name));
    n->a = *io;
    n->value = value_strn(p->a, name.s, name.n);
    n->row = template_test_row(name);
    if (!n->row)
        TRY(unknown_row(p, name_at, name, true));
    if (parser_is_op(p, '(')) {
        TRY(parse_args(p, &n->args));
    } else if (begins_test_argument(p)) {
        struct node *x;
        if (parser_is_name(p, "is"))
            return parser_fail(p, p->tok, "tests cannot be chained with 'is'");
        TRY(parser_primary(p, &x));
        TRY(parse_postfix(p, &x));
        n->args = ARENA_NEW(p->a, struct node_args);
        parser_add(p, &n->args->pos, x);
    }
    *io = n;
    if (negated) {
        *io = parser_node(p, NODE_NOT, at);
        (*io)->a = n;
    }
    return 0;
}

static int parse_filters(struct parser *p, struct node **io)
{
    for (int i = 0;; i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return parser_fail(p, p->tok, "more than %d filters in a row", TEMPLATE_MAX_NESTING);
        if (parser_take_op(p, '|'))
            TRY(parser_filter(p, io));
        else if (parser_is_name(p, "is"))
            TRY(parse_test(p, io));
        else if (parser_is_op(p, '('))
            TRY(parse_call(p, io));
        else
            return 0;
    }
}

static int parse_unary(struct parser *p, bool with_filter, struct node **out)
{
    const struct token *at = p->tok;
    TRY(parser_enter(p));
    if (parser_is_op(p, '-') || parser_is_op(p, '+')) {
        struct node *n = parser_node(p, at->op == '-' ? NODE_NEG : NODE_POS, at);
        p->tok++;
        TRY(parse_unary(p, false, &n->a));
        *out = n;
    } else {
        TRY(parser_primary(p, out));
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
            return parser_fail(p, at, "more than %d operators in a row", TEMPLATE_MAX_NESTING);
        TRY(parse_binary(p, level + 1, &right));
        if (at->op == '~' && (*out)->kind == NODE_CONCAT && i > 0) {
            parser_add(p, &(*out)->list, right);
            continue;
        }
        struct node *n = parser_node(p, at->op == '~' ? NODE_CONCAT : NODE_BINARY, at);
        n->op = at->op;
        n->a = *out;
        n->b = right;
        parser_add(p, &n->list, n->a);
        parser_add(p, &n->list, n->b);
        *out = n;
    }
    return 0;
}

/* 0 when the current token compares nothing; else its operator, taken. */
static int take_comparison(struct parser *p)
{
    static const uint8_t ops[] = {OP_EQ, OP_NE, '<', OP_LE, '>', OP_GE};
    for (size_t i = 0; i < sizeof ops; i++)
        if (parser_take_op(p, ops[i]))
            return ops[i];
    if (parser_take_name(p, "in"))
        return OP_IN;
    if (parser_is_name(p, "not") && parser_token_is(p->tok + 1, "in")) {
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
        struct node *x = parser_node(p, NODE_COMPARE, at);
        x->op = (uint8_t)op;
        TRY(parse_binary(p, 0, &x->a));
        if (!chain) {
            chain = parser_node(p, NODE_COMPARE, at);
            chain->a = *out;
            *out = chain;
        }
        parser_add(p, &chain->list, x);
    }
    return 0;
}

static int parse_not(struct parser *p, struct node **out)
{
    const struct token *at = p->tok;
    if (!parser_take_name(p, "not"))
        return parse_compare(p, out);
    struct node *n = parser_node(p, NODE_NOT, at);
    TRY(parser_enter(p));
    TRY(parse_not(p, &n->a));
    p->depth--;
    *out = n;
    return 0;
}

/* AND, OR: a, b */
static int parse_logic(struct parser *p, bool or, struct node **out)
{
    TRY(or ? parse_logic(p, false, out) : parse_not(p, out));
    for (int i = 0; parser_is_name(p, or ? "or" : "and"); i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return parser_fail(p, p->tok, "more than %d operators in a row", TEMPLATE_MAX_NESTING);
        struct node *n = parser_node(p, or ? NODE_OR : NODE_AND, p->tok++);
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
int parser_expression(struct parser *p, struct node **out)
{
    TRY(parser_enter(p));
    TRY(parse_or(p, out));
    for (int i = 0; parser_is_name(p, "if"); i++) {
        if (i > TEMPLATE_MAX_NESTING)
            return parser_fail(p, p->tok, "more than %d conditions in a row", TEMPLATE_MAX_NESTING);
        struct node *n = parser_node(p, NODE_COND, p->tok++);
        n->a = *out;
        TRY(parse_or(p, &n->b));
        n->flag = !parser_take_name(p, "else");
        if (!n->flag)
            TRY(parser_expression(p, &n->c));
        *out = n;
    }
    p->depth--;
    return 0;
}

static bool tuple_ends(const struct parser *p, const char *stop)
{
    return p->tok->kind == TOK_PRINT_END || p->tok->kind == TOK_BLOCK_END || parser_is_op(p, ')') ||
           (stop && parser_is_name(p, stop));
}

int parser_tuple(struct parser *p, int mode, const char *stop, struct node **out)
{
    struct node *tuple = parser_node(p, NODE_TUPLE, p->tok);
    bool is_tuple = false;
    while (!tuple_ends(p, stop)) {
        struct node *x;
        TRY(mode == TUPLE_SIMPLE ? parser_primary(p, &x)
            : mode == TUPLE_NO_COND ? parse_or(p, &x) : parser_expression(p, &x));
        parser_add(p, &tuple->list, x);
        if (!parser_take_op(p, ','))
            break;
        is_tuple = true;
    }
    if (!is_tuple && tuple->list.n == 0 && mode != TUPLE_PAREN)
        return parser_unexpected(p, "an expression");
    *out = is_tuple || tuple->list.n == 0 ? tuple : tuple->list.v[0];
    return 0;
}
