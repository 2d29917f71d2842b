/* cmd_data.c - assay data: fetch datasets into the cache, and look after it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "datasets/cache.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/fs.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/data_table.h"
#include "harness/cli/exit_code.h"
#include "harness/cli/fetch.h"
#include "harness/run/suite.h"

enum { MAX_ARGS = 256, MAX_SPLITS = 64 };
struct data_flags {
    struct fetch_flags fetch;
    const char *split, *revision;
    int32_t all, old;
};
static struct data_flags flags;

#define AT(member) offsetof(struct data_flags, member)
static const struct assay_field data_fields[] = {
    {"split", ASSAY_STR, AT(split), NULL, NULL, "only these splits: train,test"},
    {"revision", ASSAY_STR, AT(revision), NULL, NULL, "get: branch, tag or commit, else main"},
    {"dry-run", ASSAY_BOOL, AT(fetch.dry_run), "false", NULL,
     "get, rm: say what would be done and how much it is"},
    {"refresh", ASSAY_BOOL, AT(fetch.refresh), "false", NULL, "get: fetch again what is here"},
    {"offline", ASSAY_BOOL, AT(fetch.offline), "false", NULL,
     "get: ask no server, only say whether it is here; also HF_HUB_OFFLINE=1"},
    {"connections", ASSAY_INT, AT(fetch.connections), "4", "1..16", "get: at the same time"},
    {"retries", ASSAY_INT, AT(fetch.retries), "6", "0..100", "get: after a failure, with growing waits"},
    {"max-size", ASSAY_STR, AT(fetch.max_size), "16GiB", NULL, "get: of one split"},
    {"quiet", ASSAY_BOOL, AT(fetch.quiet), "false", NULL, "get: no progress"},
    {"all", ASSAY_BOOL, AT(all), "false", NULL, "rm: everything"},
    {"old", ASSAY_BOOL, AT(old), "false", NULL, "rm: commits that no branch stands at any more, whole or not"},
    {0},
};
/* Keys of a suite, so that tasks are named here as they are for a run. */
static const struct assay_field suite_rows[] = {
    {"tasks", ASSAY_STR, 0, NULL, NULL, "get: what these tasks read (names, globs, *.yaml, folders)"},
    {"task-dir", ASSAY_STR, 0, NULL, NULL, "get: folder where task names are looked up first"},
    {"data", ASSAY_STR, 0, NULL, NULL, "get: folder with datasets that need not be fetched"},
    {"allow-task-code", ASSAY_BOOL, 0, "false", NULL, "get: of tasks whose Python functions are not built in, too"},
    {"task-code-python", ASSAY_STR, 0, "python3", NULL, "get: the Python that loads them"},
    {"task-code-timeout", ASSAY_INT, 0, "120", "1..1000000", "get: seconds after which it is given up"},
    {"task-code-memory", ASSAY_STR, 0, "4G", NULL, "get: most address space of that Python"},
    {0},
};

/* -- get ------------------------------------------------------------------------------------------- */

static size_t split_list(char *text, const char **out)
{
    size_t n = 0;
    for (char *p = text, *next; p && n < MAX_SPLITS; p = next) {
        next = strchr(p, ',');
        if (next)
            *next++ = 0;
        if (*p)
            out[n++] = p;
    }
    return n;
}

static bool is_suite_file(const char *arg)
{
    size_t n = strlen(arg);
    return (n > 5 && strcmp(arg + n - 5, ".yaml") == 0) || (n > 4 && strcmp(arg + n - 4, ".yml") == 0);
}

static int get_suite(struct options *o, struct fetch *f, const char *file, struct assay_err *e)
{
    struct suite suite;
    suite_init(&suite, &o->arena);
    if (file)
        TRY(suite_load(&suite, file, e));
    for (size_t i = 0; i < o->n_pairs; i++)
        TRY(suite_set(&suite, o->pairs[i].key, o->pairs[i].text, e));
    if (!suite.tasks.n)
        return err_set(e, ASSAY_EUSAGE, file ? "'%s' names no tasks" : "no --tasks", file);
    return fetch_suite(f, &suite, false, e);
}

static int get_named(struct options *o, struct fetch *f, const char *arg, struct assay_err *e)
{
    const char *splits[MAX_SPLITS];
    struct data_spec spec;
    TRY(data_spec_parse(arg, &o->arena, &spec, e));
    if (flags.revision && spec.revision)
        return err_set(e, ASSAY_EUSAGE, "'%s' and --revision both name a revision", arg);
    struct hub_want w = {.path = spec.path, .name = spec.name,
                         .revision = spec.revision ? spec.revision : flags.revision,
                         .splits = splits};
    if (flags.split)
        w.n_splits = split_list(arena_strdup(&o->arena, flags.split), splits);
    fetch_one(f, &w);
    return 0;
}

static int get_all(struct options *o, struct fetch *f, struct assay_err *e)
{
    bool by_tasks = false;
    for (size_t i = 0; i < o->n_pairs; i++)
        by_tasks = by_tasks || strcmp(o->pairs[i].key, "tasks") == 0;
    if (by_tasks && o->n_args == 1)
        return get_suite(o, f, NULL, e);
    if (o->n_args == 1)
        return err_set(e, ASSAY_EUSAGE, "name a dataset, a suite file, or --tasks");
    for (size_t i = 1; i < o->n_args; i++)
        TRY(is_suite_file(o->args[i]) ? get_suite(o, f, o->args[i], e)
                                      : get_named(o, f, o->args[i], e));
    return 0;
}

static int get(struct options *o, struct assay_err *e)
{
    struct fetch *f;
    TRY(fetch_begin(&flags.fetch, &f, e));
    int rc = get_all(o, f, e);
    struct fetch_count n = fetch_end(f);
    if (rc < 0)
        return rc;
    if (n.n_failed == 0) {
        if (!flags.fetch.dry_run)
            printf("%zu split%s fetched, %zu already here\n", n.n_new, n.n_new == 1 ? "" : "s", n.n_here);
        return EXIT_OK;
    }
    rc = err_set(e, n.first.code, "%s", n.first.msg);
    if (n.n_wants == 1)
        return rc;
    say_error(e);
    err_set(e, n.first.code, "%zu of %zu datasets could not be fetched", n.n_failed, n.n_wants);
    if (n.n_failed == n.n_wants)
        return n.first.code;
    say_error(e);
    return EXIT_PARTIAL;
}

/* -- the cache ------------------------------------------------------------------------------------- */

static bool split_is_asked(const char *split)
{
    size_t n = strlen(split);
    for (const char *p = flags.split; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL)
        if (strncmp(p, split, n) == 0 && (p[n] == ',' || p[n] == 0))
            return true;
    return !flags.split;
}

/* The entries that the arguments name; all of them when there are none. */
static int select_entries(struct options *o, const struct cache_entry **out, size_t *n,
                          struct assay_err *e)
{
    const char *root = cache_root(&o->arena);
    const struct cache_entry *all;
    size_t n_all = 0;
    *n = 0;
    if (!root)
        return err_set(e, ASSAY_EUSAGE, "no folder for the cache: set ASSAY_CACHE or HOME");
    TRY(cache_list(root, &o->arena, &all, &n_all, e));
    struct cache_entry *v = ARENA_ARRAY(&o->arena, struct cache_entry, n_all + 1);
    bool *used = ARENA_ARRAY(&o->arena, bool, o->n_args + 1);
    for (size_t i = 0; i < n_all; i++) {
        bool hit = o->n_args == 1;
        for (size_t k = 1; k < o->n_args; k++) {
            struct data_spec spec;
            TRY(data_spec_parse(o->args[k], &o->arena, &spec, e));
            bool match = data_spec_matches(&spec, &all[i]);
            used[k] = used[k] || match;
            hit = hit || match;
        }
        if (hit && split_is_asked(all[i].m.split))
            v[(*n)++] = all[i];
    }
    for (size_t k = 1; k < o->n_args; k++)
        if (!used[k])
            return err_set(e, ASSAY_ENOTFOUND, "'%s' is not in the cache; to fetch it: assay data get %s",
                           o->args[k], o->args[k]);
    *out = v;
    return 0;
}

/* Below the table: how much that is, and how much of it nobody asks for. */
static void list_sums(const struct cache_entry *v, size_t n, const struct cache_leftovers *left)
{
    const double mib = 1 << 20;
    int64_t bytes = 0, old = 0;
    for (size_t i = 0; i < n; i++) {
        bytes += v[i].m.bytes;
        old += v[i].is_current ? 0 : v[i].m.bytes;
    }
    printf("%zu split%s, %.2f MiB", n, n == 1 ? "" : "s", (double)bytes / mib);
    if (left->bytes)
        printf("; %.2f MiB of fetches that broke off", (double)left->bytes / mib);
    if (old + left->old_bytes)
        printf("; assay data rm --old frees %.2f MiB", (double)(old + left->old_bytes) / mib);
    putchar('\n');
}

static int list(struct options *o, struct assay_err *e)
{
    const struct cache_entry *v = NULL;
    struct cache_leftovers left = {0};
    size_t n;
    struct buf b;
    TRY(select_entries(o, &v, &n, e));
    if (o->n_args == 1 && !flags.split)
        TRY(cache_leftovers(cache_root(&o->arena), false, &left, e));
    buf_init(&b, 0);
    data_table(v, n, &b);
    say_buf(&b);
    buf_release(&b);
    if (n || left.bytes)
        list_sums(v, n, &left);
    return 0;
}

static int verify(struct options *o, struct assay_err *e)
{
    const struct cache_entry *v = NULL;
    size_t n, n_bad = 0;
    struct buf why;
    TRY(select_entries(o, &v, &n, e));
    buf_init(&why, 0);
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        bool ok = false;
        buf_clear(&why);
        rc = cache_verify(&v[i], &ok, &why, e);
        if (rc == 0 && !ok) {
            n_bad++;
            data_put_name(stdout, &v[i]);
            printf(": damaged: %s\n", why.v);
        }
    }
    buf_release(&why);
    TRY(rc);
    printf("%zu split%s looked at, %zu damaged\n", n, n == 1 ? "" : "s", n_bad);
    return n_bad ? EXIT_ERROR : EXIT_OK;
}

static int path(struct options *o, struct assay_err *e)
{
    const struct cache_entry *v = NULL;
    size_t n;
    if (o->n_args == 1) {
        const char *root = cache_root(&o->arena);
        if (!root)
            return err_set(e, ASSAY_EUSAGE, "no folder for the cache: set ASSAY_CACHE or HOME");
        puts(root);
        return 0;
    }
    TRY(select_entries(o, &v, &n, e));
    for (size_t i = 0; i < n; i++)
        if (v[i].is_current)
            puts(v[i].file);
    return 0;
}

static int rm(struct options *o, struct assay_err *e)
{
    const struct cache_entry *v = NULL;
    size_t n, n_gone = 0;
    int64_t bytes = 0;
    if (o->n_args == 1 && !flags.all && !flags.old)
        return err_set(e, ASSAY_EUSAGE, "name datasets to remove, or --old, or --all");
    TRY(select_entries(o, &v, &n, e));
    for (size_t i = 0; i < n; i++) {
        if (flags.old && v[i].is_current)
            continue;
        if (!flags.fetch.dry_run)
            TRY(cache_remove(&v[i], e));
        n_gone++;
        bytes += v[i].m.bytes;
        data_put_name(stdout, &v[i]);
        puts(flags.fetch.dry_run ? ": would be removed" : ": removed");
    }
    /* Also what fetches that failed have left. */
    if (o->n_args == 1 && !flags.split) {
        struct cache_leftovers left;
        TRY(cache_leftovers(cache_root(&o->arena), flags.old && !flags.fetch.dry_run, &left, e));
        bytes += flags.old ? left.old_bytes : left.bytes;
        if (!flags.old && !flags.fetch.dry_run)
            cache_drop(fs_join(&o->arena, cache_root(&o->arena), "datasets"));
    }
    printf("%zu split%s, %.1f MiB\n", n_gone, n_gone == 1 ? "" : "s", (double)bytes / 1048576);
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    static const struct {
        const char *name;
        int (*run)(struct options *, struct assay_err *);
    } verbs[] = {{"get", get}, {"list", list}, {"verify", verify}, {"path", path}, {"rm", rm}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(o->args[0], verbs[i].name) == 0)
            return verbs[i].run(o, e);
    return err_set(e, ASSAY_EUSAGE, "unknown action '%s': expected get, list, verify, path or rm",
                   o->args[0]);
}

static int run_data(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, NULL};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_data = {
    .name = "data",
    .summary = "fetch datasets from a hub, and list, verify, find or remove them",
    .arguments = "get|list|verify|path|rm [DATASET | SUITE.yaml]...",
    .min_args = 1,
    .max_args = MAX_ARGS,
    .tables = {data_fields, suite_rows},
    .text = "DATASET is OWNER/NAME, OWNER/NAME:CONFIG or OWNER/NAME:CONFIG@REVISION.\n"
            "\n"
            "Rows land as JSON lines with a manifest (sha256, rows, source, date) in\n"
            "$ASSAY_CACHE, $XDG_CACHE_HOME/assay or ~/.cache/assay, one folder per commit. A\n"
            "run uses them and fetches nothing itself unless it is given --download. What is\n"
            "interrupted goes on when asked again.\n"
            "\n"
            "JSON, JSON lines, CSV, TSV and text files are fetched as they are; all else as\n"
            "rows from the hub's dataset viewer, which has main only. A viewer that cuts long\n"
            "cells or has only a part of a dataset is refused.\n"
            "\n"
            "Environment: HF_ENDPOINT, HF_TOKEN (or $HF_HOME/token), HF_HUB_OFFLINE,\n"
            "ASSAY_CACHE, ASSAY_ROWS_ENDPOINT (the viewer), https_proxy, no_proxy,\n"
            "CURL_CA_BUNDLE, SSL_CERT_FILE, SSL_CERT_DIR (who may sign certificates).\n",
    .examples = "data get openai/gsm8k:main # every split of a configuration\n"
                "data get --tasks mmlu --dry-run # what a suite's tasks need, and how much it is\n"
                "data get nightly.yaml # for a suite file\n"
                "data verify # hash everything again\n"
                "data rm --old # commits that no branch stands at any more\n",
    .words = "get|list|verify|path|rm",
    .main = run_data,
};
