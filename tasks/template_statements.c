/* template_statements.c - {% ... %}: statements to tree, and the parser's entry point. */
#include <string.h>
#include "tasks/template_parser.h"

static int expect_block_end(struct parser *p)
{
    if (p->tok->kind != TOK_BLOCK_END)
        return parser_unexpected(p, "'%}'");
    p->tok++;
    return 0;
}

static int parse_body(struct parser *p, const char *const *ends, struct node_list *out);

static int check_target(struct parser *p, const struct node *n, const struct token *at)
{
    if (n->kind == NODE_NAME) {
        p->t->name_use[n->id] |= NAME_BOUND;
        return 0;
    }
    if (n->kind == NODE_TUPLE || n->kind == NODE_LIST) {
        for (uint32_t i = 0; i < n->list.n; i++)
            TRY(check_target(p, n->list.v[i], at));
        return 0;
    }
    return parser_fail(p, at, "only names and tuples of names can be assigned to");
}

static int parse_target(struct parser *p, const char *stop, struct node **out)
{
    const struct token *at = p->tok;
    TRY(parser_tuple(p, TUPLE_SIMPLE, stop, out));
    return check_target(p, *out, at);
}

/* A body up to one of `ends` (NULL-terminated); the end word is taken, the tag's end is not. */
static int parse_block(struct parser *p, const char *const *ends, struct node_list *out,
                       const char **ended)
{
    const struct token *at = p->tok;
    parser_take_op(p, ':');
    TRY(expect_block_end(p));
    TRY(parse_body(p, ends, out));
    if (p->tok->kind == TOK_EOF)
        return parser_fail(p, at, "block is not closed, expected '%s'", ends[0]);
    for (size_t i = 0; ends[i]; i++)
        if (parser_take_name(p, ends[i]))
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
        struct node *n = parser_node(p, NODE_IF, p->tok);
        TRY(parser_tuple(p, TUPLE_NO_COND, NULL, &n->a));
        TRY(parse_block(p, ends, &n->body, &ended));
        if (last)
            parser_add(p, &last->other, n);
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
    struct node *n = parser_node(p, NODE_FOR, p->tok - 1);
    const char *ended;
    bool outer = p->in_loop;
    TRY(parse_target(p, "in", &n->a));
    if (binds(n->a, p->t->loop_id))
        return parser_fail(p, p->tok, "'loop' cannot be a target of 'for'");
    if (!parser_take_name(p, "in"))
        return parser_unexpected(p, "'in'");
    TRY(parser_tuple(p, TUPLE_NO_COND, "recursive", &n->b));
    if (parser_take_name(p, "if"))
        TRY(parser_expression(p, &n->c));
    n->flag = parser_take_name(p, "recursive");
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
    struct node *n = parser_node(p, NODE_SET, at);
    if (at->kind == TOK_NAME && at[1].kind == TOK_OP && at[1].op == '.') {
        n->a = parser_name_node(p, at);
        p->tok++;
        if (p->tok[1].kind != TOK_NAME)
            return parser_unexpected(p, "a name behind '.'");
        TRY(parser_dot(p, &n->a));
    } else {
        TRY(parse_target(p, NULL, &n->a));
    }
    *out = n;
    if (parser_take_op(p, '='))
        return parser_tuple(p, TUPLE_FULL, NULL, &n->b);
    n->kind = NODE_SET_BLOCK;
    while (parser_take_op(p, '|'))
        TRY(parser_filter(p, &n->b));
    return parse_simple_block(p, "endset", &n->body);
}

/* WITH: list of targets, other of values, body. */
static int parse_with(struct parser *p, struct node **out)
{
    struct node *n = parser_node(p, NODE_WITH, p->tok);
    while (p->tok->kind != TOK_BLOCK_END) {
        struct node *target, *x;
        const struct token *at = p->tok;
        if (n->list.n)
            TRY(parser_expect_op(p, ','));
        TRY(parser_primary(p, &target));
        TRY(check_target(p, target, at));
        TRY(parser_expect_op(p, '='));
        TRY(parser_expression(p, &x));
        parser_add(p, &n->list, target);
        parser_add(p, &n->other, x);
    }
    *out = n;
    return parse_simple_block(p, "endwith", &n->body);
}

/* Parameters into list (NAMEs) and other (defaults of the last ones). */
static int parse_signature(struct parser *p, struct node *n)
{
    TRY(parser_expect_op(p, '('));
    while (!parser_is_op(p, ')')) {
        if (n->list.n)
            TRY(parser_expect_op(p, ','));
        const struct token *at = p->tok;
        if (at->kind != TOK_NAME)
            return parser_unexpected(p, "a parameter name");
        p->tok++;
        struct node *param = parser_name_node(p, at);
        p->t->name_use[param->id] |= NAME_BOUND;
        parser_add(p, &n->list, param);
        if (parser_take_op(p, '=')) {
            struct node *x;
            TRY(parser_expression(p, &x));
            parser_add(p, &n->other, x);
        } else if (n->other.n) {
            return parser_fail(p, at, "a parameter without a default follows one with a default");
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
    struct node *n = parser_node(p, NODE_MACRO, at);
    if (at->kind != TOK_NAME)
        return parser_unexpected(p, "a macro name");
    p->tok++;
    n->id = parser_name_id(p, at->text);
    p->t->name_use[n->id] |= NAME_BOUND;
    n->value = value_strn(p->a, at->text.s, at->text.n);
    TRY(parse_signature(p, n));
    *out = n;
    return parse_macro_body(p, "endmacro", n);
}

/* CALL_BLOCK: a the CALL; the rest as MACRO (the caller). */
static int parse_call_block(struct parser *p, struct node **out)
{
    struct node *n = parser_node(p, NODE_CALL_BLOCK, p->tok);
    n->value = value_str(p->a, "caller");
    if (parser_is_op(p, '('))
        TRY(parse_signature(p, n));
    const struct token *at = p->tok;
    TRY(parser_expression(p, &n->a));
    if (n->a->kind != NODE_CALL)
        return parser_fail(p, at, "expected a call");
    *out = n;
    return parse_macro_body(p, "endcall", n);
}

/* FILTER_BLOCK: b filters over NULL, body. */
static int parse_filter_block(struct parser *p, struct node **out)
{
    struct node *n = parser_node(p, NODE_FILTER_BLOCK, p->tok);
    do
        TRY(parser_filter(p, &n->b));
    while (parser_take_op(p, '|'));
    *out = n;
    return parse_simple_block(p, "endfilter", &n->body);
}

static int parse_generation(struct parser *p, struct node **out)
{
    /* {% generation %} marks assistant text for training; it prints its body. */
    struct node *n = parser_node(p, NODE_WITH, p->tok);
    *out = n;
    return parse_simple_block(p, "endgeneration", &n->body);
}

static int parse_print_statement(struct parser *p, struct node **out)
{
    struct node *n = parser_node(p, NODE_WITH, p->tok);
    while (p->tok->kind != TOK_BLOCK_END) {
        if (n->body.n)
            TRY(parser_expect_op(p, ','));
        struct node *x = parser_node(p, NODE_PRINT, p->tok);
        TRY(parser_expression(p, &x->a));
        parser_add(p, &n->body, x);
    }
    *out = n;
    return 0;
}

static int parse_do(struct parser *p, struct node **out)
{
    *out = parser_node(p, NODE_DO, p->tok);
    return parser_tuple(p, TUPLE_FULL, NULL, &(*out)->a);
}

static int parse_jump(struct parser *p, struct node **out)
{
    const struct token *at = p->tok - 1;
    if (!p->in_loop)
        return parser_fail(p, at, "'%.*s' outside a loop", (int)at->text.n, at->text.s);
    *out = parser_node(p, parser_token_is(at, "break") ? NODE_BREAK : NODE_CONTINUE, at);
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
        return parser_unexpected(p, "a statement name");
    for (size_t i = 0; i < sizeof statements / sizeof statements[0]; i++)
        if (parser_is_name(p, statements[i].word) &&
            (!statements[i].chat || (p->t->flags & TEMPLATE_CHAT))) {
            struct node *n = NULL;
            p->tok++;
            TRY(statements[i].parse(p, &n));
            parser_add(p, out, n);
            return expect_block_end(p);
        }
    if (at->text.n > 3 && memcmp(at->text.s, "end", 3) == 0)
        return parser_fail(p, at, "'%.*s' closes nothing that is open", (int)at->text.n, at->text.s);
    return parser_fail(p, at, "unknown or unsupported statement '%.*s'", (int)at->text.n, at->text.s);
}

static int parse_print(struct parser *p, struct node_list *out)
{
    struct node *n = parser_node(p, NODE_PRINT, p->tok++);
    TRY(parser_tuple(p, TUPLE_FULL, NULL, &n->a));
    if (p->tok->kind != TOK_PRINT_END)
        return parser_unexpected(p, "'}}'");
    p->tok++;
    parser_add(p, out, n);
    return 0;
}

/* Statements until an end word (its BLOCK token is taken, the word is current) or the end. */
static int parse_body(struct parser *p, const char *const *ends, struct node_list *out)
{
    TRY(parser_enter(p));
    for (;;) {
        const struct token *at = p->tok;
        if (at->kind == TOK_EOF)
            break;
        if (at->kind == TOK_TEXT) {
            struct node *n = parser_node(p, NODE_TEXT, at);
            n->value = value_strn(p->a, at->text.s, at->text.n);
            parser_add(p, out, n);
            p->tok++;
        } else if (at->kind == TOK_PRINT) {
            TRY(parse_print(p, out));
        } else {
            bool ended = false;
            p->tok++;
            for (size_t i = 0; ends && ends[i]; i++)
                ended |= parser_is_name(p, ends[i]);
            if (ended)
                break;
            TRY(parse_statement(p, out));
        }
    }
    p->depth--;
    return 0;
}

/* Names that are read, bound nowhere in the template, and no function of the engine. */
static void collect_names(struct template *t, struct arena *a)
{
    t->read = ARENA_ARRAY(a, const char *, t->n_names);
    for (uint32_t i = 0; i < t->n_names; i++) {
        bool special = i == t->loop_id || i == t->caller_id || i == t->varargs_id || i == t->kwargs_id;
        if (t->name_use[i] == NAME_READ && !special && !template_global(t->flags, t->name_text[i]))
            t->read[t->n_read++] = t->name_text[i].s;
    }
}

int template_parse(const struct template_source *src, struct arena *a, struct template *t,
                   struct assay_err *e)
{
    struct token *tokens;
    size_t n;
    struct parser p = {.t = t, .a = a, .err = e};
    TRY(template_lex(src, a, &tokens, &n, e));
    p.tok = tokens;
    t->loop_id = parser_name_id(&p, PYSTR("loop"));
    t->caller_id = parser_name_id(&p, PYSTR("caller"));
    t->varargs_id = parser_name_id(&p, PYSTR("varargs"));
    t->kwargs_id = parser_name_id(&p, PYSTR("kwargs"));
    TRY(parse_body(&p, NULL, &t->body));
    collect_names(t, a);
    return 0;
}
