/* fuzz.h - what the fuzzers share: the libFuzzer entry, and a private file for readers that want a
 * path.  Each fuzzer's invariant: whatever the bytes, the reader returns; nothing else. */
#ifndef FUZZ_H
#define FUZZ_H
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* The bytes as file `name` in this process's own folder; the path is good until the next call. */
static inline const char *fuzz_file(const char *name, const uint8_t *data, size_t n)
{
    static char dir[256], path[512];
    if (!dir[0]) {
        const char *tmp = getenv("TMPDIR");
        snprintf(dir, sizeof dir, "%.200s/assay-fuzz-XXXXXX", tmp ? tmp : "/tmp");
        if (!mkdtemp(dir))
            abort();
    }
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(data, 1, n, f) != n || fclose(f) != 0)
        abort();
    return path;
}
#endif
