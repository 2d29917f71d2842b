/* cmd_db.c - assay db: care for a database. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

static int check(struct assay_err *e)
{
    struct store *s;
    size_t n = 0;
    TRY(store_open(flags.db, STORE_READ, &s, e));
    int rc = store_check(s, finding, NULL, &n, e);
    store_close(s);
    if (rc < 0)
        return rc;
    if (n == 0)
        printf("%s: no findings\n", flags.db);
    return n ? EXIT_ERROR : EXIT_OK;
}

static int migrate(struct assay_err *e)
{
    int from, to;
    TRY(store_migrate(flags.db, &from, &to, e));
    if (from == to)
        printf("%s: schema %d is current\n", flags.db, to);
    else
        printf("%s: schema %d -> %d\n", flags.db, from, to);
    return 0;
}

static int vacuum(struct assay_err *e)
{
    int64_t before, after;
    TRY(store_vacuum(flags.db, &before, &after, e));
    printf("%s: %" PRId64 " -> %" PRId64 " bytes\n", flags.db, before, after);
    return 0;
}

static int export(struct assay_err *e)
{
    struct store *s;
    size_t rows = 0;
    TRY(store_open(flags.db, STORE_READ, &s, e));
    int rc = store_export(s, flags.out, &rows, e);
    store_close(s);
    if (rc == 0)
        printf("%s: %zu rows\n", flags.out, rows);
    return rc;
}

static int body(struct options *o, struct assay_err *e)
{
    static const struct {
        const char *name;
        int (*run)(struct assay_err *);
    } verbs[] = {{"check", check}, {"migrate", migrate}, {"vacuum", vacuum}, {"export", export}};
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (strcmp(o->args[0], verbs[i].name) == 0)
            return verbs[i].run(e);
    return err_set(e, ASSAY_EUSAGE, "unknown action '%s': expected check, migrate, vacuum or export",
                   o->args[0]);
}

static int run_db(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_db = {
    .name = "db",
    .summary = "check, migrate, vacuum or export a database",
    .arguments = "check|migrate|vacuum|export",
    .min_args = 1,
    .max_args = 1,
    .tables = {db_fields},
    .examples = "db check --db nightly.db # integrity, foreign keys, invariants\n"
                "db export --out tables # every table as CSV\n",
    .words = "check|migrate|vacuum|export",
    .main = run_db,
};
