/* card.c - see card.h. */
#include "datasets/card.h"

#include <fnmatch.h>
#include <string.h>

#include "datasets/resolve.h"
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/value.h"
#include "harness/base/yaml.h"

enum { MAX_SPLITS = 4096, MAX_CONFIGS_NAMED = 12 };

/* -- patterns ---------------------------------------------------------------------------------- */

static bool match_part(const char *pattern, size_t pn, const char *s, size_t sn)
{
    char p[512], t[512];
    if (pn >= sizeof p || sn >= sizeof t)
        return false;
    memcpy(p, pattern, pn);
    memcpy(t, s, sn);
    p[pn] = t[sn] = 0;
    return fnmatch(p, t, FNM_NOESCAPE) == 0;
}

static const char *next_part(const char *s)
{
    s += strcspn(s, "/");
    return *s ? s + 1 : s;
}

/* Only the last "**" met may have to take more: the earlier ones took the least they could. */
bool card_match(const char *pattern, const char *path)
{
    const char *p = pattern, *s = path, *star_p = NULL, *star_s = NULL;
    while (*s) {
        size_t pn = strcspn(p, "/");
        if (pn == 2 && p[0] == '*' && p[1] == '*') {
            if (!p[2])
                return true;
            star_p = p = next_part(p);
            star_s = s;
        } else if (*p && match_part(p, pn, s, strcspn(s, "/"))) {
            p = next_part(p);
            s = next_part(s);
        } else if (star_p) {
            p = star_p;
            s = star_s = next_part(star_s);
        } else {
            return false;
        }
    }
    return !*p;
}

static size_t parts_with(const char *path, const char *start, bool folders_only)
{
    size_t n = 0, k = strlen(start);
    for (const char *p = path;; p++) {
        const char *slash = strchr(p, '/');
        if (!slash && folders_only)
            return n;
        n += strncmp(p, start, k) == 0;
        if (!slash)
            return n;
        p = slash;
    }
}

/* What no pattern finds unless it names it: files about the dataset, hidden ones, __pycache__. */
static bool is_passed_over(const char *pattern, const char *path)
{
    static const char *const about[] = {"README.md",          "config.json",    "dataset_info.json",
                                        "dataset_infos.json", "dummy_data.zip", "dataset_dict.json"};
    const char *name = fs_basename(path);
    for (size_t i = 0; i < sizeof about / sizeof *about; i++)
        if (strcmp(name, about[i]) == 0 && strcmp(fs_basename(pattern), name) != 0)
            return true;
    return parts_with(path, ".", false) != parts_with(pattern, ".", false) ||
           parts_with(path, "__", true) != parts_with(pattern, "__", true);
}

/* -- reading ----------------------------------------------------------------------------------- */

struct reader {
    const struct card_file *files;
    size_t n;
    const char *dir; /* data_dir, "" or with its slash */
    struct arena *arena;
    struct card *card;
};

/* Adds what the pattern finds to the split, each file once; returns how many match. */
static size_t split_add(struct reader *r, struct card_split *s, const char *pattern)
{
    const char *full = arena_printf(r->arena, "%s%s", r->dir, pattern);
    size_t hits = 0;
    while (strncmp(full, "./", 2) == 0)
        full += 2;
    for (size_t i = 0; i < r->n; i++) {
        if (!card_match(full, r->files[i].path) || is_passed_over(full, r->files[i].path))
            continue;
        hits++;
        bool seen = false;
        for (size_t k = 0; k < s->n && !seen; k++)
            seen = s->files[k] == &r->files[i];
        if (!seen)
            s->files[s->n++] = &r->files[i];
    }
    return hits;
}

static struct card_split *split_new(struct reader *r, const char *name)
{
    struct card_split *s = &r->card->splits[r->card->n];
    *s = (struct card_split){.name = name,
                             .files = ARENA_ARRAY(r->arena, const struct card_file *, r->n + 1)};
    return s;
}

static int split_said(struct reader *r, const char *name, const struct value *paths,
                      struct assay_err *e)
{
    if (r->card->n == MAX_SPLITS)
        return err_set(e, ASSAY_ELIMIT, "more than %d splits", MAX_SPLITS);
    struct card_split *s = split_new(r, name);
    const struct value *one[] = {paths}, *const *v = one;
    size_t n = 1;
    if (paths->type == VALUE_LIST) {
        v = paths->items;
        n = paths->n;
    }
    for (size_t i = 0; i < n; i++) {
        if (v[i]->type != VALUE_STR)
            return err_set(e, ASSAY_EFORMAT, "split '%s': 'data_files' must hold file names", name);
        if (split_add(r, s, v[i]->s) == 0 && !strpbrk(v[i]->s, "*?["))
            return err_set(e, ASSAY_ENOTFOUND, "split '%s': the repository has no file '%s%s'", name,
                           r->dir, v[i]->s);
    }
    if (s->n)
        r->card->n++;
    return 0;
}

/* data_files: a name, a list of names, a list of {split, path}, or a mapping from split. */
static int splits_said(struct reader *r, const struct value *files, struct assay_err *e)
{
    if (files->type == VALUE_DICT) {
        for (uint32_t i = 0; i < files->n; i++)
            if (files->entries[i].key->type == VALUE_STR)
                TRY(split_said(r, files->entries[i].key->s, files->entries[i].value, e));
        return 0;
    }
    if (files->type != VALUE_LIST || !files->n || files->items[0]->type != VALUE_DICT)
        return split_said(r, "train", files, e);
    for (uint32_t i = 0; i < files->n; i++) {
        const struct value *split = value_get(files->items[i], "split");
        const struct value *path = value_get(files->items[i], "path");
        if (!split || split->type != VALUE_STR || !path)
            return err_set(e, ASSAY_EFORMAT,
                           "'data_files' must be names or a list of {split, path}");
        TRY(split_said(r, split->s, path, e));
    }
    return 0;
}

/* -- names ------------------------------------------------------------------------------------- */

static const char *const default_splits[] = {"train", "validation", "test"};
static const char *const keywords[3][5] = {{"train", "training"},
                                           {"validation", "valid", "dev", "val"},
                                           {"test", "testing", "eval", "evaluation"}};

static void sharded_add(struct reader *r, const char *name)
{
    split_add(r, split_new(r, name),
              arena_printf(r->arena,
                           "data/%s-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*",
                           name));
    r->card->n++;
}

static bool has_split(const struct card *c, const char *name)
{
    return card_split(c, name) != NULL;
}

/* data/SPLIT-00000-of-00001.csv */
static bool splits_sharded(struct reader *r)
{
    const char *prefix = arena_printf(r->arena, "%sdata/", r->dir);
    const char *any = arena_printf(
        r->arena, "%s*-[0-9][0-9][0-9][0-9][0-9]-of-[0-9][0-9][0-9][0-9][0-9]*.*", prefix);
    const char **names = ARENA_ARRAY(r->arena, const char *, r->n + 1);
    size_t n = 0;
    for (size_t i = 0; i < r->n; i++) {
        if (!card_match(any, r->files[i].path) || is_passed_over(any, r->files[i].path))
            continue;
        const char *start = r->files[i].path + strlen(prefix), *end = strstr(start, "-of-");
        size_t len = end && end - start >= 6 ? (size_t)(end - start - 6) : 0;
        bool seen = len == 0;
        for (size_t k = 0; k < n && !seen; k++)
            seen = strlen(names[k]) == len && memcmp(names[k], start, len) == 0;
        if (!seen)
            names[n++] = arena_strndup(r->arena, start, len);
    }
    for (int d = 0; d < 3; d++)
        for (size_t i = 0; i < n; i++)
            if (strcmp(names[i], default_splits[d]) == 0)
                sharded_add(r, names[i]);
    for (size_t i = 0; i < n && r->card->n < MAX_SPLITS; i++)
        if (!has_split(r->card, names[i]))
            sharded_add(r, names[i]);
    return n > 0;
}

static bool splits_named(struct reader *r, const char *const *patterns)
{
    for (int d = 0; d < 3; d++) {
        struct card_split *s = split_new(r, default_splits[d]);
        for (const char *const *word = keywords[d]; word < keywords[d] + 5 && *word; word++)
            for (const char *const *p = patterns; *p; p++) {
                struct buf b;
                buf_init(&b, 0);
                for (const char *c = *p; *c; c++)
                    *c == 'K'   ? buf_adds(&b, *word)
                    : *c == 'S' ? buf_adds(&b, "[-._ 0-9]")
                                : buf_addc(&b, *c);
                split_add(r, s, b.v);
                buf_release(&b);
            }
        r->card->n += s->n > 0;
    }
    return r->card->n > 0;
}

static void splits_by_name(struct reader *r)
{
    static const char *const folders[] = {"**/K/**", "**/KS*/**", "**/*SK/**", "**/*SKS*/**", NULL};
    static const char *const names[] = {"**/KS*", "**/*SKS*", NULL};
    if (splits_sharded(r) || splits_named(r, folders) || splits_named(r, names))
        return;
    struct card_split *s = split_new(r, "train");
    split_add(r, s, "**");
    r->card->n += s->n > 0;
}

/* -- kinds ------------------------------------------------------------------------------------- */

/* Of the kinds of files in a split the most frequent counts, the others are left out: a licence
 * beside tables is no row. */
enum kind { KIND_NONE, KIND_JSON, KIND_CSV, KIND_TSV, KIND_TEXT, KIND_OTHER, N_KINDS };

static enum kind kind_of(const char *path)
{
    static const char *const others[] = {".parquet", ".arrow", ".zip",  ".tar",  ".xml", ".h5",
                                         ".png",     ".jpg",   ".jpeg", ".webp", ".wav", ".mp3",
                                         ".flac",    ".mp4",   ".pdf",  ".eval", ".npy", ".lance"};
    const struct rows_format *f = resolve_format(path);
    if (f)
        return f == &rows_csv ? KIND_CSV : f == &rows_tsv ? KIND_TSV : f == &rows_text ? KIND_TEXT
                                                                                       : KIND_JSON;
    const char *dot = strrchr(fs_basename(path), '.');
    for (size_t i = 0; dot && i < sizeof others / sizeof *others; i++)
        if (strcmp(dot, others[i]) == 0)
            return KIND_OTHER;
    return KIND_NONE;
}

static void keep_kind(struct card_split *s)
{
    size_t counts[N_KINDS] = {0}, n = 0;
    enum kind best = KIND_NONE;
    for (size_t i = 0; i < s->n; i++)
        counts[kind_of(s->files[i]->path)]++;
    /* In a draw the files that cannot be read here win: the viewer then has the rows. */
    for (int k = KIND_JSON; k < N_KINDS; k++)
        if (counts[k] > (best ? counts[best] : 0) || (k == KIND_OTHER && best && counts[k] == counts[best]))
            best = (enum kind)k;
    for (size_t i = 0; best && i < s->n; i++) {
        enum kind k = kind_of(s->files[i]->path);
        bool table = (k == KIND_CSV || k == KIND_TSV) && (best == KIND_CSV || best == KIND_TSV);
        if (k == best || table)
            s->files[n++] = s->files[i];
    }
    if (best)
        s->n = n;
}

/* -- front matter ------------------------------------------------------------------------------ */

int card_front(const char *readme, size_t n, struct arena *a, const struct value **out,
               struct assay_err *e)
{
    static const char bom[] = "\xef\xbb\xbf";
    *out = value_dict(a, NULL, 0);
    if (n >= 3 && memcmp(readme, bom, 3) == 0) {
        readme += 3;
        n -= 3;
    }
    const char *text = arena_strndup(a, readme, n);
    if (strncmp(text, "---\n", 4) != 0 && strncmp(text, "---\r\n", 5) != 0)
        return 0;
    const char *start = strchr(text, '\n') + 1, *end = start;
    while (end && !(strncmp(end, "---", 3) == 0 && strspn(end + 3, " \t\r") == strcspn(end + 3, "\n")))
        end = (end = strchr(end, '\n')) ? end + 1 : NULL;
    if (!end)
        return 0;
    const struct value *v;
    TRY(yaml_parse(start, (size_t)(end - start), "README.md", a, &v, e));
    if (v->type == VALUE_DICT)
        *out = v;
    return 0;
}

static const char *config_name(const struct value *config)
{
    const struct value *v = value_get(config, "config_name");
    return v && v->type == VALUE_STR ? v->s : NULL;
}

static int config_unknown(const struct value *configs, const char *path, const char *name,
                          struct assay_err *e)
{
    struct buf b;
    buf_init(&b, 0);
    const char **names = NULL;
    struct arena a = {0};
    size_t n = 0;
    names = ARENA_ARRAY(&a, const char *, configs->n + 1);
    for (uint32_t i = 0; i < configs->n; i++)
        if (config_name(configs->items[i]))
            names[n++] = config_name(configs->items[i]);
    for (size_t i = 0; i < n && i < MAX_CONFIGS_NAMED; i++)
        buf_printf(&b, "%s%s", i ? ", " : "", names[i]);
    if (n > MAX_CONFIGS_NAMED)
        buf_printf(&b, " and %zu more", n - MAX_CONFIGS_NAMED);
    const char *near = name ? field_nearest(name, names, n) : NULL;
    int rc;
    if (near)
        rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' has no configuration '%s', did you mean '%s'?",
                     path, name, near);
    else if (name)
        rc = err_set(e, ASSAY_EUSAGE, "dataset '%s' has no configuration '%s'; it has %s", path,
                     name, b.v);
    else
        rc = err_set(e, ASSAY_EUSAGE,
                     "dataset '%s' has several configurations, name one of %s", path, b.v);
    buf_release(&b);
    arena_release(&a);
    return rc;
}

/* The configuration of that name; without one: the only one, `default`, or the one so marked. */
static int config_pick(const struct value *configs, const char *path, const char *name,
                       const struct value **out, struct assay_err *e)
{
    *out = NULL;
    for (uint32_t i = 0; i < configs->n; i++) {
        const struct value *c = configs->items[i], *mark = value_get(c, "default");
        const char *own = config_name(c);
        if (!own)
            return err_set(e, ASSAY_EFORMAT,
                           "README.md of '%s': a configuration has no 'config_name'", path);
        bool is_default = configs->n == 1 || strcmp(own, "default") == 0 ||
                          (mark && mark->type == VALUE_BOOL && mark->b);
        if (name ? strcmp(own, name) == 0 : is_default) {
            *out = c;
            return 0;
        }
    }
    return config_unknown(configs, path, name, e);
}

/* dataset_info: one dict, or a list of them by config_name. */
static const struct value *features_of(const struct value *front, const char *config)
{
    const struct value *info = value_get(front, "dataset_info");
    if (!info)
        return NULL;
    if (info->type == VALUE_DICT)
        return value_get(info, "features");
    for (uint32_t i = 0; info->type == VALUE_LIST && i < info->n; i++) {
        const char *own = config_name(info->items[i]);
        if (info->n == 1 || (own && strcmp(own, config) == 0))
            return value_get(info->items[i], "features");
    }
    return NULL;
}

/* What the README says about reading files counts unless the task says otherwise. */
static const struct value *options_of(const struct value *config, const struct value *kwargs,
                                      struct arena *a)
{
    static const char *const keys[] = {"column_names", "delimiter", "field", "header",
                                       "names",        "sep",       NULL};
    const struct value *out = kwargs ? kwargs : value_dict(a, NULL, 0);
    for (const char *const *k = keys; *k; k++) {
        const struct value *v = value_get(config, *k);
        if (v && !value_get(out, *k))
            out = value_with(a, out, *k, v);
    }
    return out;
}

static const char *dir_of(const struct value *dir, struct arena *a, struct assay_err *e, int *rc)
{
    *rc = 0;
    if (!dir || dir->type != VALUE_STR || dir->n == 0 || strcmp(dir->s, ".") == 0)
        return "";
    if (strstr(dir->s, "..") || dir->s[0] == '/')
        *rc = err_set(e, ASSAY_EUSAGE, "data_dir '%s' leaves the repository", dir->s);
    return arena_printf(a, "%s%s", dir->s, dir->s[dir->n - 1] == '/' ? "" : "/");
}

static bool script_there(const struct card_file *files, size_t n, const char *path)
{
    struct buf b;
    buf_init(&b, 0);
    buf_printf(&b, "%s.py", fs_basename(path));
    bool found = false;
    for (size_t i = 0; i < n && !found; i++)
        found = strcmp(files[i].path, b.v) == 0;
    buf_release(&b);
    return found;
}

int card_read(const struct card_file *files, size_t n, const struct value *front, const char *path,
              const char *name, const struct value *kwargs, struct arena *a, struct card *out,
              struct assay_err *e)
{
    int rc;
    const struct value *configs = value_get(front, "configs"), *config = NULL;
    const struct value *said = value_get(kwargs, "data_files"), *dir = value_get(kwargs, "data_dir");
    *out = (struct card){.splits = ARENA_ARRAY(a, struct card_split, MAX_SPLITS + 1)};
    bool has_configs = configs && configs->type == VALUE_LIST && configs->n;
    if (has_configs && !said)
        TRY(config_pick(configs, path, name, &config, e));
    out->config = config ? config_name(config) : name ? name : "default";
    out->features = features_of(front, out->config);
    out->options = options_of(config, kwargs, a);
    out->is_script = !has_configs && !said && script_there(files, n, path);
    struct reader r = {.files = files, .n = n, .arena = a, .card = out};
    r.dir = dir_of(dir ? dir : value_get(config, "data_dir"), a, e, &rc);
    TRY(rc);
    if (!said)
        said = value_get(config, "data_files");
    if (said && said->type != VALUE_NULL)
        TRY(splits_said(&r, said, e));
    else
        splits_by_name(&r);
    for (size_t i = 0; i < out->n; i++)
        keep_kind(&out->splits[i]);
    out->is_readable = out->n > 0;
    for (size_t i = 0; i < out->n; i++)
        for (size_t k = 0; k < out->splits[i].n; k++)
            out->is_readable = out->is_readable && resolve_format(out->splits[i].files[k]->path);
    return 0;
}

const struct card_split *card_split(const struct card *c, const char *name)
{
    for (size_t i = 0; i < c->n; i++)
        if (strcmp(c->splits[i].name, name) == 0)
            return &c->splits[i];
    return NULL;
}
