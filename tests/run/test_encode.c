/* test_encode.c - texts to tokens over the mock's byte tokenizer: where context and continuation
 * part, what is cut, which windows a long text has. */
#include "tests/run/run_test.h"
#include "harness/base/value.h"
#include "harness/run/encode.h"

enum { BOS = 256 };
struct encoding {
    struct fixture *f;
    struct engine engine;
    struct encode x;
};

static void open_mock(struct encoding *c, struct fixture *f, int n_ctx, const char *lie)
{
    const struct plugin *p;
    void *options;
    const struct value *record;
    struct arena *a = &f->arena;
    const struct value_entry v[] = {{value_str(a, "n-ctx"), value_int(a, n_ctx)},
                                    {value_str(a, "lie"), value_str(a, lie)}};
    c->f = f;
    assert_ok(plugin_find("mock", a, &p, &f->e), f->e);
    assert_ok(plugin_options(p, value_dict(a, v, 2), NULL, a, &options, &record, &f->e), f->e);
    assert_ok(engine_open(p, options, &c->engine, &f->e), f->e);
    encode_init(&c->x, &c->engine);
}

static void close_mock(struct encoding *c)
{
    encode_release(&c->x);
    engine_close(&c->engine);
}

static struct encode_text text(const char *s)
{
    return (struct encode_text){s, strlen(s)};
}

/* Tokens as text: ^ for the begin token, $ for the end token. */
static void says(const struct assay_tokens *t, const char *want)
{
    char got[256];
    size_t n = 0;
    for (size_t i = 0; i < t->n && n < sizeof got - 1; i++)
        got[n++] = t->v[i] == BOS ? '^' : t->v[i] == BOS + 1 ? '$' : (char)t->v[i];
    got[n] = 0;
    assert_string_equal(got, want);
}

static void pair(struct encoding *c, const char *context, const char *continuation,
                 const char *want_prefix, const char *want)
{
    struct encode_pair p;
    assert_ok(encode_pair(&c->x, text(context), text(continuation), &c->f->arena, &p, &c->f->e),
              c->f->e);
    says(&p.prefix, want_prefix);
    says(&p.continuation, want);
}

static void test_pairs(void **state)
{
    struct encoding c;
    open_mock(&c, *state, 64, "no");
    pair(&c, "the cat", " sat", "^the cat", " sat");
    pair(&c, "the cat \n", "sat", "^the cat", " \nsat"); /* white space changes sides */
    pair(&c, "caf\xc3\xa9\xe3\x80\x80", "x", "^caf\xc3\xa9",
         "\xe3\x80\x80x"); /* so does a wide space */
    pair(&c, "", "sat", "^", "sat");
    /* What chat templates print: special tokens by their texts, and the begin token once. */
    pair(&c, "<s>the</s>\n", "cat", "^the$", "\ncat");
    pair(&c, "<s><s>the", "</s>", "^^the", "$");
    pair(&c, "the<s>", "cat", "^the^", "cat");
    pair(&c, "  ", "x", "^", "  x");
    pair(&c, "a", "", "^a", "");
    /* the same context again, from the cache and from other memory */
    char copy[] = "the cat";
    pair(&c, copy, "!", "^the cat", "!");
    pair(&c, "the dog", "!", "^the dog", "!");
    close_mock(&c);
}

static void test_cut(void **state)
{
    struct encoding c;
    struct encode_pair p;
    struct fixture *f = *state;
    open_mock(&c, f, 8, "no");
    assert_ok(encode_pair(&c.x, text("0123456789"), text("ab"), &f->arena, &p, &f->e), f->e);
    assert_true(p.is_cut);
    says(&p.prefix, "3456789"); /* 9 tokens in all: the last one is not fed */
    says(&p.continuation, "ab");
    assert_ok(encode_pair(&c.x, text("012345"), text("ab"), &f->arena, &p, &f->e), f->e);
    assert_false(p.is_cut);
    says(&p.prefix, "^012345");
    assert_int_equal(encode_pair(&c.x, text("0"), text("123456789"), &f->arena, &p, &f->e),
                     ASSAY_ELIMIT);
    assert_contains(f->e.msg, "a continuation has 9 tokens, the model's context holds 8");
    assert_ok(encode_prompt(&c.x, text("0123456789"), 3, &f->arena, &p, &f->e), f->e);
    assert_true(p.is_cut);
    says(&p.prefix, "56789");
    assert_int_equal(encode_prompt(&c.x, text("0"), 8, &f->arena, &p, &f->e), ASSAY_ELIMIT);
    close_mock(&c);
}

/* Windows of lm-evaluation-harness's get_rolling_token_windows with max_seq_len 4, context_len
 * 1. */
static void test_rolling(void **state)
{
    struct encoding c;
    struct encode_pair *w;
    size_t n;
    struct fixture *f = *state;
    open_mock(&c, f, 4, "no");
    assert_ok(encode_rolling(&c.x, text("abcdefgh"), &f->arena, &w, &n, &f->e), f->e);
    assert_int_equal(n, 3); /* nine tokens: ^abcdefgh */
    says(&w[0].prefix, "^");
    says(&w[0].continuation, "^abc");
    says(&w[1].prefix, "c");
    says(&w[1].continuation, "defg");
    says(&w[2].prefix, "defg");
    says(&w[2].continuation, "h");
    assert_ok(encode_rolling(&c.x, text("ab"), &f->arena, &w, &n, &f->e), f->e);
    assert_int_equal(n, 1);
    says(&w[0].continuation, "^ab");
    close_mock(&c);
}

static void test_lies(void **state)
{
    struct encoding c;
    struct encode_pair p;
    struct fixture *f = *state;
    open_mock(&c, f, 64, "tokens");
    assert_int_equal(encode_pair(&c.x, text("a"), text("b"), &f->arena, &p, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "tokens for a text of");
    close_mock(&c);
    open_mock(&c, f, 64, "ids");
    assert_int_equal(encode_pair(&c.x, text("a"), text("b"), &f->arena, &p, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "is no token");
    close_mock(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pairs, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_cut, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_rolling, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
