/* Datasets: every format, every way to a file, errors with their place, flat memory, real data. */
#include "tests/testing.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/yaml.h"

static struct arena arena;
static char dir[256];

static int make_dir(void **state)
{
    (void)state;
    temp_dir(dir);
    return 0;
}

static int remove_dir(void **state)
{
    (void)state;
    temp_remove(dir);
    arena_reset(&arena);
    return 0;
}

static const char *put(const char *name, const char *text)
{
    struct assay_err e = {0};
    char *path = fs_join(&arena, dir, name);
    assert_ok(fs_mkdirs(fs_dirname(&arena, path), &e), e);
    temp_write(path, text, strlen(text));
    return path;
}

static const struct value *yaml(const char *text)
{
    const struct value *v = NULL;
    struct assay_err e = {0};
    assert_ok(yaml_parse(text, strlen(text), "f", &arena, &v, &e), e);
    return v;
}

/* A source for one file of the temporary folder through the file loaders. */
static struct data_source loader(const char *path, const char *kwargs)
{
    return (struct data_source){
        .path = path, .split = "train", .kwargs = yaml(kwargs), .base_dir = dir};
}

/* All rows, one JSON text a line. */
static const char *dump(struct data *d)
{
    struct buf b;
    buf_init(&b, 0);
    const struct value *row;
    struct assay_err e = {0};
    for (;;) {
        assert_ok(data_next(d, &arena, &row, &e), e);
        if (!row)
            break;
        json_write(&b, row, JSON_COMPACT);
        buf_addc(&b, '\n');
    }
    const char *text = arena_strndup(&arena, b.v, b.n);
    buf_release(&b);
    return text;
}

static void assert_rows(struct data_source src, const char *want)
{
    struct data *d;
    struct assay_err e = {0};
    assert_ok(data_open(&src, &d, &e), e);
    assert_string_equal(dump(d), want);
    assert_ok(data_rewind(d, &e), e);
    assert_string_equal(dump(d), want);
    data_close(d);
}

/* Opening or reading fails with this message. */
static void assert_bad(struct data_source src, int code, const char *msg)
{
    struct data *d = NULL;
    struct assay_err e = {0};
    const struct value *row = &value_null;
    int rc = data_open(&src, &d, &e);
    while (rc == 0 && row)
        rc = data_next(d, &arena, &row, &e);
    assert_contains(e.msg, msg);
    assert_int_equal(rc, code);
    data_close(d);
}

static void reads_json_lines(void **state)
{
    (void)state;
    put("a.jsonl",
        "\xef\xbb\xbf{\"a\": 1, \"b\": \"x\"}\r\n\n  \n{\"a\": 2}\n{\"b\": \"z\", \"a\": 3}");
    struct data_source src = loader("json", "data_files: a.jsonl");
    assert_rows(src, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":null}\n{\"b\":\"z\",\"a\":3}\n");
    struct data *d;
    struct assay_err e = {0};
    size_t n;
    assert_ok(data_open(&src, &d, &e), e);
    const char *const *columns = data_columns(d, &n);
    assert_int_equal(n, 2);
    assert_string_equal(columns[1], "b");
    assert_string_equal(fs_basename(data_origin(d)), "a.jsonl");
    data_close(d);
    data_close(NULL);
}

static void reads_json_files_of_every_shape(void **state)
{
    (void)state;
    put("list.json", "\n[\n {\"a\": \"],}\\\"\"},\n {\"a\": [1, {\"b\": 2}]}\n]\n");
    assert_rows(loader("json", "data_files: list.json"),
                "{\"a\":\"],}\\\"\"}\n{\"a\":[1,{\"b\":2}]}\n");
    put("lines.json", "{\"a\": 1}\n{\"a\": 2}\n");
    assert_rows(loader("json", "data_files: lines.json"), "{\"a\":1}\n{\"a\":2}\n");
    put("pretty.json", "{\n  \"a\": 1\n}\n");
    assert_rows(loader("json", "data_files: pretty.json"), "{\"a\":1}\n");
    put("field.json", "{\"version\": [1, \"x\"], \"data\": [{\"a\": 1}, {\"a\": 2}], \"z\": 0}");
    assert_rows(loader("json", "{data_files: field.json, field: data}"), "{\"a\":1}\n{\"a\":2}\n");
    assert_bad(loader("json", "{data_files: field.json, field: rows}"), ASSAY_EFORMAT,
               "no key 'rows'");
    put("empty.json", "[]");
    assert_rows(loader("json", "data_files: empty.json"), "");
    put("b1.json", "[{\"a\": 1}\n {\"a\": 2}]");
    assert_bad(loader("json", "data_files: b1.json"), ASSAY_EFORMAT,
               "b1.json:2:2: expected ',' or ']'");
    put("b2.json", "[{\"a\": 1},\n {\"a\" 2}]");
    assert_bad(loader("json", "data_files: b2.json"), ASSAY_EFORMAT, "b2.json:2:7: expected ':'");
    put("b3.json", "[{\"a\": 1},\n {\"a\": 2}");
    assert_bad(loader("json", "data_files: b3.json"), ASSAY_EFORMAT,
               "b3.json:2:10: expected ',' or ']'");
    put("b4.json", "[{\"a\": 1}] x");
    assert_bad(loader("json", "data_files: b4.json"), ASSAY_EFORMAT,
               "b4.json:1:1: expected nothing after");
    put("b5.json", "[1, 2]");
    assert_bad(loader("json", "data_files: b5.json"), ASSAY_EFORMAT, "expected an object as row");
    put("b6.json", "[{\"a\": \"x");
    assert_bad(loader("json", "data_files: b6.json"), ASSAY_EFORMAT,
               "b6.json:1:10: unfinished string");
}

static void reads_csv_as_rfc_4180_and_pandas_have_it(void **state)
{
    (void)state;
    put("a.csv", "id,text,score,ok,gap,mixed\r\n"
                 "1,\"a, \"\"b\"\"\r\nc\",1.5,True,3,1\r\n"
                 "\r\n"
                 "-2,plain \"q\",2,False,,x\r\n"
                 "3,None,1e3,True,NaN,2\r\n");
    assert_rows(
        loader("csv", "data_files: a.csv"),
        "{\"id\":1,\"text\":\"a, "
        "\\\"b\\\"\\nc\",\"score\":1.5,\"ok\":true,\"gap\":3.0,\"mixed\":\"1\"}\n"
        "{\"id\":-2,\"text\":\"plain "
        "\\\"q\\\"\",\"score\":2.0,\"ok\":false,\"gap\":null,\"mixed\":\"x\"}\n"
        "{\"id\":3,\"text\":null,\"score\":1000.0,\"ok\":true,\"gap\":null,\"mixed\":\"2\"}\n");
    put("h.csv", "1;x\n2;y\n");
    assert_rows(loader("csv", "{data_files: h.csv, delimiter: ';', column_names: [n, s]}"),
                "{\"n\":1,\"s\":\"x\"}\n{\"n\":2,\"s\":\"y\"}\n");
    put("set/train.tsv", "q\ta\nx, y\t7\n");
    struct data_source tsv = {.path = "set", .split = "train", .base_dir = dir};
    assert_rows(tsv, "{\"q\":\"x, y\",\"a\":7}\n");
}

static void reads_text_lines(void **state)
{
    (void)state;
    put("t.txt", "one\n\nthree\r\nlast");
    assert_rows(loader("text", "data_files: t.txt"),
                "{\"text\":\"one\"}\n{\"text\":\"\"}\n{\"text\":\"three\"}\n{\"text\":\"last\"}\n");
}

static void bad_files_are_named_with_line_and_column(void **state)
{
    (void)state;
    put("a.jsonl", "{\"a\": 1}\n\n{\"a\" 2}\n");
    assert_bad(loader("json", "data_files: a.jsonl"), ASSAY_EFORMAT,
               "a.jsonl:3:6: expected ':' after a key");
    put("l.jsonl", "{\"a\": 1}\n[1]\n");
    assert_bad(loader("json", "data_files: l.jsonl"), ASSAY_EFORMAT,
               "l.jsonl:2:1: expected an object as row, found a value of type list");
    put("w.jsonl", "{\"a\": \"caf\xe9\"}\n");
    assert_bad(loader("json", "data_files: w.jsonl"), ASSAY_EFORMAT,
               "w.jsonl:1:11: byte 0xe9 is not UTF-8");
    put("u.jsonl", "\xff\xfe{");
    assert_bad(loader("json", "data_files: u.jsonl"), ASSAY_EFORMAT,
               "u.jsonl:1:1: the file is UTF-16");
    put("u.json", "\xfe\xff{");
    assert_bad(loader("json", "data_files: u.json"), ASSAY_EFORMAT,
               "u.json:1:1: the file is UTF-16");
    put("c.csv", "a,b\n1,2\n3\n");
    assert_bad(loader("csv", "data_files: c.csv"), ASSAY_EFORMAT, "c.csv:3: 1 fields, expected 2");
    put("q.csv", "a,b\n1,\"open\n2,3\n");
    assert_bad(loader("csv", "data_files: q.csv"), ASSAY_EFORMAT,
               "q.csv:2: quoted field never closed");
    put("r.csv", "a,b\n\"x\"y,2\n");
    assert_bad(loader("csv", "data_files: r.csv"), ASSAY_EFORMAT,
               "r.csv:2: text behind the closing quote of field 1, expected ','");
    put("n.csv", "a,a\n1,2\n");
    assert_bad(loader("csv", "data_files: n.csv"), ASSAY_EFORMAT,
               "n.csv:1: column 'a' named twice");
    put("e.csv", "");
    assert_bad(loader("csv", "data_files: e.csv"), ASSAY_EFORMAT, "e.csv:1: empty file");
    put("x.csv", "a\nb\n\xff\n");
    assert_bad(loader("csv", "data_files: x.csv"), ASSAY_EFORMAT,
               "x.csv:3:1: byte 0xff is not UTF-8");
    put("x.txt", "ok\n\xc3\xa9\xff\n");
    assert_bad(loader("text", "data_files: x.txt"), ASSAY_EFORMAT,
               "x.txt:2:2: byte 0xff is not UTF-8");
}

static void data_files_name_splits_and_globs(void **state)
{
    (void)state;
    put("p1.jsonl", "{\"a\":1}\n");
    put("p2.jsonl", "{\"a\":2}\n");
    put("sub/t.jsonl", "{\"a\":9}\n");
    assert_rows(loader("json", "data_files: [p2.jsonl, p1.jsonl]"), "{\"a\":2}\n{\"a\":1}\n");
    assert_rows(loader("json", "data_files: 'p*.jsonl'"), "{\"a\":1}\n{\"a\":2}\n");
    struct data_source src = loader("json", "data_files: {train: p1.jsonl, test: [sub/t.jsonl]}");
    src.split = "test";
    assert_rows(src, "{\"a\":9}\n");
    src.split = "dev";
    assert_bad(src, ASSAY_EUSAGE, "data_files has no split 'dev'");
    src = loader("json", "data_files: p1.jsonl");
    src.split = "test";
    assert_bad(src, ASSAY_EUSAGE, "without a mapping everything is 'train'");
    assert_bad(loader("json", "data_files: none.jsonl"), ASSAY_EIO,
               "data_files: cannot find 'none.jsonl'");
    assert_bad(loader("json", "{}"), ASSAY_EUSAGE, "needs dataset_kwargs with 'data_files'");
    assert_bad(loader("json", "data_files: 'https://example.org/x.jsonl'"), ASSAY_ENOTFOUND,
               "is on the network");
    assert_bad(loader("csv", "{data_files: p1.jsonl, delimiter: ab}"), ASSAY_EUSAGE,
               "must be one character");
}

static void recipes_come_before_convention(void **state)
{
    (void)state;
    put("r/set.yaml", "dataset: [own/set, set]\nabout: x\ndefault-name: main\nsplits:\n"
                      "  test: ['s/{name}.jsonl', s/all.jsonl]\n");
    put("d/s/main.jsonl", "{\"from\":\"recipe\"}\n");
    put("d/set/test.jsonl", "{\"from\":\"convention\"}\n");
    put("d/other/en/test.csv", "x\n1\n");
    put("d/other/test.de.jsonl", "{\"x\":2}\n");
    const char *const dirs[] = {fs_join(&arena, dir, "none"), fs_join(&arena, dir, "d"), NULL};
    const char *const recipes[] = {fs_join(&arena, dir, "r"), NULL};
    struct data_source src = {
        .path = "own/set", .split = "test", .data_dirs = dirs, .recipe_dirs = recipes};
    assert_rows(src, "{\"from\":\"recipe\"}\n");
    src.split = "train";
    assert_bad(src, ASSAY_EUSAGE, "dataset 'own/set' has no split 'train'; it has test");
    src.split = "test";
    src.name = "../../etc";
    assert_bad(src, ASSAY_EUSAGE,
               "needs a dataset_name that is a plain file name, got '../../etc'");
    src.name = ".hidden";
    assert_bad(src, ASSAY_EUSAGE, "got '.hidden'");
    src =
        (struct data_source){.path = "hub/other", .name = "en", .split = "test", .data_dirs = dirs};
    assert_rows(src, "{\"x\":1}\n");
    src.name = "de";
    assert_rows(src, "{\"x\":2}\n");
    src.name = "fr";
    assert_bad(src, ASSAY_ENOTFOUND,
               "no file for split 'test' of dataset 'hub/other' (fr); looked for '");
    src.data_dirs = NULL;
    assert_bad(src, ASSAY_ENOTFOUND,
               "no data for 'hub/other': name a folder with --data DIR or ASSAY_DATA");
    put("r/broken.yaml", "dataset: x\nsplit: {}\n");
    src.recipe_dirs = recipes;
    assert_bad(src, ASSAY_EFORMAT, "broken.yaml:2:1: unknown key 'split' (did you mean 'splits'?)");
}

static void uid_is_the_content(void **state)
{
    (void)state;
    struct data_source src = loader("json", "data_files: a.jsonl");
    struct assay_err e = {0};
    struct data *d;
    char uid[4][65], want[HASH_HEX];
    uint8_t h[HASH_BYTES];
    static const char *const texts[] = {"{\"a\":1}\n", "{\"a\":1}\n", "{\"a\":12}\n",
                                        "{\"a\":3}\n"};
    for (int i = 0; i < 4; i++) {
        /* The third differs from the first in size alone, the last in its time alone. */
        const struct timespec t[2] = {{1000000000, i / 3}, {1000000000, i / 3}};
        const char *path = put("a.jsonl", texts[i]);
        assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
        assert_ok(data_open(&src, &d, &e), e);
        assert_ok(data_uid(d, uid[i], &e), e);
        data_close(d);
    }
    hash_bytes(texts[0], strlen(texts[0]), h);
    assert_string_equal(uid[0], hash_hex(h, want));
    assert_string_equal(uid[0], uid[1]);
    assert_string_not_equal(uid[0], uid[2]);
    assert_string_not_equal(uid[0], uid[3]);
}

static long peak_kib(void)
{
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return r.ru_maxrss;
}

/* 300,000 rows of 100 bytes and a line of 2 MB: memory stays with the longest line. */
static void memory_does_not_grow_with_rows(void **state)
{
    (void)state;
    struct assay_err e = {0};
    FILE *f = fopen(fs_join(&arena, dir, "big.jsonl"), "w");
    assert_non_null(f);
    for (int i = 0; i < 300000; i++)
        fprintf(f, "{\"id\": %d, \"text\": \"%080d\"}\n", i, i);
    fclose(f);
    struct data_source src = loader("json", "data_files: big.jsonl");
    struct data *d;
    struct arena row_arena = {0};
    const struct value *row;
    assert_ok(data_open(&src, &d, &e), e);
    long before = peak_kib();
    int n = 0;
    for (;; n++) {
        arena_reset(&row_arena);
        assert_ok(data_next(d, &row_arena, &row, &e), e);
        if (!row)
            break;
        assert_int_equal(value_get(row, "id")->i, n);
    }
    assert_int_equal(n, 300000);
    long grown = peak_kib() - before;
    arena_release(&row_arena);
    data_close(d);
    assert_true(!testing_measures() || grown < 2048);
}

/* The shipped recipes against the public files, where these are at hand. */
static void shipped_recipes_find_real_data(void **state)
{
    (void)state;
    static const struct {
        const char *path, *name, *split, *column;
        int rows;
    } sets[] = {
        {"nyu-mll/blimp", "adjunct_island", "train", "sentence_good", 1000},
        {"openai/gsm8k", "main", "test", "question", 1319},
        {"openai/gsm8k", "main", "train", "answer", 500},
        {"cambridgeltl/xcopa", "ta", "test", "premise", 500},
        {"cambridgeltl/xcopa", "it", "validation", "choice1", 100},
    };
    if (!fs_is_dir("../shared/datasets")) {
        print_message("skipped: ../shared/datasets is not there\n");
        skip();
    }
    const char *const dirs[] = {"../shared/datasets", NULL};
    const char *const recipes[] = {"datasets/recipes", NULL};
    for (size_t i = 0; i < N_OF(sets); i++) {
        struct data_source src = {.path = sets[i].path,
                                  .name = sets[i].name,
                                  .split = sets[i].split,
                                  .data_dirs = dirs,
                                  .recipe_dirs = recipes};
        struct data *d;
        struct assay_err e = {0};
        const struct value *row;
        assert_ok(data_open(&src, &d, &e), e);
        int n = 0;
        for (;; n++) {
            arena_reset(&arena);
            assert_ok(data_next(d, &arena, &row, &e), e);
            if (!row)
                break;
            assert_non_null(value_get(row, sets[i].column));
        }
        assert_int_equal(n, sets[i].rows);
        data_close(d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_json_lines, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(reads_json_files_of_every_shape, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(reads_csv_as_rfc_4180_and_pandas_have_it, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(reads_text_lines, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(bad_files_are_named_with_line_and_column, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(data_files_name_splits_and_globs, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(recipes_come_before_convention, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(uid_is_the_content, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(memory_does_not_grow_with_rows, make_dir, remove_dir),
        cmocka_unit_test(shipped_recipes_find_real_data),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
