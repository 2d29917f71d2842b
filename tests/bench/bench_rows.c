/* bench_rows.c - how fast rows become values, and what a million of them leave in memory.
 *
 *   bench_rows [ROWS]         default 1,000,000 rows of about 360 bytes, JSON lines and CSV
 *
 * Prints format, MB/s, rows/s and the growth of peak memory while reading, which must stay flat. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/backend.h"
#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/fs.h"

static const char good[] =
    "Who should the committee that Derek's neighbours admired have hugged after "
    "the long meeting about the museum?";

static int write_rows(const char *path, long n, int csv)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    if (csv)
        fprintf(f, "sentence_good,sentence_bad,field,simple,id,score\n");
    for (long i = 0; i < n; i++)
        fprintf(
            f,
            csv ? "\"%s\",\"%s\",syntax,True,%ld,%.3f\n"
                : "{\"sentence_good\": \"%s\", \"sentence_bad\": \"%s\", \"field\": \"syntax\", "
                  "\"simple\": true, \"id\": %ld, \"score\": %.3f}\n",
            good, good, i, (double)i / 7);
    return fclose(f);
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static int read_rows(const char *path, const char *loader, long want, struct assay_err *e)
{
    struct arena a = {0}, row_arena = {0};
    struct value_entry files = {value_str(&a, "data_files"), value_str(&a, path)};
    struct data_source src = {
        .path = loader, .split = "train", .kwargs = value_dict(&a, &files, 1)};
    struct data *d = NULL;
    const struct value *row = &value_null;
    struct stat st = {0};
    long n = 0, before = peak_kib();
    int64_t start = clock_ns();
    int rc = data_open(&src, &d, e);
    while (rc == 0 && row) {
        arena_reset(&row_arena);
        rc = data_next(d, &row_arena, &row, e);
        n += row != NULL;
    }
    double s = (double)(clock_ns() - start) / 1e9;
    if (rc == 0 && n == want && stat(path, &st) == 0)
        printf("%-6s %8.0f MB/s %10.0f rows/s %8ld KiB more\n", strrchr(path, '.') + 1,
               (double)st.st_size / 1e6 / s, (double)n / s, peak_kib() - before);
    data_close(d);
    arena_release(&row_arena);
    arena_release(&a);
    return rc < 0 ? rc : n == want ? 0 : -1;
}

int main(int argc, char **argv)
{
    long n = argc > 1 ? atol(argv[1]) : 1000000;
    const char *tmp = getenv("TMPDIR");
    static const char *const names[] = {"rows.jsonl", "rows.csv"}, *const loaders[] = {"json",
                                                                                       "csv"};
    struct arena a = {0};
    struct assay_err e = {0};
    char *dir = arena_printf(&a, "%s/assay-bench-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    int rc = mkdtemp(dir) ? 0 : -1;
    for (int i = 0; rc == 0 && i < 2; i++) {
        const char *path = fs_join(&a, dir, names[i]);
        rc = write_rows(path, n, i);
        if (rc == 0)
            rc = read_rows(path, loaders[i], n, &e);
        unlink(path);
    }
    if (rc != 0)
        fprintf(stderr, "bench_rows: %s\n", *e.msg ? e.msg : "cannot write or count rows");
    rmdir(dir);
    arena_release(&a);
    return rc != 0;
}
