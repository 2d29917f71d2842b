/* template_parser.h - shared by template_parse.c (expressions) and template_statements.c. */
#ifndef TEMPLATE_PARSER_H
#define TEMPLATE_PARSER_H
#include "tasks/template_impl.h"

struct parser {
    struct template *t;
    struct arena *a;
    struct assay_err *err;
    const struct token *tok;               /* current */
    int depth;
    bool in_loop;                          /* break and continue are allowed */
    uint8_t macro_names;                   /* MACRO_* names seen in the macro being read */
};

int parser_fail(struct parser *, const struct token *at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int parser_unexpected(struct parser *, const char *wanted);
int parser_enter(struct parser *);         /* one level deeper; refuses too many */

bool parser_is_op(const struct parser *, int op);
bool parser_token_is(const struct token *, const char *name);
bool parser_is_name(const struct parser *, const char *name);
bool parser_take_op(struct parser *, int op);
bool parser_take_name(struct parser *, const char *name);
int parser_expect_op(struct parser *, int op);

struct node *parser_node(struct parser *, enum node_kind, const struct token *at);
struct node *parser_name_node(struct parser *, const struct token *at);
uint32_t parser_name_id(struct parser *, struct pystr);
void parser_add(struct parser *, struct node_list *, struct node *);

/* How a comma list is read: any expressions, without "a if b", names and literals only, in (). */
enum { TUPLE_FULL, TUPLE_NO_COND, TUPLE_SIMPLE, TUPLE_PAREN };
int parser_tuple(struct parser *, int mode, const char *stop, struct node **out);
int parser_expression(struct parser *, struct node **out);
int parser_primary(struct parser *, struct node **out);
int parser_dot(struct parser *, struct node **io);
int parser_filter(struct parser *, struct node **io);
#endif
