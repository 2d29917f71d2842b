/* fs.c - files.  Everything is opened close-on-exec; interrupted calls are repeated. */
#include "harness/base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/rng.h"

int fs_read(const char *path, size_t max, struct arena *a, const char **text, size_t *n,
            struct assay_err *e)
{
    int rc = 0;
    struct buf b;
    buf_init(&b, max);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    for (;;) {
        char chunk[16384];
        ssize_t got = read(fd, chunk, sizeof chunk);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            rc = err_errno(e, ASSAY_EIO, "cannot read '%s'", path);
            goto out;
        }
        if (got == 0)
            break;
        if (buf_add(&b, chunk, (size_t)got) < 0) {
            rc = err_set(e, ASSAY_ELIMIT, "'%s' is larger than the limit of %zu bytes", path,
                         b.limit);
            goto out;
        }
    }
    *text = arena_strndup(a, b.v, b.n);
    *n = b.n;
out:
    close(fd);
    buf_release(&b);
    return rc;
}

int fs_map(const char *path, struct fs_map *m, struct assay_err *e)
{
    int rc = 0;
    struct stat st;
    *m = (struct fs_map){0};
    /* O_NONBLOCK: a fifo must be refused, not waited for. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    if (fstat(fd, &st) < 0) {
        rc = err_errno(e, ASSAY_EIO, "cannot stat '%s'", path);
        goto out;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = err_set(e, ASSAY_EIO, "'%s' is %s, expected a regular file", path,
                     S_ISDIR(st.st_mode) ? "a directory" : "a special file");
        goto out;
    }
    if (st.st_size == 0) {
        m->v = (const unsigned char *)"";
        goto out;
    }
    void *p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (p == MAP_FAILED) {
        rc = err_errno(e, ASSAY_EIO, "cannot map '%s'", path);
        goto out;
    }
    m->v = p;
    m->n = (size_t)st.st_size;
out:
    close(fd);
    return rc;
}

void fs_unmap(struct fs_map *m)
{
    if (m && m->n) {
        union {
            const unsigned char *in;
            void *out;
        } p = {m->v}; /* munmap takes the mapping back without const */
        munmap(p.out, m->n);
    }
    if (m)
        *m = (struct fs_map){0};
}

static int fs_write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t w = write(fd, p, n);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -1;
        p += w;
        n -= (size_t)w;
    }
    return 0;
}

/* A device or a pipe has no old content to protect, and nothing can be renamed over it. */
static int fs_write_special(const char *path, const void *p, size_t n, struct assay_err *e)
{
    int rc = 0;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot open '%s'", path);
    if (fs_write_all(fd, p, n) < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (close(fd) < 0 && rc == 0)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    return rc;
}

/* Makes the rename itself durable; a file system that cannot is not an error. */
static void fs_sync_dir(struct arena *a, const char *path)
{
    int fd = open(fs_dirname(a, path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

static int fs_write_renamed(const char *path, const void *p, size_t n, bool is_durable,
                            struct assay_err *e)
{
    int rc = 0;
    struct arena a = {0};
    char id[37];
    rng_uuid7(id);
    const char *tmp = arena_printf(&a, "%s.tmp-%s", path, id + 24);
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        rc = err_errno(e, ASSAY_EIO, "cannot create '%s'", path);
        goto out;
    }
    bool bad = fs_write_all(fd, p, n) < 0 || (is_durable && fsync(fd) < 0);
    if (bad)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (close(fd) < 0 && !bad)
        rc = err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (rc == 0 && rename(tmp, path) < 0)
        rc = err_errno(e, ASSAY_EIO, "cannot replace '%s'", path);
    if (rc < 0)
        unlink(tmp);
    else if (is_durable)
        fs_sync_dir(&a, path);
out:
    arena_release(&a);
    return rc;
}

int fs_write_atomic(const char *path, const void *p, size_t n, struct assay_err *e)
{
    struct stat st;
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return fs_write_special(path, p, n, e);
    return fs_write_renamed(path, p, n, true, e);
}

int fs_write_cache(const char *path, const void *p, size_t n, struct assay_err *e)
{
    return fs_write_renamed(path, p, n, false, e);
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool fs_is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool fs_is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool inside_real(const char *path, const char *real_dir)
{
    char real[PATH_MAX];
    if (!realpath(path, real))
        return false;
    size_t n = strlen(real_dir);
    return strncmp(real, real_dir, n) == 0 &&
           (real[n] == '/' || real[n] == 0 || strcmp(real_dir, "/") == 0);
}

bool fs_inside(const char *path, const char *dir)
{
    char real[PATH_MAX];
    return realpath(dir, real) && inside_real(path, real);
}

int fs_mkdirs(const char *path, struct assay_err *e)
{
    int rc = 0;
    struct arena a = {0};
    char *p = arena_strdup(&a, path);
    for (char *c = p + 1; *p; c++) {
        if (*c != '/' && *c != 0)
            continue;
        char end = *c;
        *c = 0;
        if (mkdir(p, 0777) < 0 && !(errno == EEXIST && fs_is_dir(p))) {
            rc = err_errno(e, ASSAY_EIO, "cannot make directory '%s'", p);
            break;
        }
        *c = end;
        if (!end)
            break;
    }
    arena_release(&a);
    return rc;
}

static struct fs_stamp stamp_of(const struct stat *st)
{
    return (struct fs_stamp){
        .mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec,
        .ctime_ns = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec,
        .size = (uint64_t)st->st_size,
        .ino = (uint64_t)st->st_ino,
    };
}

/* -- walking ----------------------------------------------------------------------------------- */

struct walk_dir { /* the chain of directories being read: cycles end here */
    const struct walk_dir *up;
    dev_t dev;
    ino_t ino;
};
struct walk {
    const char *pattern, *real_root;
    const char *const *skip;
    struct arena *arena;
    const char **paths;
    size_t n, cap;
    struct fs_dir *dirs;
    size_t n_dirs, cap_dirs;
    bool has_links;
    struct assay_err *e;
};

/* Room for one more of `size` bytes behind the n of `v`. */
static void *walk_room(struct walk *w, void *v, size_t n, size_t *cap, size_t size)
{
    if (n < *cap)
        return v;
    *cap = *cap ? 2 * *cap : 64;
    void *wide = arena_calloc(w->arena, *cap, size);
    if (n)
        memcpy(wide, v, n * size);
    return wide;
}

static void walk_push(struct walk *w, const char *path)
{
    w->paths = walk_room(w, w->paths, w->n, &w->cap, sizeof *w->paths);
    w->paths[w->n++] = path;
}

static void walk_push_dir(struct walk *w, const char *path, const struct stat *st)
{
    w->dirs = walk_room(w, w->dirs, w->n_dirs, &w->cap_dirs, sizeof *w->dirs);
    w->dirs[w->n_dirs++] = (struct fs_dir){path, stamp_of(st)};
}

static bool walk_inside(const struct walk *w, const char *path)
{
    return inside_real(path, w->real_root);
}

static bool walk_skipped(const struct walk *w, const char *name)
{
    for (const char *const *s = w->skip; s && *s; s++)
        if (strcmp(*s, name) == 0)
            return true;
    return false;
}

static int walk_into(struct walk *w, const char *dir, const struct walk_dir *up);

/* What an entry is, links followed where they stay inside: DT_DIR, DT_REG, or something else. */
static int walk_kind(struct walk *w, const char *path, int type)
{
    struct stat st;
    if (type != DT_UNKNOWN && type != DT_LNK)
        return type;
    if (lstat(path, &st) < 0)
        return DT_UNKNOWN; /* gone between reading and looking */
    w->has_links |= S_ISLNK(st.st_mode);
    if (S_ISLNK(st.st_mode) && (!walk_inside(w, path) || stat(path, &st) < 0))
        return DT_UNKNOWN;
    return S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

static int walk_entry(struct walk *w, const char *dir, const struct dirent *de,
                      const struct walk_dir *here)
{
    const char *name = de->d_name;
    bool fits = fnmatch(w->pattern, name, 0) == 0;
    if (de->d_type == DT_REG && !fits)
        return 0;
    struct arena_mark mark = arena_mark(w->arena);
    char *path = fs_join(w->arena, dir, name);
    int kind = walk_kind(w, path, de->d_type);
    if (kind == DT_DIR && !walk_skipped(w, name))
        return walk_into(w, path, here);
    if (kind == DT_REG && fits)
        walk_push(w, path);
    else
        arena_rewind(w->arena, mark);
    return 0;
}

static int walk_into(struct walk *w, const char *dir, const struct walk_dir *up)
{
    struct stat st;
    int rc = 0;
    DIR *d = opendir(dir);
    if (!d || fstat(dirfd(d), &st) < 0) {
        rc = err_errno(w->e, ASSAY_EIO, "cannot read directory '%s'", dir);
        goto out;
    }
    for (const struct walk_dir *k = up; k; k = k->up)
        if (k->dev == st.st_dev && k->ino == st.st_ino)
            goto out;
    struct walk_dir here = {up, st.st_dev, st.st_ino};
    walk_push_dir(w, dir, &st);
    for (struct dirent *de; rc == 0 && (de = readdir(d));)
        if (strcmp(de->d_name, ".") != 0 && strcmp(de->d_name, "..") != 0)
            rc = walk_entry(w, dir, de, &here);
out:
    if (d)
        closedir(d);
    return rc;
}

static int walk_order(const void *a, const void *b)
{
    const char *const *x = a, *const *y = b;
    return strcmp(*x, *y);
}

int fs_walk_tree(const char *root, const char *pattern, const char *const *skip, struct arena *a,
                 struct fs_tree *out, struct assay_err *e)
{
    char real[PATH_MAX];
    struct walk w = {.pattern = pattern, .real_root = real, .skip = skip, .arena = a, .e = e};
    if (!realpath(root, real))
        return err_errno(e, ASSAY_EIO, "cannot read directory '%s'", root);
    TRY(walk_into(&w, root, NULL));
    if (w.n)
        qsort(w.paths, w.n, sizeof *w.paths, walk_order);
    *out = (struct fs_tree){w.paths, w.dirs, w.n, w.n_dirs, w.has_links};
    return 0;
}

int fs_walk(const char *root, const char *pattern, const char *const *skip, struct arena *a,
            const char *const **paths, size_t *n, struct assay_err *e)
{
    struct fs_tree tree;
    TRY(fs_walk_tree(root, pattern, skip, a, &tree, e));
    *paths = tree.paths;
    *n = tree.n;
    return 0;
}

/* -- stamps ------------------------------------------------------------------------------------ */

bool fs_stamp_at(int dir_fd, const char *path, struct fs_stamp *out)
{
    struct stat st;
    if (fstatat(dir_fd, path, &st, 0) < 0)
        return false;
    *out = stamp_of(&st);
    return true;
}

bool fs_stamp_same(const struct fs_stamp *a, const struct fs_stamp *b)
{
    return a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns && a->size == b->size &&
           a->ino == b->ino;
}

bool fs_stamp_settled(const struct fs_stamp *s, int64_t now_ns)
{
    /* Whole seconds come from file systems that keep no finer times (two seconds on FAT); others
     * stamp with the kernel's tick, of at most ten milliseconds. */
    int64_t last = s->mtime_ns > s->ctime_ns ? s->mtime_ns : s->ctime_ns;
    return last <= now_ns - (last % 1000000000 ? 50000000 : 2500000000);
}

bool fs_read_at(int dir_fd, const char *path, size_t max, struct fs_text *t, struct fs_stamp *stamp)
{
    struct stat st;
    bool ok = false;
    int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > max)
        goto out;
    size_t want = (size_t)st.st_size + 1; /* one more: a file that grows is seen */
    if (t->cap < want + 1) {
        char *v = realloc(t->v, 2 * want + 4096);
        if (!v)
            goto out;
        t->v = v;
        t->cap = 2 * want + 4096;
    }
    t->n = 0;
    for (ssize_t got = 1; got && t->n < want;) {
        got = read(fd, t->v + t->n, want - t->n);
        if (got < 0 && errno != EINTR)
            goto out;
        t->n += got > 0 ? (size_t)got : 0;
    }
    t->v[t->n] = 0;
    ok = t->n == (size_t)st.st_size;
    *stamp = stamp_of(&st);
out:
    close(fd);
    return ok;
}

/* -- names ------------------------------------------------------------------------------------- */

char *fs_join(struct arena *a, const char *dir, const char *name)
{
    size_t n = dir ? strlen(dir) : 0;
    if (name[0] == '/' || n == 0)
        return arena_strdup(a, name);
    size_t k = strlen(name), slash = dir[n - 1] != '/';
    char *path = arena_alloc(a, n + slash + k + 1);
    memcpy(path, dir, n);
    if (slash)
        path[n] = '/';
    memcpy(path + n + slash, name, k);
    return path;
}

char *fs_dirname(struct arena *a, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return arena_strdup(a, ".");
    return arena_strndup(a, path, slash == path ? 1 : (size_t)(slash - path));
}

const char *fs_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

char *fs_self_dir(struct arena *a)
{
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0)
        return arena_strdup(a, ".");
    path[n] = 0;
    return fs_dirname(a, path);
}
