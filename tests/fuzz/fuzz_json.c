/* fuzz_json.c - dataset rows: JSON lines through the row reader, CSV and JSON by the first byte. */
#include "tests/fuzz/fuzz.h"

#include "backends/backend.h"
#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/json.h"

static void write_back(const struct value *row)
{
    struct buf b;
    buf_init(&b, 1 << 20);
    json_write(&b, row, JSON_PYTHON | JSON_SORTED);
    buf_release(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const char *const names[] = {"rows.jsonl", "rows.json", "rows.csv", "rows.tsv"};
    if (n == 0)
        return 0;
    const char *path = fuzz_file(names[data[0] % 4], data + 1, n - 1);
    struct arena a = {0};
    struct value_entry files = {value_str(&a, "data_files"), value_str(&a, path)};
    struct data_source source = {.path = data[0] % 4 < 2 ? "json" : "csv", .split = "train",
                                 .kwargs = value_dict(&a, &files, 1), .base_dir = "/",
                                 .data_dirs = (const char *const[]){NULL},
                                 .recipe_dirs = (const char *const[]){NULL}};
    struct data *d = NULL;
    if (data_open(&source, &d, NULL) == 0) {
        const struct value *row = NULL;
        struct arena rows = {0};
        while (data_next(d, &rows, &row, NULL) == 0 && row) {
            write_back(row);
            arena_reset(&rows);
        }
        arena_release(&rows);
        data_close(d);
    }
    arena_release(&a);
    return 0;
}
