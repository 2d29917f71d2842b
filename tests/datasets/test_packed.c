/* Compressed rows: every format through gzip and zstd, damaged files, bombs; and what a task file may
 * not name. */
#include "tests/testing.h"

#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/fs.h"
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

static const char *at(const char *name)
{
    return fs_join(&arena, dir, name);
}

static void put_gzip(const char *name, const char *text, size_t n, const char *mode)
{
    gzFile f = gzopen(at(name), mode);
    assert_non_null(f);
    assert_int_equal(gzwrite(f, text, (unsigned)n), n);
    assert_int_equal(gzclose(f), Z_OK);
}

static void put_zstd(const char *name, const char *text, size_t n, const char *mode)
{
    size_t cap = ZSTD_compressBound(n);
    char *out = malloc(cap);
    size_t size = ZSTD_compress(out, cap, text, n, 3);
    assert_false(ZSTD_isError(size));
    FILE *f = fopen(at(name), mode);
    assert_non_null(f);
    assert_int_equal(fwrite(out, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
    free(out);
}

static const struct value *yaml(const char *text)
{
    const struct value *v = NULL;
    struct assay_err e = {0};
    assert_ok(yaml_parse(text, strlen(text), "f", &arena, &v, &e), e);
    return v;
}

static int read_all(const char *loader, const char *kwargs, struct buf *out, struct assay_err *e)
{
    struct data_source src = {
        .path = loader, .split = "train", .kwargs = yaml(kwargs), .base_dir = dir};
    struct data *d = NULL;
    struct arena rows = {0};
    const struct value *row = &value_null;
    buf_clear(out);
    int rc = data_open(&src, &d, e);
    while (rc == 0 && row) {
        arena_reset(&rows);
        rc = data_next(d, &rows, &row, e);
        if (rc == 0 && row) {
            json_write(out, row, JSON_COMPACT);
            buf_addc(out, '\n');
        }
    }
    arena_release(&rows);
    data_close(d);
    return rc;
}

static void assert_rows(const char *loader, const char *kwargs, const char *want)
{
    struct buf b;
    struct assay_err e = {0};
    buf_init(&b, 0);
    assert_ok(read_all(loader, kwargs, &b, &e), e);
    assert_string_equal(b.v, want);
    buf_release(&b);
}

static void assert_refused(const char *loader, const char *kwargs, int code, const char *why)
{
    struct buf b;
    struct assay_err e = {0};
    buf_init(&b, 0);
    int rc = read_all(loader, kwargs, &b, &e);
    assert_contains(e.msg, why);
    assert_int_equal(rc, code);
    buf_release(&b);
}

static void reads_every_format_packed(void **state)
{
    static const struct {
        const char *ext, *loader, *text, *want;
    } formats[] = {
        {"jsonl", "json", "{\"a\": 1}\n{\"a\": 2}\n", "{\"a\":1}\n{\"a\":2}\n"},
        {"ndjson", "json", "{\"a\": 1}\n", "{\"a\":1}\n"},
        {"json", "json", "[{\"a\": 1},\n {\"a\": 2}]", "{\"a\":1}\n{\"a\":2}\n"},
        {"csv", "csv", "a,b\n1,x\n2,\"y\nz\"\n", "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\\nz\"}\n"},
        {"txt", "text", "one\ntwo", "{\"text\":\"one\"}\n{\"text\":\"two\"}\n"},
    };
    (void)state;
    for (size_t i = 0; i < N_OF(formats); i++) {
        const char *gz = arena_printf(&arena, "r%zu.%s.gz", i, formats[i].ext);
        const char *zst = arena_printf(&arena, "r%zu.%s.zst", i, formats[i].ext);
        put_gzip(gz, formats[i].text, strlen(formats[i].text), "wb");
        put_zstd(zst, formats[i].text, strlen(formats[i].text), "wb");
        assert_rows(formats[i].loader, arena_printf(&arena, "data_files: %s", gz), formats[i].want);
        assert_rows(formats[i].loader, arena_printf(&arena, "data_files: %s", zst), formats[i].want);
    }
}

static void reads_members_one_after_another(void **state)
{
    (void)state;
    put_gzip("a.jsonl.gz", "{\"a\": 1}\n{\"a\"", 13, "wb");
    put_gzip("a.jsonl.gz", ": 2}\n", 5, "ab");
    assert_rows("json", "data_files: a.jsonl.gz", "{\"a\":1}\n{\"a\":2}\n");
    put_zstd("b.jsonl.zst", "{\"a\": 1}\n", 9, "wb");
    put_zstd("b.jsonl.zst", "{\"a\": 2}\n", 9, "ab");
    assert_rows("json", "data_files: b.jsonl.zst", "{\"a\":1}\n{\"a\":2}\n");
    /* What it is shows in its bytes: no extension is needed, and a wrong one is told. */
    assert_int_equal(rename(at("a.jsonl.gz"), at("c.jsonl")), 0);
    assert_rows("json", "data_files: c.jsonl", "{\"a\":1}\n{\"a\":2}\n");
    temp_write(at("d.jsonl.gz"), "{\"a\": 1}\n", 9);
    assert_refused("json", "data_files: d.jsonl.gz", ASSAY_EFORMAT, "not compressed as its name says");
}

static void cut(const char *name, off_t less)
{
    struct stat st;
    assert_int_equal(stat(at(name), &st), 0);
    assert_int_equal(truncate(at(name), st.st_size - less), 0);
}

static void refuses_damaged_files(void **state)
{
    static char text[200000];
    (void)state;
    size_t n = 0;
    for (unsigned x = 1; n + 32 < sizeof text; x = x * 1103515245 + 12345)
        n += (size_t)snprintf(text + n, 32, "{\"a\":%u}\n", x);
    put_gzip("a.jsonl.gz", text, n, "wb");
    put_zstd("a.jsonl.zst", text, n, "wb");
    cut("a.jsonl.gz", 4000);
    cut("a.jsonl.zst", 4000);
    assert_refused("json", "data_files: a.jsonl.gz", ASSAY_EFORMAT, "ends in the middle");
    assert_refused("json", "data_files: a.jsonl.zst", ASSAY_EFORMAT, "ends in the middle");
    put_gzip("b.jsonl.gz", text, n, "wb");
    FILE *f = fopen(at("b.jsonl.gz"), "r+b");
    assert_int_equal(fseek(f, 3000, SEEK_SET), 0);
    fputs("xxxxxxxx", f);
    fclose(f);
    assert_refused("json", "data_files: b.jsonl.gz", ASSAY_EFORMAT, "damaged gzip data");
}

/* 300 MiB of one line after another, all the same: 300 KiB of gzip, 30 KiB of zstd. */
static void refuses_bombs(void **state)
{
    enum { CHUNK = 1 << 20, N_CHUNKS = 300 };
    static char chunk[CHUNK];
    (void)state;
    memset(chunk, ' ', sizeof chunk);
    gzFile f = gzopen(at("bomb.jsonl.gz"), "wb9");
    for (int i = 0; i < N_CHUNKS; i++)
        assert_int_equal(gzwrite(f, chunk, CHUNK), CHUNK);
    assert_int_equal(gzclose(f), Z_OK);
    assert_refused("json", "data_files: bomb.jsonl.gz", ASSAY_ELIMIT, "decompression bomb");
    assert_int_equal(rename(at("bomb.jsonl.gz"), at("bomb.json.gz")), 0);
    assert_refused("json", "data_files: bomb.json.gz", ASSAY_ELIMIT, "decompression bomb");
    for (int i = 0; i < N_CHUNKS; i++)
        put_zstd("bomb.csv.zst", chunk, CHUNK, i ? "ab" : "wb");
    assert_refused("csv", "data_files: bomb.csv.zst", ASSAY_ELIMIT, "decompression bomb");
}

static void knows_headers(void **state)
{
    (void)state;
    temp_write(at("a.csv"), "x,y\n1,2\n", 8);
    assert_rows("csv", "{data_files: a.csv, column_names: [p, q], header: 0}", "{\"p\":1,\"q\":2}\n");
    assert_rows("csv", "{data_files: a.csv, names: [p, q], header: null}",
                "{\"p\":\"x\",\"q\":\"y\"}\n{\"p\":\"1\",\"q\":\"2\"}\n");
    assert_refused("csv", "{data_files: a.csv, header: null}", ASSAY_EUNSUPPORTED, "'header'");
    assert_refused("csv", "{data_files: a.csv, skiprows: 1}", ASSAY_EUNSUPPORTED, "'skiprows'");
    assert_refused("text", "{data_files: a.csv, sample_by: document}", ASSAY_EUNSUPPORTED, "'sample_by'");
}

static void task_files_name_nothing_outside(void **state)
{
    struct assay_err e = {0};
    struct buf b;
    (void)state;
    buf_init(&b, 0);
    char *secret = arena_printf(&arena, "%s-secret.txt", dir);
    temp_write(secret, "secret\n", 7);
    assert_int_equal(symlink(secret, at("link.txt")), 0);
    assert_refused("text", "data_files: link.txt", ASSAY_EUNSUPPORTED, "outside the task's folder");
    assert_refused("text", "data_files: '*.txt'", ASSAY_EUNSUPPORTED, "outside the task's folder");
    assert_refused("text", arena_printf(&arena, "data_files: %s", secret), ASSAY_EUNSUPPORTED,
                   "outside the task's folder");
    assert_refused("text", arena_printf(&arena, "data_files: ../%s", fs_basename(secret)),
                   ASSAY_EUNSUPPORTED, "outside the task's folder");
    /* --data with its folder allows it. */
    const char *dirs[] = {fs_dirname(&arena, secret), NULL};
    struct data_source src = {.path = "text",
                              .split = "train",
                              .kwargs = yaml(arena_printf(&arena, "data_files: %s", secret)),
                              .base_dir = dir,
                              .data_dirs = dirs};
    struct data *d = NULL;
    assert_ok(data_open(&src, &d, &e), e);
    data_close(d);
    /* Nor through the name of a dataset. */
    assert_int_equal(mkdir(at("sub"), 0777), 0);
    const char *sub[] = {at("sub"), NULL};
    src = (struct data_source){.path = arena_printf(&arena, "../../%s/x", fs_basename(dir)),
                               .split = "train",
                               .base_dir = at("sub"),
                               .data_dirs = sub};
    assert_int_equal(mkdir(at("x"), 0777), 0);
    temp_write(at("x/train.jsonl"), "{\"a\":1}\n", 8);
    assert_int_equal(data_open(&src, &d, &e), ASSAY_EUNSUPPORTED);
    unlink(secret);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reads_every_format_packed, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(reads_members_one_after_another, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_damaged_files, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(refuses_bombs, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(knows_headers, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(task_files_name_nothing_outside, make_dir, remove_dir),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return rc;
}
