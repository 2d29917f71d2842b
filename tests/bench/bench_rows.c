/* bench_rows.c - how fast rows become values, and what a million of them leave in memory.
 *
 *   bench_rows [ROWS]         default 1,000,000 rows of about 360 bytes, JSON lines and CSV, plain and
 *                             packed with gzip and zstd
 *
 * Prints format, MB/s of the text, rows/s wall and by processor time, that beside the plain file of the
 * same run, and the growth of peak memory while reading, which must stay flat.  Every row is another
 * text, or packing would flatter. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "backends/backend.h"
#include "datasets/data.h"
#include "harness/base/arena.h"
#include "harness/base/clock.h"
#include "harness/base/fs.h"
#include "harness/base/rng.h"

/* A sentence of about a hundred bytes. */
static void make_text(struct rng *r, char out[160])
{
    static const char *const words[] = {
        "committee", "museum", "neighbours", "admired", "meeting",  "Derek's", "hugged", "harbour",
        "seldom",    "window", "letters",    "quietly", "mountain", "because", "carried", "winter"};
    size_t n = 0;
    while (n < 100)
        n += (size_t)snprintf(out + n, 160 - n, "%s%s%u", n ? " " : "", words[rng_below(r, 16)],
                              (unsigned)rng_below(r, 10));
}

static int write_rows(const char *path, long n, int csv)
{
    FILE *f = fopen(path, "w");
    if (!f)
        return -1;
    if (csv)
        fprintf(f, "sentence_good,sentence_bad,field,simple,id,score\n");
    struct rng r = {42};
    char good[160], bad[160];
    for (long i = 0; i < n; i++) {
        make_text(&r, good);
        make_text(&r, bad);
        fprintf(
            f,
            csv ? "\"%s\",\"%s\",syntax,True,%ld,%.3f\n"
                : "{\"sentence_good\": \"%s\", \"sentence_bad\": \"%s\", \"field\": \"syntax\", "
                  "\"simple\": true, \"id\": %ld, \"score\": %.3f}\n",
            good, bad, i, (double)i / 7);
    }
    return fclose(f);
}

/* Packs `path` into `path`.gz or `path`.zst, as `gzip -6` and `zstd -3` would. */
static int pack(const char *path, const char *packed)
{
    struct fs_map m;
    if (fs_map(path, &m, NULL) < 0)
        return -1;
    int rc = -1;
    if (strcmp(strrchr(packed, '.'), ".gz") == 0) {
        gzFile f = gzopen(packed, "wb6");
        rc = f ? 0 : -1;
        for (size_t at = 0, n; rc == 0 && at < m.n; at += n) {
            n = m.n - at < 1 << 20 ? m.n - at : 1 << 20;
            rc = gzwrite(f, m.v + at, (unsigned)n) == (int)n ? 0 : -1;
        }
        if (f && gzclose(f) != Z_OK)
            rc = -1;
    } else {
        size_t cap = ZSTD_compressBound(m.n);
        char *out = malloc(cap);
        size_t n = out ? ZSTD_compress(out, cap, m.v, m.n, 3) : 0;
        rc = out && !ZSTD_isError(n) ? fs_write_atomic(packed, out, n, NULL) : -1;
        free(out);
    }
    fs_unmap(&m);
    return rc;
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

struct text {
    const char *loader;
    long rows;
    off_t bytes;
    double plain_s;                        /* processor seconds of the plain file */
};

static void print_line(const char *path, struct text *t, double wall, double cpu, long more)
{
    const double n = (double)t->rows;
    if (t->plain_s == 0)
        t->plain_s = cpu;
    printf("%-10s %8.0f MB/s %10.0f rows/s %10.0f rows/cpu s %5.2f of plain %8ld KiB more\n",
           strchr(fs_basename(path), '.') + 1, (double)t->bytes / 1e6 / wall, n / wall, n / cpu,
           t->plain_s / cpu, more);
}

static int read_rows(const char *path, struct text *t, struct assay_err *e)
{
    struct arena a = {0}, row_arena = {0};
    struct value_entry files = {value_str(&a, "data_files"), value_str(&a, path)};
    struct data_source src = {
        .path = t->loader, .split = "train", .kwargs = value_dict(&a, &files, 1)};
    struct data *d = NULL;
    const struct value *row = &value_null;
    long n = 0, before = peak_kib();
    int64_t start = clock_ns(), cpu = clock_cpu_ns();
    int rc = data_open(&src, &d, e);
    while (rc == 0 && row) {
        arena_reset(&row_arena);
        rc = data_next(d, &row_arena, &row, e);
        n += row != NULL;
    }
    if (rc == 0 && n == t->rows)
        print_line(path, t, (double)(clock_ns() - start) / 1e9, (double)(clock_cpu_ns() - cpu) / 1e9,
                   peak_kib() - before);
    data_close(d);
    arena_release(&row_arena);
    arena_release(&a);
    return rc < 0 ? rc : n == t->rows ? 0 : -1;
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
        static const char *const packed[] = {"", ".gz", ".zst"};
        const char *path = fs_join(&a, dir, names[i]);
        struct stat st = {0};
        rc = write_rows(path, n, i);
        if (rc == 0)
            rc = stat(path, &st);
        struct text t = {loaders[i], n, st.st_size, 0};
        for (int k = 0; k < 3 && rc == 0; k++) {
            const char *file = arena_printf(&a, "%s%s", path, packed[k]);
            if (k)
                rc = pack(path, file);
            if (rc == 0)
                rc = read_rows(file, &t, &e);
            if (k)
                unlink(file);
        }
        unlink(path);
    }
    if (rc != 0)
        fprintf(stderr, "bench_rows: %s\n", *e.msg ? e.msg : "cannot write or count rows");
    rmdir(dir);
    arena_release(&a);
    return rc != 0;
}
