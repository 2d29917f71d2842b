/* UTF-8: hostile sequences by RFC 3629, widths, and what a terminal may be shown. */
#include "tests/testing.h"

#include "harness/base/buf.h"
#include "harness/base/text.h"

static void decodes_only_valid_sequences(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        uint32_t cp;
        int len;
    } cases[] = {
        {"A", 'A', 1},
        {"\xc2\x80", 0x80, 2},
        {"\xdf\xbf", 0x7ff, 2},
        {"\xe0\xa0\x80", 0x800, 3},
        {"\xed\x9f\xbf", 0xd7ff, 3},
        {"\xee\x80\x80", 0xe000, 3},
        {"\xf0\x90\x80\x80", 0x10000, 4},
        {"\xf4\x8f\xbf\xbf", 0x10ffff, 4},
        {"\xc0\x80", 0, 0},         /* overlong NUL */
        {"\xc1\xbf", 0, 0},         /* overlong ASCII */
        {"\xe0\x9f\xbf", 0, 0},     /* overlong */
        {"\xf0\x8f\xbf\xbf", 0, 0}, /* overlong */
        {"\xed\xa0\x80", 0, 0},     /* surrogate */
        {"\xf4\x90\x80\x80", 0, 0}, /* beyond U+10FFFF */
        {"\xf8\x88\x80\x80\x80", 0, 0},
        {"\x80", 0, 0},
        {"\xe2\x82", 0, 0}, /* cut */
        {"\xe2\x28\xa1", 0, 0},
        {"\xff", 0, 0},
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        uint32_t cp = 0;
        assert_int_equal(text_decode(cases[i].s, strlen(cases[i].s), &cp), cases[i].len);
        assert_int_equal(cp, cases[i].cp);
        assert_int_equal(text_valid(cases[i].s, strlen(cases[i].s), NULL), cases[i].len > 0);
    }
    uint32_t cp;
    assert_int_equal(text_decode("", 0, &cp), 0);
}

static void encodes_what_it_decodes(void **state)
{
    (void)state;
    for (uint32_t cp = 1; cp < 0x110000; cp += cp < 0x3000 ? 1 : 61) {
        char s[4];
        uint32_t back;
        if (cp >= 0xd800 && cp < 0xe000)
            continue;
        int n = text_encode(cp, s);
        assert_int_equal(text_decode(s, (size_t)n, &back), n);
        assert_int_equal(back, cp);
    }
    char s[4];
    assert_int_equal(text_encode(0xd800, s), 3);
    assert_memory_equal(s, "\xef\xbf\xbd", 3);
}

static void says_where_text_breaks(void **state)
{
    (void)state;
    size_t at = 99;
    assert_true(text_valid("0123456789abcdef", 16, &at));
    assert_false(text_valid("0123456789ab\xff"
                            "def",
                            16, &at));
    assert_int_equal(at, 12);
    assert_false(text_valid("01234567\xe2\x82", 10, &at));
    assert_int_equal(at, 8);
    assert_int_equal(text_points("a\xc3\xa9\xff"
                                 "b",
                                 5),
                     4);
}

static void whole_never_ends_inside_a_sequence(void **state)
{
    (void)state;
    const char *s = "a\xf0\x9f\x98\x80"
                    "b";
    static const size_t want[] = {0, 1, 1, 1, 1, 5, 6};
    for (size_t n = 0; n <= 6; n++)
        assert_int_equal(text_whole(s, n), want[n]);
    assert_int_equal(text_whole("\x80\x80\x80\x80", 4), 4); /* junk is not held back */
    assert_int_equal(text_whole("\xff", 1), 1);
}

static void counts_terminal_columns(void **state)
{
    (void)state;
    assert_int_equal(text_width("abc", 3), 3);
    assert_int_equal(text_width("\xe4\xb8\xad\xe6\x96\x87", 6), 4); /* wide */
    assert_int_equal(text_width("e\xcc\x81", 3), 1);                /* combining */
}

static void makes_hostile_text_harmless(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain \xc3\xa9 \xe4\xb8\xad", "plain \xc3\xa9 \xe4\xb8\xad"},
        {"a\nb\tc\rd", "a\\nb\\tc\\x0dd"},
        {"\x1b[31mred\x1b]0;title\x07", "\\x1b[31mred\\x1b]0;title\\x07"},
        {"\xc2\x9b"
         "31m",
         "\\u{009B}31m"}, /* C1 control sequence introducer */
        {"\xe2\x80\xae"
         "evil",
         "\\u{202E}evil"}, /* right-to-left override */
        {"\xe2\x81\xa6x", "\\u{2066}x"},
        {"\xff\xfe", "\\xff\\xfe"},
        {"\x7f", "\\x7f"},
        {"\xf3\xa0\x81\x81", "\\u{E0041}"}, /* invisible tag character */
    };
    for (size_t i = 0; i < N_OF(cases); i++) {
        struct buf b;
        buf_init(&b, 0);
        text_safe(&b, cases[i].in, strlen(cases[i].in));
        assert_string_equal(b.v, cases[i].out);
        buf_release(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_only_valid_sequences),
        cmocka_unit_test(encodes_what_it_decodes),
        cmocka_unit_test(says_where_text_breaks),
        cmocka_unit_test(whole_never_ends_inside_a_sequence),
        cmocka_unit_test(counts_terminal_columns),
        cmocka_unit_test(makes_hostile_text_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
