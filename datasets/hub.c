/* hub.c - see hub.h: which commit, which configuration, which splits, and by which way. */
#include "datasets/hub.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "datasets/hub_impl.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/hash.h"
#include "harness/base/json.h"
#include "harness/base/log.h"
#include "harness/base/value.h"

enum { LIST_MOST = 64 << 20, README_MOST = 16 << 20, MAX_FILES = 1 << 20, MAX_LIST_PAGES = 2000 };

struct hub_repo { /* one repository at one revision, asked about once */
    struct hub_repo *next;
    const char *path, *revision;
    char sha[72];
    bool is_listed;
    struct card_file *files;
    size_t n;
    const struct value *front;
};

/* -- setting up -------------------------------------------------------------------------------- */

static const char *env_text(const char *name)
{
    const char *s = getenv(name);
    return s && *s ? s : NULL;
}

static bool env_flag(const char *name)
{
    const char *s = env_text(name);
    return s && (strcmp(s, "1") == 0 || strcasecmp(s, "true") == 0 || strcasecmp(s, "yes") == 0 ||
                 strcasecmp(s, "on") == 0);
}

/* $HF_TOKEN, or the first line of $HF_HOME/token. */
static const char *find_token(struct arena *a)
{
    const char *token = env_text("HF_TOKEN"), *home = env_text("HF_HOME"), *text;
    size_t n;
    if (!token) {
        if (!home && env_text("HOME"))
            home = fs_join(a, env_text("HOME"), ".cache/huggingface");
        if (home && fs_read(fs_join(a, home, "token"), 4096, a, &text, &n, NULL) == 0)
            token = text;
    }
    if (!token)
        return NULL;
    while (isspace((unsigned char)*token))
        token++;
    n = strcspn(token, " \t\r\n");
    return n ? arena_strndup(a, token, n) : NULL;
}

/* The viewer's host: "datasets-server." in front of the endpoint's. */
static const char *find_rows_endpoint(const char *endpoint, struct arena *a)
{
    const char *own = env_text("ASSAY_ROWS_ENDPOINT");
    if (own) {
        size_t n = strlen(own);
        while (n && own[n - 1] == '/')
            n--;
        return arena_strndup(a, own, n);
    }
    const char *host = strstr(endpoint, "://") + 3;
    return arena_printf(a, "%.*sdatasets-server.%s", (int)(host - endpoint), endpoint, host);
}

static void on_wait(void *user, const char *why, int64_t ms)
{
    struct hub *h = user;
    pthread_mutex_lock(&h->lock);
    if (h->on_event)
        h->on_event(h->user, &(struct hub_event){.kind = HUB_WAIT, .text = why, .done = ms,
                                                 .dataset = h->now_dataset, .split = h->now_split});
    pthread_mutex_unlock(&h->lock);
}

int hub_init(struct hub *h, struct assay_err *e)
{
    *h = (struct hub){.connections = 4, .max_bytes = (int64_t)16 << 30};
    http_init(&h->http);
    pthread_mutex_init(&h->lock, NULL);
    h->endpoint = cache_endpoint();
    h->root = cache_root(&h->arena);
    h->offline = env_flag("HF_HUB_OFFLINE") || env_flag("HF_DATASETS_OFFLINE");
    if (!http_is_url(h->endpoint))
        return err_set(e, ASSAY_EUSAGE, "HF_ENDPOINT must be an http or https address, not '%s'",
                       h->endpoint);
    if (!h->root)
        return err_set(e, ASSAY_EUSAGE, "no folder for the cache: set ASSAY_CACHE or HOME");
    h->rows_endpoint = find_rows_endpoint(h->endpoint, &h->arena);
    if (!http_is_url(h->rows_endpoint))
        return err_set(e, ASSAY_EUSAGE, "ASSAY_ROWS_ENDPOINT must be an http or https address");
    h->http.token = find_token(&h->arena);
    h->http.token_origins[0] = h->endpoint;
    h->http.token_origins[1] = h->rows_endpoint;
    h->http.on_wait = on_wait;
    h->http.user = h;
    return 0;
}

void hub_release(struct hub *h)
{
    http_release(&h->http);
    pthread_mutex_destroy(&h->lock);
    arena_release(&h->arena);
}

void hub_say(struct hub *h, enum hub_event_kind kind, int64_t done, int64_t total, bool is_rows)
{
    pthread_mutex_lock(&h->lock);
    if (h->on_event)
        h->on_event(h->user, &(struct hub_event){.kind = kind, .dataset = h->now_dataset,
                                                 .config = h->now_config, .split = h->now_split,
                                                 .done = done, .total = total, .is_rows = is_rows});
    pthread_mutex_unlock(&h->lock);
}

static void say_here(struct hub *h, const struct cache_manifest *m, bool is_new)
{
    if (h->on_event)
        h->on_event(h->user,
                    &(struct hub_event){.kind = HUB_HERE, .dataset = m->dataset, .config = m->config,
                                        .split = m->split, .total = m->rows, .is_rows = true,
                                        .is_new = is_new, .text = m->sha});
}

/* -- names ------------------------------------------------------------------------------------- */

static bool is_part(const char *s, size_t n)
{
    if (n == 0 || n > 96 || s[0] == '.' || s[0] == '-')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s[i]) && s[i] != '_' && s[i] != '-' && s[i] != '.')
            return false;
    return true;
}

static bool is_repo(const char *path)
{
    const char *slash = strchr(path, '/');
    if (!slash)
        return is_part(path, strlen(path));
    return is_part(path, (size_t)(slash - path)) && is_part(slash + 1, strlen(slash + 1));
}

static bool is_loader(const char *path)
{
    return strcmp(path, "json") == 0 || strcmp(path, "csv") == 0 || strcmp(path, "text") == 0;
}

static bool has_address(const struct value *v)
{
    if (!v)
        return false;
    if (v->type == VALUE_STR)
        return http_is_url(v->s) || strncmp(v->s, "hf://", 5) == 0;
    bool found = false;
    for (uint32_t i = 0; i < v->n && !found && (v->type == VALUE_LIST || v->type == VALUE_DICT); i++)
        found = has_address(v->type == VALUE_LIST ? v->items[i] : v->entries[i].value);
    return found;
}

bool hub_can_have(const char *path, const struct value *kwargs)
{
    if (is_loader(path))
        return has_address(value_get(kwargs, "data_files"));
    return is_repo(path) && strncmp(path, "assay/", 6) != 0 && strcmp(path, "parquet") != 0 &&
           strcmp(path, "arrow") != 0;
}

char *hub_file_url(const struct hub *h, const char *path, const char *sha, const char *file,
                   struct arena *a)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s/datasets/%s/resolve/", h->endpoint, path);
    http_escape(&b, sha, false);
    buf_addc(&b, '/');
    http_escape(&b, file, true);
    char *url = arena_strndup(a, b.v, b.n);
    buf_release(&b);
    return url;
}

/* -- a repository ------------------------------------------------------------------------------ */

static int get_json(struct hub *h, const char *url, struct http_reply *reply, const struct value **v,
                    struct assay_err *e)
{
    struct buf text;
    buf_init(&text, LIST_MOST);
    int rc = http_text(&h->http, url, LIST_MOST, &text, reply, e);
    if (rc == 0 && json_parse(text.v, text.n, url, 1, &h->arena, v, e) < 0)
        rc = err_set(e, ASSAY_EREMOTE, "'%s' answers with something that is no JSON", url);
    buf_release(&text);
    return rc;
}

static int repo_commit(struct hub *h, struct hub_repo *r, struct assay_err *e)
{
    struct buf url;
    struct http_reply reply;
    const struct value *v, *sha;
    buf_init(&url, 0);
    buf_printf(&url, "%s/api/datasets/%s/revision/", h->endpoint, r->path);
    http_escape(&url, r->revision, false);
    int rc = get_json(h, url.v, &reply, &v, e);
    buf_release(&url);
    if (rc < 0)
        return err_prefix(e, rc, "dataset '%s' at '%s'", r->path, r->revision);
    sha = value_get(v, "sha");
    if (!sha || sha->type != VALUE_STR || !cache_is_commit(sha->s))
        return err_set(e, ASSAY_EREMOTE, "the hub does not say at which commit '%s' of '%s' is",
                       r->revision, r->path);
    snprintf(r->sha, sizeof r->sha, "%s", sha->s);
    return 0;
}

static int repo_find(struct hub *h, const char *path, const char *revision, struct hub_repo **out,
                     struct assay_err *e)
{
    for (struct hub_repo *r = h->repos; r; r = r->next)
        if (strcmp(r->path, path) == 0 && strcmp(r->revision, revision) == 0) {
            *out = r;
            return 0;
        }
    struct hub_repo *r = ARENA_NEW(&h->arena, struct hub_repo);
    r->path = arena_strdup(&h->arena, path);
    r->revision = arena_strdup(&h->arena, revision);
    TRY(repo_commit(h, r, e));
    r->next = h->repos;
    h->repos = *out = r;
    return 0;
}

static const char *hex_of(const struct value *v, size_t n)
{
    return v && v->type == VALUE_STR && v->n == n && strspn(v->s, "0123456789abcdef") == n ? v->s : NULL;
}

static bool path_is_plain(const char *p)
{
    return *p && *p != '/' && !strstr(p, "../") && !strstr(p, "//");
}

static void list_add(struct hub_repo *r, const struct value *entry)
{
    const struct value *path = value_get(entry, "path"), *size = value_get(entry, "size");
    const struct value *lfs = value_get(entry, "lfs");
    const char *sha256 = hex_of(value_get(lfs, "oid"), 64);
    if (!value_get(entry, "type") || !value_is_str(value_get(entry, "type"), "file") || !path ||
        path->type != VALUE_STR || !path_is_plain(path->s))
        return;
    r->files[r->n++] = (struct card_file){
        .path = path->s,
        .size = size && size->type == VALUE_INT && size->i >= 0 ? size->i : -1,
        .sha256 = sha256,
        .git = sha256 ? NULL : hex_of(value_get(entry, "oid"), 40),
    };
}

static int list_page(struct hub *h, struct hub_repo *r, const char *url, char next[2048],
                     struct assay_err *e)
{
    struct http_reply reply;
    const struct value *v;
    TRY(get_json(h, url, &reply, &v, e));
    if (v->type != VALUE_LIST || r->n + v->n > MAX_FILES)
        return err_set(e, ASSAY_EREMOTE, "'%s' answers with no list of files that can be used", url);
    struct card_file *more = ARENA_ARRAY(&h->arena, struct card_file, r->n + v->n + 1);
    if (r->n)
        memcpy(more, r->files, r->n * sizeof *more);
    r->files = more;
    for (uint32_t i = 0; i < v->n; i++)
        list_add(r, v->items[i]);
    snprintf(next, 2048, "%s", reply.next);
    size_t n = strlen(h->endpoint);
    if (*next && (strncmp(next, h->endpoint, n) != 0 || next[n] != '/'))
        return err_set(e, ASSAY_EREMOTE, "the list of files goes on at another host: refused");
    return 0;
}

static int file_order(const void *a, const void *b)
{
    const struct card_file *x = a, *y = b;
    return strcmp(x->path, y->path);
}

static int read_front(struct hub *h, struct hub_repo *r, struct assay_err *e)
{
    struct buf text;
    struct http_reply reply;
    bool there = false;
    r->front = value_dict(&h->arena, NULL, 0);
    for (size_t i = 0; i < r->n && !there; i++)
        there = strcmp(r->files[i].path, "README.md") == 0;
    if (!there)
        return 0;
    buf_init(&text, README_MOST);
    const char *url = hub_file_url(h, r->path, r->sha, "README.md", &h->arena);
    int rc = http_text(&h->http, url, README_MOST, &text, &reply, e);
    if (rc == 0)
        rc = card_front(text.v, text.n, &h->arena, &r->front, e);
    buf_release(&text);
    return rc < 0 ? err_prefix(e, rc, "dataset '%s'", r->path) : 0;
}

static int repo_list(struct hub *h, struct hub_repo *r, struct assay_err *e)
{
    char url[2048], next[2048];
    if (r->is_listed)
        return 0;
    snprintf(url, sizeof url, "%s/api/datasets/%s/tree/%s?recursive=true", h->endpoint, r->path,
             r->sha);
    for (int i = 0; *url; i++) {
        if (i == MAX_LIST_PAGES)
            return err_set(e, ASSAY_ELIMIT, "the list of files of '%s' does not end", r->path);
        TRY(list_page(h, r, url, next, e));
        memcpy(url, next, sizeof url);
    }
    if (r->n)
        qsort(r->files, r->n, sizeof *r->files, file_order);
    TRY(read_front(h, r, e));
    r->is_listed = true;
    return 0;
}

/* -- what to fetch ----------------------------------------------------------------------------- */

struct order { /* one hub_want being carried out */
    struct hub *hub;
    const struct hub_want *want;
    struct hub_got *got;
    const char *dir, *revision, *sha;
    struct hub_repo *repo; /* NULL: files by address */
    struct card card;
    bool by_rows;
    const char **splits; /* what is to be there */
    size_t n_splits;
    struct arena arena;
};

static bool list_has(const char *const *v, size_t n, const char *s)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(v[i], s) == 0)
            return true;
    return false;
}

static void order_add(struct order *o, const char *split)
{
    if (!list_has(o->splits, o->n_splits, split))
        o->splits[o->n_splits++] = split;
}

static int split_unknown(const struct order *o, const char *const *have, size_t n, const char *split,
                         struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 200);
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", have[i]);
    int rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' (%s) has no split '%s'; it has %s",
                     o->want->path, o->card.config, split, b.n ? b.v : "none");
    buf_release(&b);
    return rc;
}

/* Those asked for, else all; and those that were there at the commit before, so that the splits of
 * one configuration always are of one commit. */
static int pick_splits(struct order *o, const char *const *have, size_t n, struct assay_err *e)
{
    const struct hub_want *w = o->want;
    o->splits = ARENA_ARRAY(&o->arena, const char *, n + w->n_splits + 1);
    for (size_t i = 0; i < w->n_splits; i++) {
        if (!list_has(have, n, w->splits[i]))
            return split_unknown(o, have, n, w->splits[i], e);
        order_add(o, w->splits[i]);
    }
    const char *before = cache_ref(o->dir, o->revision, &o->arena);
    bool moved = before && strcmp(before, o->sha) != 0;
    for (size_t i = 0; i < n; i++) {
        struct cache_manifest m = {0};
        if (moved)
            cache_look(o->dir, before, have[i], &o->arena, &m);
        if (w->n_splits == 0 || m.split)
            order_add(o, have[i]);
    }
    if (moved && o->hub->on_event)
        o->hub->on_event(o->hub->user,
                         &(struct hub_event){.kind = HUB_MOVED, .dataset = w->path,
                                             .text = arena_printf(&o->arena, "%s moved from %.12s to %.12s",
                                                                  o->revision, before, o->sha)});
    return 0;
}

static int order_card(struct order *o, struct assay_err *e)
{
    const struct hub_want *w = o->want;
    TRY(repo_list(o->hub, o->repo, e));
    TRY(card_read(o->repo->files, o->repo->n, o->repo->front, w->path, w->name, w->kwargs, &o->arena,
                  &o->card, e));
    o->by_rows = o->card.is_script || !o->card.is_readable;
    const char **have = NULL;
    size_t n = 0;
    if (!o->by_rows) {
        have = ARENA_ARRAY(&o->arena, const char *, o->card.n + 1);
        for (; n < o->card.n; n++)
            have[n] = o->card.splits[n].name;
        return pick_splits(o, have, n, e);
    }
    if (value_get(w->kwargs, "data_files") || value_get(w->kwargs, "data_dir"))
        return err_set(e, ASSAY_EUNSUPPORTED,
                       "dataset '%s': the files that 'data_files' or 'data_dir' name are of a kind "
                       "that cannot be read; JSON, CSV, TSV and text can", w->path);
    /* Without configurations in the README a name is the viewer's to know. */
    const char *config = w->name;
    if (!config && value_get(o->repo->front, "configs"))
        config = o->card.config;
    int rc = hub_rows_splits(o->hub, w->path, &config, &have, &n, e);
    o->card.config = config;
    return rc < 0 ? err_prefix(e, rc, "dataset '%s' has no files that can be read, and as rows",
                               w->path)
                  : pick_splits(o, have, n, e);
}

static struct hub_job job_of(struct order *o, const char *split)
{
    struct hub_job j = {.hub = o->hub, .dir = o->dir, .arena = &o->arena};
    j.m = (struct cache_manifest){.dataset = o->want->path, .config = o->card.config, .split = split,
                                  .revision = o->revision, .sha = o->sha,
                                  .source = o->by_rows ? "rows" : "files"};
    const char *file = cache_file(o->dir, o->sha, split, "", &o->arena);
    j.stage = arena_printf(&o->arena, "%s/partial/%s/%s", o->dir, o->sha, fs_basename(file));
    return j;
}

static struct hub_file *files_of(struct order *o, const struct card_split *s, struct arena *a)
{
    struct hub_file *f = ARENA_ARRAY(a, struct hub_file, s->n + 1);
    for (size_t i = 0; i < s->n; i++) {
        const char *base = fs_basename(s->files[i]->path);
        size_t n = strlen(base);
        f[i] = (struct hub_file){
            .url = hub_file_url(o->hub, o->want->path, o->sha, s->files[i]->path, a),
            /* The end of the name says the format. */
            .name = arena_printf(a, "f%zu-%s", i, n > 100 ? base + n - 100 : base),
            .size = s->files[i]->size,
            .sha256 = s->files[i]->sha256,
            .git = s->files[i]->git,
        };
    }
    return f;
}

static int dry_split(struct order *o, struct hub_job *j, struct assay_err *e)
{
    int64_t total = 0;
    const struct card_split *s = card_split(&o->card, j->m.split);
    if (o->by_rows)
        TRY(hub_rows_count(j, &total, e));
    for (size_t i = 0; !o->by_rows && i < s->n; i++)
        total = total < 0 || s->files[i]->size < 0 ? -1 : total + s->files[i]->size;
    hub_say(o->hub, HUB_WOULD, 0, total, o->by_rows);
    return 0;
}

static int get_split(struct order *o, const char *split, struct assay_err *e)
{
    struct hub *h = o->hub;
    struct cache_manifest m;
    if (cache_look(o->dir, o->sha, split, &o->arena, &m) && !h->refresh) {
        say_here(h, &m, false);
        o->got->n_here++;
        return 0;
    }
    struct hub_job j = job_of(o, split);
    h->now_dataset = o->want->path;
    h->now_config = o->card.config;
    h->now_split = split;
    if (h->dry_run)
        return dry_split(o, &j, e);
    if (o->by_rows) {
        TRY(hub_rows(&j, e));
    } else {
        const struct card_split *s = card_split(&o->card, split);
        struct hub_file *files = files_of(o, s, &o->arena);
        TRY(hub_download(&j, files, s->n, e));
        TRY(hub_convert(&j, files, s->n, o->card.options, o->card.features, e));
    }
    cache_drop(j.stage);
    say_here(h, &j.m, true);
    o->got->n_new++;
    return 0;
}

int hub_check_head(struct hub *h, const char *path, const char *revision, const char *sha,
                   struct assay_err *e)
{
    struct hub_repo head = {.path = path, .revision = "main"};
    TRY(repo_commit(h, &head, e));
    if (strcmp(head.sha, sha) == 0)
        return 0;
    return err_set(e, ASSAY_EUNSUPPORTED,
                   "dataset '%s' can be had as rows only, and only as main stands (%.12s), not at "
                   "'%s' (%.12s)", path, head.sha, revision, sha);
}

static int get_repo(struct order *o, struct assay_err *e)
{
    TRY(repo_find(o->hub, o->want->path, o->revision, &o->repo, e));
    o->sha = o->repo->sha;
    TRY(order_card(o, e));
    if (o->by_rows && strcmp(o->revision, "main") != 0)
        TRY(hub_check_head(o->hub, o->want->path, o->revision, o->sha, e));
    for (size_t i = 0; i < o->n_splits; i++)
        TRY(get_split(o, o->splits[i], e));
    return o->hub->dry_run ? 0 : cache_set_ref(o->dir, o->revision, o->sha, e);
}

/* -- files by address -------------------------------------------------------------------------- */

/* hf://datasets/OWNER/NAME[@REVISION]/FILE -> the hub's address of it. */
static int address_of(struct order *o, const struct value *v, const char **url, struct assay_err *e)
{
    static const char hf[] = "hf://datasets/";
    if (v->type != VALUE_STR || !has_address(v))
        return err_set(e, ASSAY_EUSAGE,
                       "data_files mixes addresses with local files; only one kind can be read");
    *url = v->s;
    if (strncmp(v->s, "hf://", 5) != 0)
        return 0;
    const char *p = v->s + sizeof hf - 1, *slash, *file;
    if (strncmp(v->s, hf, sizeof hf - 1) != 0 || !(slash = strchr(p, '/')) ||
        !(file = strchr(slash + 1, '/')))
        return err_set(e, ASSAY_EUSAGE, "'%s': expected hf://datasets/OWNER/NAME/FILE", v->s);
    char *repo = arena_strndup(&o->arena, p, (size_t)(file - p)), *at = strchr(repo, '@');
    if (at)
        *at = 0;
    if (!is_repo(repo))
        return err_set(e, ASSAY_EUSAGE, "'%s': expected hf://datasets/OWNER/NAME/FILE", v->s);
    *url = hub_file_url(o->hub, repo, at ? at + 1 : "main", file + 1, &o->arena);
    return 0;
}

/* The format by the address's end; without one, the loader's. */
static const char *address_name(struct order *o, const char *url, size_t i)
{
    size_t n = strcspn(url, "?#");
    const char *path = arena_strndup(&o->arena, url, n), *base = fs_basename(path);
    const char *loader = strcmp(o->want->path, "json") == 0  ? ".jsonl"
                         : strcmp(o->want->path, "csv") == 0 ? ".csv"
                                                             : ".txt";
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "f%zu-", i);
    n = strlen(base);
    http_escape(&b, n > 60 ? base + n - 60 : base, false);
    if (!strchr(base, '.'))
        buf_adds(&b, loader);
    char *name = arena_strndup(&o->arena, b.v, b.n);
    buf_release(&b);
    return name;
}

static int get_addresses(struct order *o, const char *split, const struct value *said, bool fetch,
                         struct hash *sum, struct assay_err *e)
{
    const struct value *one[] = {said}, *const *v = said->type == VALUE_LIST ? said->items : one;
    size_t n = said->type == VALUE_LIST ? said->n : 1;
    struct hub_file *files = ARENA_ARRAY(&o->arena, struct hub_file, n + 1);
    struct hub_job j = job_of(o, split);
    j.stage = arena_printf(&o->arena, "%s/partial/url/%s", o->dir,
                           fs_basename(cache_file(o->dir, "x", split, "", &o->arena)));
    j.m.source = "url";
    for (size_t i = 0; i < n; i++) {
        TRY(address_of(o, v[i], &files[i].url, e));
        files[i].name = address_name(o, files[i].url, i);
        files[i].size = -1;
    }
    if (n)
        j.m.dataset = files[0].url;
    o->hub->now_dataset = j.m.dataset;
    o->hub->now_config = o->card.config;
    o->hub->now_split = split;
    if (o->hub->dry_run) {
        hub_say(o->hub, HUB_WOULD, 0, -1, false);
        return 0;
    }
    TRY(hub_download(&j, files, n, e));
    for (size_t i = 0; sum && i < n; i++)
        hash_add(sum, files[i].got_sha256, HASH_HEX - 1);
    if (!fetch)
        return 0;
    TRY(hub_convert(&j, files, n, o->want->kwargs, NULL, e));
    say_here(o->hub, &j.m, true);
    o->got->n_new++;
    return 0;
}

static int each_split(struct order *o, const struct value *files, bool fetch, struct hash *sum,
                      struct assay_err *e)
{
    if (files->type != VALUE_DICT)
        return get_addresses(o, "train", files, fetch, sum, e);
    for (uint32_t i = 0; i < files->n; i++)
        if (files->entries[i].key->type == VALUE_STR)
            TRY(get_addresses(o, files->entries[i].key->s, files->entries[i].value, fetch, sum, e));
    return 0;
}

/* The commit of files by address is the digest of their content. */
static int get_urls(struct order *o, struct assay_err *e)
{
    const struct value *files = value_get(o->want->kwargs, "data_files");
    struct cache_manifest m;
    struct arena *a = &o->arena;
    const struct cache_key key = {o->hub->root, o->hub->endpoint, o->want->path, o->want->name,
                                  o->revision, o->want->kwargs};
    const char *first = o->want->n_splits ? o->want->splits[0] : "train";
    o->card.config = o->want->name ? o->want->name : "default";
    if (!o->hub->refresh && cache_find(&key, first, a, &m)) {
        say_here(o->hub, &m, false);
        o->got->n_here++;
        return 0;
    }
    struct hash sum = {0};
    uint8_t h[HASH_BYTES];
    hash_init(&sum);
    o->sha = "url";
    if (o->hub->refresh && !o->hub->dry_run)
        cache_drop(arena_printf(a, "%s/partial/url", o->dir));
    int rc = each_split(o, files, false, &sum, e);
    hash_end(&sum, h);
    hash_release(&sum);
    if (rc < 0 || o->hub->dry_run)
        return rc;
    o->sha = hash_hex(h, arena_alloc(a, HASH_HEX));
    TRY(each_split(o, files, true, NULL, e));
    cache_drop(arena_printf(a, "%s/partial/url", o->dir));
    return cache_set_ref(o->dir, o->revision, o->sha, e);
}

/* -- all together ------------------------------------------------------------------------------ */

/* One process at a time fetches a configuration; another one waits, then finds it there. */
static int order_lock(struct order *o, struct assay_err *e)
{
    TRY(fs_mkdirs(o->dir, e));
    const char *path = fs_join(&o->arena, o->dir, "lock");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        return err_errno(e, ASSAY_EIO, "cannot write '%s'", path);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        log_info("'%s' is being fetched by another process: waiting", o->want->path);
        flock(fd, LOCK_EX);
    }
    return fd;
}

/* Without splits asked for: those that are whole. */
static int offline_splits(struct order *o, const char *sha, const char *const **out, size_t *n,
                          struct assay_err *e)
{
    const char *const *files;
    const char *dir = fs_join(&o->arena, o->dir, sha);
    size_t n_files = 0;
    if (fs_is_dir(dir))
        TRY(fs_walk(dir, "*.json", NULL, &o->arena, &files, &n_files, e));
    const char **v = ARENA_ARRAY(&o->arena, const char *, n_files + 1);
    for (size_t i = 0; i < n_files; i++) {
        struct cache_manifest m;
        if (cache_read(files[i], &o->arena, &m))
            v[(*n)++] = m.split;
    }
    *out = v;
    return 0;
}

static int offline_check(struct order *o, struct assay_err *e)
{
    const char *sha = cache_ref(o->dir, o->revision, &o->arena);
    const char *const *splits = o->want->splits;
    size_t n = o->want->n_splits;
    if (sha && n == 0)
        TRY(offline_splits(o, sha, &splits, &n, e));
    if (!sha || n == 0)
        return err_set(e, ASSAY_ENOTFOUND, "offline, and '%s' is not in the cache", o->want->path);
    for (size_t i = 0; i < n; i++) {
        struct cache_manifest m;
        if (!cache_look(o->dir, sha, splits[i], &o->arena, &m))
            return err_set(e, ASSAY_ENOTFOUND, "offline, and split '%s' of '%s' is not in the cache",
                           splits[i], o->want->path);
        say_here(o->hub, &m, false);
        o->got->n_here++;
    }
    return 0;
}

static int carry_out(struct order *o, struct assay_err *e)
{
    if (o->hub->offline)
        return offline_check(o, e);
    int fd = o->hub->dry_run ? -1 : order_lock(o, e);
    if (fd < 0 && !o->hub->dry_run)
        return fd;
    int rc = is_loader(o->want->path) ? get_urls(o, e) : get_repo(o, e);
    if (fd >= 0)
        close(fd);
    return rc;
}

int hub_get(struct hub *h, const struct hub_want *w, struct hub_got *got, struct assay_err *e)
{
    struct order o = {.hub = h, .want = w, .got = got};
    struct cache_key key = {h->root, h->endpoint, w->path, w->name, w->revision, w->kwargs};
    *got = (struct hub_got){0};
    if (!hub_can_have(w->path, w->kwargs))
        return err_set(e, ASSAY_EUSAGE,
                       "'%s' is no name of a dataset on a hub (OWNER/NAME), nor a loader with addresses",
                       w->path);
    o.dir = cache_dir(&key, &o.arena);
    o.revision = cache_revision(&key);
    int rc = carry_out(&o, e);
    arena_release(&o.arena);
    return rc;
}
