/* cache.c - see cache.h. */
#include "datasets/cache.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/value.h"

enum { MANIFEST_MOST = 16 << 20, REF_MOST = 4096 };

const char *cache_root(struct arena *a)
{
    const char *own = getenv("ASSAY_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (own && *own)
        return arena_strdup(a, own);
    if (xdg && *xdg == '/')
        return fs_join(a, xdg, "assay");
    return home && *home == '/' ? fs_join(a, home, ".cache/assay") : NULL;
}

const char *cache_endpoint(void)
{
    static char own[512];
    const char *said = getenv("HF_ENDPOINT");
    size_t n = said ? strlen(said) : 0;
    while (n && said[n - 1] == '/')
        n--;
    if (n == 0 || n >= sizeof own)
        return "https://huggingface.co";
    memcpy(own, said, n);
    own[n] = 0;
    return own;
}

/* -- names ------------------------------------------------------------------------------------- */

/* One component of a path: letters, digits, '_', '-' and inner dots stay, all else is %XX. */
static void add_name(struct buf *b, const char *s)
{
    size_t start = b->n;
    for (; *s && b->n - start < 200; s++) {
        unsigned char c = (unsigned char)*s;
        if (isalnum(c) || c == '_' || c == '-' || (c == '.' && b->n > start))
            buf_addc(b, (char)c);
        else
            buf_printf(b, "%%%02X", c);
    }
    if (*s) { /* too long for a file name: its digest stands for the rest */
        uint8_t h[HASH_BYTES];
        char hex[HASH_HEX];
        hash_bytes(s, strlen(s), h);
        buf_printf(b, "%%%.16s", hash_hex(h, hex));
    }
}

static void add_dataset(struct buf *b, const char *path)
{
    const char *slash = strchr(path, '/');
    struct arena a = {0};
    if (slash && slash > path && !strchr(slash + 1, '/')) {
        add_name(b, arena_strndup(&a, path, (size_t)(slash - path)));
        buf_adds(b, "--");
        add_name(b, slash + 1);
    } else {
        add_name(b, path);
    }
    arena_release(&a);
}

/* The keys that change which rows come, or what they look like; the others steer a download. */
static const char *const row_keys[] = {
    "column_names", "data_dir", "data_files", "delimiter", "field", "header", "names", "sep", NULL};

static void add_kwargs(struct buf *b, const struct value *kwargs)
{
    struct arena a = {0};
    struct value *mine = value_dict(&a, NULL, 0);
    for (const char *const *k = row_keys; *k; k++) {
        const struct value *v = value_get(kwargs, *k);
        if (v)
            mine = value_with(&a, mine, *k, v);
    }
    if (mine->n) {
        uint8_t h[HASH_BYTES];
        char hex[HASH_HEX];
        hash_value(mine, h);
        buf_printf(b, "%%%.16s", hash_hex(h, hex));
    }
    arena_release(&a);
}

const char *cache_revision(const struct cache_key *k)
{
    const struct value *said = value_get(k->kwargs, "revision");
    if (k->revision && *k->revision)
        return k->revision;
    return said && said->type == VALUE_STR && said->n ? said->s : "main";
}

char *cache_dir(const struct cache_key *k, struct arena *a)
{
    const char *endpoint = k->endpoint ? k->endpoint : cache_endpoint();
    const char *host = strstr(endpoint, "://");
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s/datasets/", k->root);
    add_name(&b, host ? host + 3 : endpoint);
    buf_addc(&b, '/');
    add_dataset(&b, k->path);
    buf_addc(&b, '/');
    if (k->name)
        add_name(&b, k->name);
    else
        buf_addc(&b, '%');
    add_kwargs(&b, k->kwargs);
    char *dir = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return dir;
}

char *cache_file(const char *dir, const char *sha, const char *split, const char *ext, struct arena *a)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s/%s/", dir, sha);
    add_name(&b, split);
    buf_adds(&b, ext);
    char *path = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return path;
}

/* -- refs -------------------------------------------------------------------------------------- */

static char *ref_path(const char *dir, const char *revision, struct arena *a)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s/ref-", dir);
    add_name(&b, revision);
    char *path = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return path;
}

bool cache_is_commit(const char *s)
{
    size_t n = strspn(s, "0123456789abcdef");
    return s[n] == 0 && (n == 40 || n == 64);
}

static const struct value *read_json(const char *path, size_t max, struct arena *a)
{
    const char *text;
    const struct value *v;
    size_t n;
    if (fs_read(path, max, a, &text, &n, NULL) < 0 || json_parse(text, n, path, 1, a, &v, NULL) < 0)
        return NULL;
    return v;
}

const char *cache_ref(const char *dir, const char *revision, struct arena *a)
{
    if (cache_is_commit(revision))
        return revision;
    const struct value *sha = value_get(read_json(ref_path(dir, revision, a), REF_MOST, a), "sha");
    return sha && sha->type == VALUE_STR && cache_is_commit(sha->s) ? sha->s : NULL;
}

static int write_json(const char *path, const struct value *v, struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 0);
    json_write(&b, v, JSON_INDENT);
    buf_addc(&b, '\n');
    int rc = fs_write_atomic(path, b.v, b.n, e);
    buf_release(&b);
    return rc;
}

int cache_set_ref(const char *dir, const char *revision, const char *sha, struct assay_err *e)
{
    struct arena a = {0};
    int rc = 0;
    if (!cache_is_commit(revision)) {
        struct value *v = value_with(&a, value_dict(&a, NULL, 0), "sha", value_str(&a, sha));
        rc = write_json(ref_path(dir, revision, &a), v, e);
    }
    arena_release(&a);
    return rc;
}

/* -- manifests --------------------------------------------------------------------------------- */

static const struct {
    const char *key;
    size_t at;
} text_fields[] = {
    {"dataset", offsetof(struct cache_manifest, dataset)},
    {"config", offsetof(struct cache_manifest, config)},
    {"split", offsetof(struct cache_manifest, split)},
    {"revision", offsetof(struct cache_manifest, revision)},
    {"sha", offsetof(struct cache_manifest, sha)},
    {"source", offsetof(struct cache_manifest, source)},
    {"fetched", offsetof(struct cache_manifest, fetched)},
    {"sha256", offsetof(struct cache_manifest, sha256)},
};
enum { N_TEXTS = sizeof text_fields / sizeof *text_fields };

int cache_commit(const char *dir, const struct cache_manifest *m, struct assay_err *e)
{
    struct arena a = {0};
    struct value *v = value_dict(&a, NULL, 0);
    for (size_t i = 0; i < N_TEXTS; i++) {
        const char *s = *(const char *const *)(const void *)((const char *)m + text_fields[i].at);
        v = value_with(&a, v, text_fields[i].key, s ? value_str(&a, s) : &value_null);
    }
    v = value_with(&a, v, "rows", value_int(&a, m->rows));
    v = value_with(&a, v, "bytes", value_int(&a, m->bytes));
    v = value_with(&a, v, "from", m->from ? m->from : &value_null);
    if (m->features)
        v = value_with(&a, v, "features", m->features);
    int rc = write_json(cache_file(dir, m->sha, m->split, ".json", &a), v, e);
    arena_release(&a);
    return rc;
}

static bool manifest_read(const char *path, struct arena *a, struct cache_manifest *m)
{
    const struct value *v = read_json(path, MANIFEST_MOST, a);
    const struct value *rows = value_get(v, "rows"), *bytes = value_get(v, "bytes");
    *m = (struct cache_manifest){0};
    for (size_t i = 0; i < N_TEXTS; i++) {
        const struct value *s = value_get(v, text_fields[i].key);
        if (s && s->type == VALUE_STR)
            *(const char **)(void *)((char *)m + text_fields[i].at) = s->s;
    }
    if (!rows || rows->type != VALUE_INT || !bytes || bytes->type != VALUE_INT || !m->split ||
        !m->sha || !m->sha256 || !m->dataset) {
        *m = (struct cache_manifest){0};
        return false;
    }
    m->rows = rows->i;
    m->bytes = bytes->i;
    m->from = value_get(v, "from");
    m->features = value_get(v, "features");
    return true;
}

static bool has_size(const char *path, int64_t n)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size == n;
}

bool cache_read(const char *path, struct arena *a, struct cache_manifest *m)
{
    if (manifest_read(path, a, m) && has_size(arena_printf(a, "%sl", path), m->bytes))
        return true;
    *m = (struct cache_manifest){0};
    return false;
}

bool cache_look(const char *dir, const char *sha, const char *split, struct arena *a,
                struct cache_manifest *m)
{
    return cache_read(cache_file(dir, sha, split, ".json", a), a, m);
}

const char *cache_find(const struct cache_key *k, const char *split, struct arena *a,
                       struct cache_manifest *m)
{
    *m = (struct cache_manifest){0};
    if (!k->root)
        return NULL;
    const char *dir = cache_dir(k, a), *sha = cache_ref(dir, cache_revision(k), a);
    if (!sha || !cache_look(dir, sha, split, a, m))
        return NULL;
    return cache_file(dir, sha, split, ".jsonl", a);
}

/* -- all of it --------------------------------------------------------------------------------- */

static bool is_ref_target(const char *config_dir, const char *sha, struct arena *a)
{
    static const char *const none[] = {"partial", NULL};
    const char *const *refs;
    size_t n = 0;
    if (fs_walk(config_dir, "ref-*", none, a, &refs, &n, NULL) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct value *v = value_get(read_json(refs[i], REF_MOST, a), "sha");
        if (v && value_is_str(v, sha))
            return true;
    }
    return n == 0; /* fetched by its commit alone */
}

int cache_list(const char *root, struct arena *a, const struct cache_entry **out, size_t *n,
               struct assay_err *e)
{
    static const char *const skip[] = {"partial", NULL};
    const char *base = fs_join(a, root, "datasets");
    const char *const *files;
    size_t n_files = 0;
    *out = NULL;
    *n = 0;
    if (!fs_is_dir(base))
        return 0;
    TRY(fs_walk(base, "*.json", skip, a, &files, &n_files, e));
    struct cache_entry *v = ARENA_ARRAY(a, struct cache_entry, n_files + 1);
    for (size_t i = 0; i < n_files; i++) {
        struct cache_entry *x = &v[*n];
        x->dir = fs_dirname(a, files[i]);
        x->file = arena_printf(a, "%sl", files[i]);
        if (!manifest_read(files[i], a, &x->m) || strcmp(fs_basename(x->dir), x->m.sha) != 0)
            continue;
        const char *config = fs_dirname(a, x->dir);
        x->endpoint = fs_basename(fs_dirname(a, fs_dirname(a, config)));
        x->is_current = is_ref_target(config, x->m.sha, a);
        ++*n;
    }
    *out = v;
    return 0;
}

int cache_verify(const struct cache_entry *x, bool *ok, struct buf *why, struct assay_err *e)
{
    uint8_t h[HASH_BYTES];
    char hex[HASH_HEX];
    struct stat st;
    *ok = false;
    if (stat(x->file, &st) < 0) {
        buf_printf(why, "the file is gone");
        return 0;
    }
    if (st.st_size != x->m.bytes) {
        buf_printf(why, "%lld bytes, %lld were fetched", (long long)st.st_size,
                   (long long)x->m.bytes);
        return 0;
    }
    TRY(hash_file(x->file, h, e));
    *ok = strcmp(hash_hex(h, hex), x->m.sha256) == 0;
    if (!*ok)
        buf_printf(why, "sha256 %.12s, %.12s was fetched", hex, x->m.sha256);
    return 0;
}

static int drop_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

void cache_drop(const char *dir)
{
    nftw(dir, drop_one, 16, FTW_DEPTH | FTW_PHYS);
}

struct stage {
    const char *config, *dir;
};

/* Below the lock that a fetch holds. */
static void drop_stage(const struct stage *s, struct arena *a)
{
    int fd = open(fs_join(a, s->config, "lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        cache_drop(s->dir);
    if (fd >= 0)
        close(fd);
}

int cache_leftovers(const char *root, bool drop, struct cache_leftovers *out, struct assay_err *e)
{
    static const char part[] = "/partial/";
    struct arena a = {0};
    const char *base = fs_join(&a, root, "datasets"), *const *files;
    size_t n = 0, n_old = 0;
    *out = (struct cache_leftovers){0};
    int rc = fs_is_dir(base) ? fs_walk(base, "*", NULL, &a, &files, &n, e) : 0;
    struct stage *old = ARENA_ARRAY(&a, struct stage, n + 1);
    for (size_t i = 0; i < n && rc == 0; i++) {
        struct stat st;
        const char *at = strstr(files[i] + strlen(base), part);
        if (!at || stat(files[i], &st) < 0)
            continue;
        const char *config = arena_strndup(&a, files[i], (size_t)(at - files[i]));
        const char *sha = at + sizeof part - 1;
        sha = arena_strndup(&a, sha, strcspn(sha, "/"));
        out->bytes += st.st_size;
        if (!cache_is_commit(sha) || is_ref_target(config, sha, &a))
            continue;
        out->old_bytes += st.st_size;
        old[n_old++] = (struct stage){config, arena_printf(&a, "%s%s%s", config, part, sha)};
    }
    for (size_t i = 0; drop && i < n_old; i++)
        drop_stage(&old[i], &a);
    arena_release(&a);
    return rc;
}

/* When no split of any commit is left, neither are the refs. */
static void drop_config(const char *dir, struct arena *a)
{
    const char *const *left;
    size_t n = 0;
    if (fs_walk(dir, "*.json", NULL, a, &left, &n, NULL) == 0 && n == 0)
        cache_drop(dir);
}

int cache_remove(const struct cache_entry *x, struct assay_err *e)
{
    struct arena a = {0};
    int rc = 0;
    /* The manifest first: without it the file does not count. */
    if (unlink(arena_strndup(&a, x->file, strlen(x->file) - 1)) < 0 ||
        (unlink(x->file) < 0 && errno != ENOENT)) {
        rc = err_errno(e, ASSAY_EIO, "cannot remove '%s'", x->file);
    } else {
        const char *config = fs_dirname(&a, x->dir), *set = fs_dirname(&a, config);
        rmdir(x->dir);
        drop_config(config, &a);
        rmdir(set);
        rmdir(fs_dirname(&a, set));
    }
    arena_release(&a);
    return rc;
}
