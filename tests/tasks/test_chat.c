/* test_chat.c - conversations: every request equal to lm-eval's, a template's refusals, its bounds.
 *
 * chat_contexts.jsonl holds what lm-eval 0.4.13 builds for 13 tasks with and without chat templates,
 * examples as turns or in one message, a system instruction or none (tests/interop/chat_contexts.py). */
#include "harness/base/log.h"
#include "harness/base/buf.h"
#include "tasks/chat.h"
#include "tests/tasks/task_test.h"

static struct chat *open_chat(const char *text)
{
    struct chat_source s = {
        .text = text, .n = strlen(text), .where = "chat.jinja", .bos = "<s>", .eos = "</s>"};
    struct chat *c = NULL;
    if (chat_open(&s, &test_arena, &c, &test_err) < 0)
        fail_msg("%s", test_err.msg);
    return c;
}

/* -- requests ---------------------------------------------------------------------------------- */

static const char *text_of(const struct value *row, const char *key)
{
    const struct value *v = value_get(row, key);
    return v && v->type == VALUE_STR ? v->s : NULL;
}

static int differs(const char *got, size_t n, const struct value *want)
{
    if (want->type == VALUE_NULL || (got && n == want->n && memcmp(got, want->s, n) == 0))
        return 0;
    print_message("want %s\n got %.*s\n", want->s, (int)n, got ? got : "");
    return 1;
}

static int check_item(const struct task_item *item, const struct value *want)
{
    int bad = item->n_requests != want->n;
    for (size_t i = 0; i < item->n_requests && !bad; i++) {
        const struct task_request *r = &item->requests[i];
        const struct value *w = want->items[i];
        bool rolls = r->kind == TASK_REQ_ROLLING;
        bad |= rolls ? differs(r->continuation, r->continuation_n, w->items[0])
                     : differs(r->context, r->context_n, w->items[0]);
        bad |= differs(r->continuation, r->continuation_n, w->items[1]);
    }
    return bad;
}

struct goldens {
    const struct value *templates, *train, *test;
    struct task_index *index;
};

static int check_case(const struct goldens *g, const struct value *row)
{
    struct task_settings s = test_settings();
    const char *columns[] = {"q", "a", "c", "p", "n", "e"}, *template = text_of(row, "template");
    const struct value *want = value_get(row, "want");
    struct arena a = {0};
    int bad = 0;
    s.n_fewshot = (int)value_get(row, "fewshot")->i;
    s.system_instruction = text_of(row, "system");
    s.applies_chat = template != NULL;
    s.shots_as_turns = value_get(row, "multiturn")->b;
    struct task *t = test_load(g->index, "chat", &s);
    if (!t)
        fail_msg("%s", test_err.msg);
    struct chat *chat = template ? open_chat(text_of(g->templates, template)) : NULL;
    assert_int_equal(task_awaits_chat(t), chat != NULL);
    if (chat)
        task_set_chat(t, chat);
    assert_int_equal(
        task_begin(t, g->test->items[0], columns, 6, g->train->items, g->train->n, &test_err), 0);
    for (uint32_t i = 0; i < g->test->n; i++) {
        struct task_item item;
        if (task_ask(t, i, g->test->items[i], &a, &item, &test_err) < 0)
            fail_msg("%s", test_err.msg);
        bad |= check_item(&item, want->items[i]);
    }
    if (bad)
        print_message("%s: template %s, multiturn %d, system %s, %d examples\n",
                      text_of(row, "name"), template ? template : "none", s.shots_as_turns,
                      s.system_instruction ? s.system_instruction : "none", s.n_fewshot);
    task_release(t);
    chat_release(chat);
    arena_release(&a);
    return bad;
}

static void quiet(int level, const char *msg)
{
    (void)level;
    (void)msg;
}

static void test_equal_to_upstream(void **state)
{
    struct goldens g = {.templates = NULL};
    const char *text;
    size_t n, cases = 0, bad = 0;
    (void)state;
    log_to(quiet, LOG_ERROR);
    assert_int_equal(
        fs_read("tests/tasks/chat_contexts.jsonl", 16 << 20, &test_arena, &text, &n, &test_err), 0);
    for (const char *p = text, *end; p < text + n; p = end + 1) {
        const struct value *row, *v;
        end = strchr(p, '\n');
        assert_int_equal(
            json_parse(p, (size_t)(end - p), "golden", 1, &test_arena, &row, &test_err), 0);
        if ((v = value_get(row, "rows"))) {
            g.train = value_get(v, "train");
            g.test = value_get(v, "test");
        } else if ((v = value_get(row, "templates"))) {
            g.templates = v;
        } else if ((v = value_get(row, "config"))) {
            struct buf b;
            buf_init(&b, 0);
            json_write(&b, v, JSON_COMPACT);
            if (g.index)
                task_index_close(g.index);
            test_file("chat/chat.yaml", b.v);
            g.index = test_index(fs_join(&test_arena, test_tmp(), "chat"));
            buf_release(&b);
        } else {
            bad += (size_t)check_case(&g, row);
            cases++;
        }
    }
    task_index_close(g.index);
    assert_int_equal(cases, 260);
    assert_int_equal(bad, 0);
}

/* -- settings ---------------------------------------------------------------------------------- */

static const char yaml[] =
    "task: one\ndataset_path: json\ntest_split: test\noutput_type: multiple_choice\n"
    "description: 'Desc.'\n"
    "doc_to_text: '{{q}}'\ndoc_to_target: 0\ndoc_to_choice: ['a', 'b']\n"
    "metric_list: [{metric: acc}]\n";

static struct task *load_one(const struct task_settings *s)
{
    test_file("one/one.yaml", yaml);
    struct task_index *x = test_index(fs_join(&test_arena, test_tmp(), "one"));
    struct task *t = test_load(x, "one", s);
    if (!t)
        fail_msg("%s", test_err.msg);
    task_index_close(x);
    return t;
}

static struct task_item ask_one(struct task *t, int want)
{
    struct task_item item = {0};
    const char *columns[] = {"q"};
    struct test_rows rows = test_rows("{\"q\": \"why?\"}");
    assert_int_equal(task_begin(t, rows.v[0], columns, 1, NULL, 0, &test_err), 0);
    assert_int_equal(task_ask(t, 0, rows.v[0], &test_arena, &item, &test_err), want);
    return item;
}

/* The template is part of what a task is; what makes no difference leaves its hash alone. */
static void test_uids(void **state)
{
    struct task_settings plain = test_settings(), chat = plain, single, system = plain;
    (void)state;
    chat.applies_chat = chat.shots_as_turns = true;
    single = chat;
    single.shots_as_turns = false;
    system.system_instruction = "S";
    char uid[5][65];
    const struct task_settings *all[] = {&plain, &chat, &single, &system};
    for (size_t i = 0; i < 4; i++) {
        struct task *t = load_one(all[i]);
        task_set_chat(t, open_chat("{{ messages }}"));
        strcpy(uid[i], t->config_uid);
        task_release(t);
    }
    struct task *t = load_one(&chat);
    task_set_chat(t, open_chat("{{ messages }}."));
    strcpy(uid[4], t->config_uid);
    task_set_chat(t, open_chat("{{ messages }}"));
    assert_string_equal(t->config_uid, uid[1]);
    task_release(t);
    t = load_one(&plain);
    assert_string_equal(t->config_uid, uid[0]);
    task_release(t);
    for (size_t i = 0; i < 5; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(uid[i], uid[k]);
}

static void test_gen_prefix_of_settings(void **state)
{
    struct task_settings s = test_settings();
    (void)state;
    s.gen_prefix = "So";
    struct task *t = load_one(&s);
    struct task_item item = ask_one(t, 0);
    assert_string_equal(item.requests[0].context, "Desc.why? So");
    task_release(t);
    s.applies_chat = true;
    t = load_one(&s);
    ask_one(t, ASSAY_ESTATE); /* never plain text by mistake */
    task_set_chat(
        t, open_chat(
               "{% for m in messages %}{{ m.content }}|{% endfor %}{{ add_generation_prompt }}"));
    item = ask_one(t, 0);
    assert_string_equal(item.requests[0].context, "Desc.|why?|So");
    assert_string_equal(item.requests[1].continuation, " b");
    task_release(t);
}

/* -- a template's refusals --------------------------------------------------------------------- */

static void refuses(const char *template, const char *gen_prefix, const char *msg)
{
    struct task_settings s = test_settings();
    s.applies_chat = true;
    s.gen_prefix = gen_prefix;
    struct task *t = load_one(&s);
    struct chat *c = open_chat(template);
    task_set_chat(t, c);
    struct task_item item;
    const char *columns[] = {"q"};
    struct test_rows rows = test_rows("{\"q\": \"why?\"}");
    assert_int_equal(task_begin(t, rows.v[0], columns, 1, NULL, 0, &test_err), 0);
    assert_true(task_ask(t, 0, rows.v[0], &test_arena, &item, &test_err) < 0);
    if (strncmp(test_err.msg, msg, strlen(msg)) != 0)
        fail_msg("want %s\n got %s", msg, test_err.msg);
    chat_release(c);
    task_release(t);
}

static void test_refusals(void **state)
{
    struct chat *c;
    struct chat_source s = {.text = "x\n{{ a b }}", .n = 11, .where = "chat.jinja"};
    (void)state;
    assert_int_equal(chat_open(&s, &test_arena, &c, &test_err), ASSAY_EFORMAT);
    assert_string_equal(test_err.msg, "chat.jinja:2:6: unexpected 'b', expected '}}'");
    refuses("a\n {{ nothing.at.all }}", NULL, "chat.jinja:2:5: 'nothing' is undefined");
    refuses("{{ raise_exception('no: ' ~ messages[0].role) }}", NULL, "chat.jinja:1:4: no: user");
    refuses("{{ messages[0].role }}", "So",
            "chat.jinja: the template does not print the beginning");
    refuses("{% for m in messages %}{{ m.content | upper }}{% endfor %}", "So",
            "chat.jinja: the template does not print the beginning");
}

/* Without its system message where the template has none, and counted. */
static void test_system_refused(void **state)
{
    struct task_settings s = test_settings();
    (void)state;
    s.applies_chat = true;
    struct task *t = load_one(&s);
    struct chat *c =
        open_chat("{% if messages[0].role == 'system' %}{{ raise_exception('x') }}{% endif %}"
                  "{{ messages | map(attribute='content') | join('|') }}");
    task_set_chat(t, c);
    struct task_item item = ask_one(t, 0);
    assert_string_equal(item.requests[0].context, "why?");
    assert_int_equal(t->n_without_system, 1);
    chat_release(c);
    task_release(t);
}

/* A hostile template ends in an error with its place, soon. */
static void test_bounds(void **state)
{
    (void)state;
    refuses("{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
            NULL, "chat.jinja:1:");
    refuses("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", NULL, "chat.jinja:1:");
    refuses("{% for i in range(9000) %}{{ 'x' * 10000 }}{% endfor %}", NULL, "chat.jinja:1:");
    refuses("{{ range(100001) }}", NULL, "chat.jinja:1:4: range() of more than 100000 items");
    refuses("{{ [1] | tojson(indent=99999999) }}", NULL, "chat.jinja:1:");
    refuses("{% set ns = namespace(x=[]) %}{% for i in range(5000) %}{% set ns.x = [ns.x] %}{% "
            "endfor %}"
            "{{ ns.x | tojson }}",
            NULL, "chat.jinja:1:");
    refuses("{{ '{:99999999}'.format(1) }}", NULL, "chat.jinja:1:");
    refuses("{{ strftime_now('%c' * 5000) }}", NULL, "chat.jinja:1:");
    refuses("{% set ns = namespace(d={}) %}{% for i in range(100000) %}{% set ns.d = dict(ns.d, "
            "**{i | string: 1}) %}"
            "{% endfor %}{{ ns.d | length }}",
            NULL, "chat.jinja:1:");
}

static int tear_down(void **state)
{
    (void)state;
    test_tmp_remove();
    arena_release(&test_arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_to_upstream),      cmocka_unit_test(test_uids),
        cmocka_unit_test(test_gen_prefix_of_settings), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_system_refused),         cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, tear_down);
}
