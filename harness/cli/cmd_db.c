/* cmd_db.c - assay db: care for a database. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/cli/exit_code.h"
#include "harness/store/store.h"

struct db_flags {
    const char *db, *out;
};
static struct db_flags flags;

static const struct assay_field db_fields[] = {
    {"db", ASSAY_STR, offsetof(struct db_flags, db), "assay.db", NULL, "the database"},
    {"out", ASSAY_STR, offsetof(struct db_flags, out), "assay-export", NULL,
     "export: folder for one CSV file per table"},
    {0},
};

static void finding(void *user, const char *line)
{
    (void)user;
    printf("%s\n", line);
}

static int check(const struct options *o, struct assay_err *e)
{
    struct store *s;
    size_t n = 0;
    (void)o;
    TRY(store_open(flags.db, STORE_READ, &s, e));
    int rc = store_check(s, finding, NULL, &n, e);
    store_close(s);
    if (rc < 0)
        return rc;
    if (n == 0)
        printf("%s: no findings\n", flags.db);
    return n ? EXIT_ERROR : EXIT_OK;
}

static int migrate(const struct options *o, struct assay_err *e)
{
    (void)o;
    int from, to;
    TRY(store_migrate(flags.db, &from, &to, e));
    if (from == to)
        printf("%s: schema %d is current\n", flags.db, to);
    else
        printf("%s: schema %d -> %d\n", flags.db, from, to);
    return 0;
}

static int vacuum(const struct options *o, struct assay_err *e)
{
    (void)o;
    int64_t before, after;
    TRY(store_vacuum(flags.db, &before, &after, e));
    printf("%s: %" PRId64 " -> %" PRId64 " bytes\n", flags.db, before, after);
    return 0;
}

static int export(const struct options *o, struct assay_err *e)
{
    (void)o;
    struct store *s;
    size_t rows = 0;
    TRY(store_open(flags.db, STORE_READ, &s, e));
    int rc = store_export(s, flags.out, &rows, e);
    store_close(s);
    if (rc == 0)
        printf("%s: %zu rows\n", flags.out, rows);
    return rc;
}

static void say_merged(const char *path, const struct store_merged *m)
{
    printf("%s: runs: %zu added", path, m->n_added);
    if (m->n_renewed)
        printf(", %zu taken anew, as they went on there", m->n_renewed);
    if (m->n_kept)
        printf(", %zu here already", m->n_kept);
    if (m->n_running)
        printf(", %zu left out, as they still run", m->n_running);
    printf("\n");
    if (m->n_different)
        printf(
            "%s: answers: %zu differ from what the same variant answered here: its runs keep their "
            "scores, the first answers are shown\n",
            path, m->n_different);
}

static int merge(const struct options *o, struct assay_err *e)
{
    struct store_lock lock;
    struct store *s = NULL;
    size_t n_runs = 0;
    if (o->n_args < 2)
        return err_set(e, ASSAY_EUSAGE, "nothing to merge: give the databases whose runs to add");
    TRY(store_lock(flags.db, true, &lock, e));
    int rc = store_open(flags.db, STORE_CREATE, &s, e);
    for (size_t i = 1; i < o->n_args && rc >= 0; i++) {
        struct store_merged m;
        rc = store_merge(s, o->args[i], &m, e);
        if (rc >= 0)
            say_merged(o->args[i], &m);
        n_runs += m.n_added;
    }
    store_close(s);
    if (rc < 0 && lock.made && n_runs == 0)
        unlink(flags.db);
    store_unlock(&lock);
    return rc;
}

static int body(struct options *o, struct assay_err *e)
{
    static const struct {
        const char *name;
        int (*run)(const struct options *, struct assay_err *);
    } verbs[] = {{"check", check},
                 {"migrate", migrate},
                 {"vacuum", vacuum},
                 {"export", export},
                 {"merge", merge}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (strcmp(o->args[0], verbs[i].name) != 0)
            continue;
        if (o->n_args > 1 && verbs[i].run != merge)
            return err_set(e, ASSAY_EUSAGE, "unexpected argument '%s': name the database with --db",
                           o->args[1]);
        return verbs[i].run(o, e);
    }
    return err_set(e, ASSAY_EUSAGE,
                   "unknown action '%s': expected check, migrate, vacuum, export or merge",
                   o->args[0]);
}

static int run_db(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_db = {
    .name = "db",
    .summary = "check, migrate, vacuum, export or merge databases",
    .arguments = "check|migrate|vacuum|export|merge [FILE...]",
    .min_args = 1,
    .max_args = 1000,
    .tables = {db_fields},
    .text = "merge adds the runs of other databases, those of other machines say, with all\n"
            "that belongs to them; merging again adds only what is new. `assay report --run\n"
            "machines` then shows the newest run of every machine side by side.\n",
    .examples = "db check --db nightly.db # integrity, foreign keys, invariants\n"
                "db export --out tables # every table as CSV\n"
                "db merge --db all.db laptop.db server.db # two machines in one\n",
    .words = "check|migrate|vacuum|export|merge",
    .main = run_db,
};
