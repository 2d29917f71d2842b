/* test_plugin.c - plugins of other days and broken ones: taken as far as both sides agree, or
 * refused with one sentence.  Needs a compiler at run time. */
#include "tests/testing.h"
#include <sys/stat.h>
#include <unistd.h>
#include "harness/base/arena.h"
#include "harness/base/value.h"
#include "harness/run/plugin.h"

struct fixture {
    char dir[256];
    struct arena arena;
    struct assay_err e;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    temp_dir(f->dir);
    setenv("ASSAY_BACKEND_PATH", f->dir, 1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    temp_remove(f->dir);
    arena_release(&f->arena);
    free(f);
    return 0;
}

/* Compiles tests/abi/plugin.c to DIR/NAME.so. */
static const char *build(struct fixture *f, const char *name, const char *macros)
{
    const char *path = arena_printf(&f->arena, "%s/%s.so", f->dir, name);
    const char *cc = getenv("CC");
    const char *cmd =
        arena_printf(&f->arena, "%s -std=c11 -shared -fPIC -I. %s -o '%s' tests/abi/plugin.c",
                     cc && *cc ? cc : "cc", macros, path);
    if (system("command -v cc > /dev/null") != 0 && !(cc && *cc)) {
        print_message("no C compiler\n");
        skip();
    }
    assert_int_equal(system(cmd), 0);
    return path;
}

static const struct plugin *load(struct fixture *f, const char *path)
{
    const struct plugin *p = NULL;
    assert_ok(plugin_load(path, &f->arena, &p, &f->e), f->e);
    return p;
}

static void refused(struct fixture *f, const char *path, const char *part)
{
    const struct plugin *p = NULL;
    f->e.msg[0] = 0;
    assert_true(plugin_load(path, &f->arena, &p, &f->e) < 0);
    assert_contains(f->e.msg, path);
    assert_contains(f->e.msg, part);
    assert_null(strchr(f->e.msg, '\n'));
}

/* -- plugins of other days --------------------------------------------------------------------- */

static void test_older_and_newer(void **state)
{
    struct fixture *f = *state;
    static const char older[] =
        "-DNAME='\"older\"' -DSIZE='offsetof(struct assay_backend, tokenize)'";
    static const char newer[] = "-DNAME='\"newer\"'";
    const struct plugin *p = load(f, build(f, "older", older));
    assert_string_equal(p->name, "older");
    assert_null(p->api.piece); /* behind the size it states: not there */
    assert_non_null(p->api.info);
    p = load(f, build(f, "newer", newer));
    assert_true(p->api.size > sizeof p->api);
    assert_non_null(p->api.piece);
    assert_null(p->api.score);
}

/* A plugin without open_facts is opened whole; one that has it, never. */
static void test_open_facts(void **state)
{
    struct fixture *f = *state;
    struct engine g;
    void *options;
    const struct value *record;
    struct value_entry x = {value_str(&f->arena, "model"), value_str(&f->arena, "fail")};
    const struct value *settings = value_dict(&f->arena, &x, 1);
    const struct plugin *p = load(f, build(f, "whole", "-DNAME='\"whole\"'"));
    assert_ok(plugin_options(p, settings, NULL, &f->arena, &options, &record, &f->e), f->e);
    assert_int_equal(engine_open_facts(p, options, &g, &f->e), ASSAY_EFORMAT);
    p = load(f, build(f, "facts", "-DNAME='\"facts\"' -DFACTS"));
    assert_ok(plugin_options(p, settings, NULL, &f->arena, &options, &record, &f->e), f->e);
    assert_ok(engine_open_facts(p, options, &g, &f->e), f->e);
    assert_null(g.info.bos_text); /* behind what the plugin knows of */
    assert_int_equal(g.info.n_chat_templates, 0);
    engine_close(&g);
    /* Templates that are counted but not there. */
    p = load(f, build(f, "liar", "-DNAME='\"liar\"' -DFACTS -DTEMPLATES=3"));
    assert_ok(plugin_options(p, settings, NULL, &f->arena, &options, &record, &f->e), f->e);
    assert_int_equal(engine_open_facts(p, options, &g, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "reports 3 chat templates it does not list");
}

static void test_open(void **state)
{
    struct fixture *f = *state;
    struct engine g;
    void *options;
    const struct value *record;
    const struct plugin *p = load(f, build(f, "good", ""));
    struct value_entry x = {value_str(&f->arena, "model"), value_str(&f->arena, "some")};
    assert_ok(
        plugin_options(p, value_dict(&f->arena, &x, 1), NULL, &f->arena, &options, &record, &f->e),
        f->e);
    assert_true(value_is_str(value_get(record, "other"), "fallback"));
    assert_ok(engine_open(p, options, &g, &f->e), f->e);
    assert_int_equal(g.info.eos, 2);
    assert_string_equal(g.info.precision, ""); /* unset: empty, not NULL */
    assert_int_equal(engine_needs(&g, ASSAY_CAN_SCORE, &f->e), ASSAY_EUNSUPPORTED);
    assert_contains(f->e.msg, "cannot score");
    engine_close(&g);
    x.value = value_str(&f->arena, "nothing");
    assert_ok(
        plugin_options(p, value_dict(&f->arena, &x, 1), NULL, &f->arena, &options, &record, &f->e),
        f->e);
    assert_int_equal(engine_open(p, options, &g, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "opened nothing");
    x.value = value_str(&f->arena, "fail"); /* its message has no end */
    assert_ok(
        plugin_options(p, value_dict(&f->arena, &x, 1), NULL, &f->arena, &options, &record, &f->e),
        f->e);
    assert_int_equal(engine_open(p, options, &g, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "xxxx");
    x.key = value_str(&f->arena, "modle");
    assert_int_equal(
        plugin_options(p, value_dict(&f->arena, &x, 1), NULL, &f->arena, &options, &record, &f->e),
        ASSAY_EUSAGE);
    assert_contains(f->e.msg, "did you mean 'model'");
}

static void test_capability_lies(void **state)
{
    struct fixture *f = *state;
    struct engine g;
    void *options;
    const struct value *record;
    struct value_entry x = {value_str(&f->arena, "model"), value_str(&f->arena, "some")};
    const struct plugin *p = load(f, build(f, "lie", "-DNAME='\"lie\"' -DCAPS=ASSAY_CAN_GENERATE"));
    assert_ok(
        plugin_options(p, value_dict(&f->arena, &x, 1), NULL, &f->arena, &options, &record, &f->e),
        f->e);
    assert_int_equal(engine_open(p, options, &g, &f->e), ASSAY_EFORMAT);
    assert_contains(f->e.msg, "says it can generate but has no such method");
}

/* -- refused ----------------------------------------------------------------------------------- */

static void test_refused(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name, *macros, *part;
    } cases[] = {
        {"major", "-DENTRY=assay_backend_2",
         "version 2 of the backend contract, this assay speaks 1"},
        {"nosym", "-DENTRY=something_else", "does not export assay_backend_1"},
        {"refuse", "-DREFUSE", "refuses to work here"},
        {"tiny", "-DSIZE=16", "16 bytes, at least"},
        {"noopen", "-DOPEN=NULL", "required method 'open' is missing"},
        {"badname", "-DNAME='\"Bad Name\"'", "name is missing or not made of"},
        {"outside", "-DOFFSET=4096", "option 'model' lies outside its options struct"},
        {"crooked", "-DOFFSET=3", "option 'model' lies outside its options struct"},
        {"kind", "-DKIND=77", "option 'model' is of unknown kind 77"},
        {"number", "-DKIND=ASSAY_INT", "lacks the text option 'model'"},
        {"nomodel", "-DMODEL='\"path\"'", "lacks the text option 'model'"},
        {"twice", "-DSECOND='\"model\"'", "option 'model' is there twice"},
        {"misnamed", "", "calls itself 'good', so its file must be named 'good.so'"},
    };
    for (size_t i = 0; i < N_OF(cases); i++)
        refused(f, build(f, cases[i].name, cases[i].macros), cases[i].part);
}

static void test_no_shared_object(void **state)
{
    struct fixture *f = *state;
    const char *path = arena_printf(&f->arena, "%s/x.so", f->dir);
    refused(f, path, "cannot be read");
    temp_write(path, "", 0);
    refused(f, path, "is not a shared object");
    temp_write(path, "#!/bin/sh\n", 10);
    refused(f, path, "is not a shared object");
    temp_write(path, "\177ELF then nothing good", 22);
    refused(f, path, "cannot be loaded");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    refused(f, path, "is not a shared object");
}

/* -- finding ----------------------------------------------------------------------------------- */

static void test_scan(void **state)
{
    struct fixture *f = *state;
    struct plugin_list list;
    const char *second = arena_printf(&f->arena, "%s/second", f->dir);
    char text[1024];
    build(f, "good", "");
    build(f, "tiny", "-DSIZE=16");
    assert_int_equal(mkdir(second, 0700), 0);
    snprintf(text, sizeof text, "cp '%s/good.so' '%s/good.so'", f->dir, second);
    assert_int_equal(system(text), 0);
    snprintf(text, sizeof text, "%s:/nonexistent::%s", f->dir, second);
    setenv("ASSAY_BACKEND_PATH", text, 1);
    assert_ok(plugin_scan(&f->arena, &list, &f->e), f->e);
    size_t n_good = 0, n_native = 0, n_refused = 0;
    for (size_t i = 0; i < list.n_found; i++) {
        n_good += strcmp(list.found[i]->name, "good") == 0;
        n_native += strcmp(list.found[i]->name, "native") == 0 && !list.found[i]->path;
        if (i)
            assert_true(strcmp(list.found[i - 1]->name, list.found[i]->name) < 0);
    }
    for (size_t i = 0; i < list.n_refused; i++) {
        n_refused += strstr(list.refused[i].path, "tiny.so") != NULL;
        if (strstr(list.refused[i].path, "second/good.so"))
            assert_contains(list.refused[i].reason, "'good' was found before");
    }
    assert_int_equal(n_good, 1);
    assert_int_equal(n_native, 1);
    assert_int_equal(n_refused, 1);
    const struct plugin *p;
    assert_int_equal(plugin_find("tiny", &f->arena, &p, &f->e), ASSAY_EFORMAT);
    assert_int_equal(plugin_find("../good", &f->arena, &p, &f->e), ASSAY_EUSAGE);
    assert_int_equal(plugin_find("goood", &f->arena, &p, &f->e), ASSAY_EUSAGE);
    assert_contains(f->e.msg, "did you mean 'good'");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_older_and_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open_facts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_capability_lies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_shared_object, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_scan, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
