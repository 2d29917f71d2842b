/* scratch.c - see scratch.h.  Names in it are the code's: nothing follows a link. */
#include "harness/run/scratch.h"

#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OPEN_FOLDERS = 16 };

/* "base/assay-code-PID-end" */
static bool name(char path[4096], pid_t pid, const char *end)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(path, 4096, "%s/assay-code-%ld-%s", base && base[0] == '/' ? base : "/tmp", (long)pid, end);
    return n > 0 && n < 4096;
}

char *scratch_make(void)
{
    char path[4096];
    return name(path, getpid(), "XXXXXX") && mkdtemp(path) ? strdup(path) : NULL;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    remove(path);
    return 0;
}

void scratch_remove(const char *path)
{
    if (path)
        nftw(path, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

void scratch_remove_of(pid_t pid)
{
    char pattern[4096];
    glob_t found;
    if (!name(pattern, pid, "??????") || glob(pattern, GLOB_NOSORT, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        scratch_remove(found.gl_pathv[i]);
    globfree(&found);
}

static _Thread_local struct {
    uint64_t bytes, files;
} seen;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path;
    (void)at;
    seen.files++;
    seen.bytes += type == FTW_NS ? 0 : (uint64_t)st->st_blocks * 512;
    return seen.bytes > SCRATCH_BYTES || seen.files > SCRATCH_FILES;
}

bool scratch_is_full(const char *path)
{
    seen.bytes = seen.files = 0;
    return nftw(path, count_one, OPEN_FOLDERS, FTW_PHYS | FTW_MOUNT) > 0;
}
