/* cmd_list.c - assay list: what there is: backends, tasks, datasets, runs, variants, precisions,
 * kernels. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/native/kern.h"
#include "datasets/cache.h"
#include "datasets/data.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/field.h"
#include "harness/base/fs.h"
#include "harness/base/text.h"
#include "harness/cli/commands.h"
#include "harness/cli/data_table.h"
#include "harness/cli/report_flags.h"
#include "harness/cli/task_views.h"
#include "harness/run/paths.h"
#include "harness/run/plugin.h"
#include "tasks/task.h"

struct list_flags {
    const char *task_dir, *format;
};
static struct report_flags flags;
static struct list_flags list_flags;

static const struct assay_field list_fields[] = {
    {"task-dir", ASSAY_STR, offsetof(struct list_flags, task_dir), NULL, NULL,
     "tasks: another folder of task files, beside the library"},
    {"format", ASSAY_ENUM, offsetof(struct list_flags, format), "table", "table|csv|json",
     "tasks: how to print"},
    {0},
};

/* A text from outside, safe for a terminal, at least so wide. */
static void put_padded(const char *s, int width)
{
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, s, strlen(s));
    printf("%-*s", width, b.v);
    buf_release(&b);
}

static void put(const char *s)
{
    put_padded(s, 0);
}

/* The files of some folders that have that ending, without it. */
static int list_files(const char *const *dirs, const char *ending, struct options *o,
                      struct assay_err *e)
{
    for (; *dirs; dirs++) {
        const char *const *paths, *pattern = arena_printf(&o->arena, "*%s", ending);
        size_t n;
        TRY(fs_walk(*dirs, pattern, NULL, &o->arena, &paths, &n, e));
        for (size_t i = 0; i < n; i++) {
            const char *name = fs_basename(paths[i]);
            put_padded(arena_strndup(&o->arena, name, strlen(name) - strlen(ending)), 16);
            put(paths[i]);
            putchar('\n');
        }
    }
    return 0;
}

static int list_suites(struct options *o, struct assay_err *e)
{
    return list_files(paths_suites(&o->arena), ".yaml", o, e);
}

static int list_models(struct options *o, struct assay_err *e)
{
    return list_files(paths_models(&o->arena), ".gguf", o, e);
}

static int list_backends(struct options *o, struct assay_err *e)
{
    struct plugin_list l;
    TRY(plugin_scan(&o->arena, &l, e));
    for (size_t i = 0; i < l.n_found; i++) {
        const struct plugin *p = l.found[i];
        printf("%-12s %-8s ", p->name, p->version);
        put(p->help ? p->help : "");
        printf("\n%22s%s\n", "", p->path ? p->path : "built in");
    }
    for (size_t i = 0; i < l.n_refused; i++) {
        printf("refused      ");
        put(l.refused[i].path);
        printf("\n%13s", "");
        put(l.refused[i].reason);
        puts("");
    }
    return 0;
}

static int list_options(struct options *o, struct assay_err *e)
{
    struct plugin_list l;
    TRY(plugin_scan(&o->arena, &l, e));
    for (size_t i = 0; i < l.n_found; i++) {
        printf("%s%s\n", i ? "\n" : "", l.found[i]->name);
        for (const struct assay_field *f = l.found[i]->api.options; f->name; f++)
            printf("  %-14s %s%s%s%s%s%s\n", f->name, f->help, f->values ? "; " : "",
                   f->values ? f->values : "", f->def ? " (default: " : "", f->def ? f->def : "",
                   f->def ? ")" : "");
    }
    return 0;
}

static int list_task_names(struct options *o, struct assay_err *e)
{
    return list_tasks(o, list_flags.task_dir, o->n_args > 1 ? o->args[1] : NULL, list_flags.format, e);
}

/* The first line of a text that may be hostile. */
static void put_line(const char *s)
{
    struct buf b;
    buf_init(&b, 0);
    text_safe(&b, s, strcspn(s, "\n"));
    fputs(b.v, stdout);
    buf_release(&b);
}

static int list_fetched(struct options *o, struct assay_err *e)
{
    const char *root = cache_root(&o->arena);
    const struct cache_entry *v;
    size_t n = 0;
    if (root)
        TRY(cache_list(root, &o->arena, &v, &n, e));
    if (!n)
        return 0;
    struct buf b;
    buf_init(&b, 0);
    printf("\nfetched, in %s\n", root);
    data_table(v, n, &b);
    say_buf(&b);
    buf_release(&b);
    return 0;
}

static int list_datasets(struct options *o, struct assay_err *e)
{
    const struct data_recipe *r;
    size_t n;
    TRY(data_recipes(paths_recipes(&o->arena, NULL), &o->arena, &r, &n, e));
    if (n == 0)
        return err_set(e, ASSAY_EIO, "no recipes found; they are installed in share/assay/recipes");
    for (size_t i = 0; i < n; i++) {
        put(r[i].names->n ? r[i].names->items[0]->s : fs_basename(r[i].file));
        for (uint32_t s = 0; s < r[i].splits->n; s++) {
            const struct value *split = r[i].splits->entries[s].key;
            printf("%s%s", s ? ", " : "  (", split->type == VALUE_STR ? split->s : "?");
        }
        printf("%s\n    ", r[i].splits->n ? ")" : "");
        put_line(r[i].about);
        puts("");
    }
    return list_fetched(o, e);
}

static int list_precisions(struct options *o, struct assay_err *e)
{
    struct plugin_list l;
    TRY(plugin_scan(&o->arena, &l, e));
    for (size_t i = 0; i < l.n_found; i++) {
        const struct assay_field *f = field_find(l.found[i]->api.options, "precision");
        if (!f || f->kind != ASSAY_ENUM || !f->values)
            continue;
        printf("%s\n ", l.found[i]->name);
        for (const char *p = f->values; *p; p += strcspn(p, "|"), p += *p == '|')
            printf(" %.*s", (int)strcspn(p, "|"), p);
        puts("");
    }
    return 0;
}

static int list_kernels(struct options *o, struct assay_err *e)
{
    static const char *const levels[] = {"ref", "avx2", "avx512",       "avx512-vnni",
                                         "amx", "neon", "neon-dotprod", "neon-i8mm"};
    struct kern best, one;
    (void)o;
    TRY(kern_open(getenv("ASSAY_CPU"), &best, e));
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        TRY(kern_open(levels[i], &one, e));
        bool here = strcmp(one.name, levels[i]) == 0;
        printf("%-14s %s\n", levels[i],
               strcmp(best.name, levels[i]) == 0 ? "used"
               : here                            ? "available"
                                                 : "not on this machine");
    }
    return 0;
}

static void print_time(int64_t ns)
{
    time_t t = (time_t)(ns / 1000000000);
    struct tm tm;
    char s[32];
    gmtime_r(&t, &tm);
    strftime(s, sizeof s, "%Y-%m-%d %H:%M", &tm);
    fputs(s, stdout);
}

static int list_runs(struct options *o, struct assay_err *e)
{
    (void)o;
    struct view *view;
    const struct view_run *runs;
    size_t n;
    TRY(view_open(flags.db, &view, e));
    int rc = view_runs(view, &runs, &n, e);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        printf("%s  ", runs[i].uid);
        print_time(runs[i].started_ns);
        printf("  %-11s %2" PRId64 " variants  ", runs[i].status, runs[i].n_variants);
        put(runs[i].machine);
        puts("");
    }
    view_close(view);
    return rc;
}

static int list_variants(struct options *o, struct assay_err *e)
{
    struct view *view;
    const struct view_set *set;
    TRY(report_open(&flags, o, &view, &set, e));
    for (size_t i = 0; i < set->n_variants; i++) {
        const struct view_variant *v = &set->variants[i];
        put_padded(v->label, 14);
        printf(" %-8s ", v->status);
        put(v->reason ? v->reason : v->precision);
        printf("%s%s\n", v->reason || !v->kernel ? "" : "  ",
               v->reason || !v->kernel ? "" : v->kernel);
    }
    view_close(view);
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    static const struct {
        const char *name;
        int (*list)(struct options *, struct assay_err *);
    } kinds[] = {
        {"backends", list_backends}, {"options", list_options},       {"tasks", list_task_names},
        {"datasets", list_datasets}, {"suites", list_suites}, {"models", list_models}, {"precisions", list_precisions}, {"kernels", list_kernels},
        {"runs", list_runs},         {"variants", list_variants}};
    if (o->n_args > 1 && strcmp(o->args[0], "tasks") != 0)
        return err_set(e, ASSAY_EUSAGE, "only 'list tasks' takes a pattern");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(o->args[0], kinds[i].name) == 0)
            return kinds[i].list(o, e);
    const char *names[(sizeof kinds / sizeof *kinds)];
    for (size_t i = 0; i < (sizeof kinds / sizeof *kinds); i++)
        names[i] = kinds[i].name;
    const char *near = field_nearest(o->args[0], names, (sizeof kinds / sizeof *kinds));
    if (near)
        return err_set(e, ASSAY_EUSAGE, "unknown kind '%s', did you mean '%s'?", o->args[0], near);
    return err_set(e, ASSAY_EUSAGE,
                   "unknown kind '%s': expected one of backends, options, precisions, kernels, "
                   "tasks, suites, models, datasets, runs, variants",
                   o->args[0]);
}

static int run_list(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &list_flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_list = {
    .name = "list",
    .summary = "list backends, precisions, kernels, tasks, suites, models, datasets, runs or variants",
    .arguments = "KIND [PATTERN]",
    .text = "KIND is one of\n"
            "  backends    what was found, and what was refused and why\n"
            "  options     each backend's options\n"
            "  precisions  what each backend can load a model at\n"
            "  kernels     instruction sets of the native engine, and the one it uses here\n"
            "  tasks       tasks, groups and tags of the library and of --task-dir;\n"
            "              PATTERN: a comma list of globs over names, of groups and tags\n"
            "              (with what they hold), of files and folders\n"
            "  suites      those that came with assay: assay run NAME\n"
            "  models      those that came with assay: --model NAME\n"
            "  datasets    those with a recipe, and their splits; those that were fetched\n"
            "  runs        in the database, newest first\n"
            "  variants    of the runs that --run selects\n",
    .min_args = 1,
    .max_args = 2,
    .tables = {report_flag_fields, list_fields},
    .examples = "list backends # what was found, and what was refused and why\n"
                "list tasks 'blimp*' # name, type, examples and data of those tasks\n"
                "list runs --db nightly.db # newest first\n",
    .words = "backends|options|precisions|kernels|tasks|suites|models|datasets|runs|variants",
    .main = run_list,
};
