/* cmd_report.c - assay report: the comparison as one HTML file and as CSV files. */
#include <stdio.h>

#include "harness/base/err.h"
#include "harness/cli/commands.h"
#include "harness/cli/report_flags.h"
#include "reports/csv.h"
#include "reports/html.h"

struct output_flags {
    const char *html, *csv, *title;
    int64_t max_flips;
    int32_t full;
};
static struct report_flags flags;
static struct compare_options options;
static struct output_flags output;

static const struct assay_field output_fields[] = {
    {"html", ASSAY_STR, offsetof(struct output_flags, html), NULL, NULL,
     "write one self-contained HTML file here"},
    {"csv", ASSAY_STR, offsetof(struct output_flags, csv), NULL, NULL,
     "write report.csv and items.csv into this folder"},
    {"title", ASSAY_STR, offsetof(struct output_flags, title), NULL, NULL, "title of the HTML file"},
    {"max-flips", ASSAY_INT, offsetof(struct output_flags, max_flips), "240", "0..1000000",
     "changed answers shown with their text"},
    {"full", ASSAY_BOOL, offsetof(struct output_flags, full), "false", NULL,
     "put every item into the HTML file, packed; large"},
    {0},
};

static int write_all(struct view *view, const struct compare *c, struct assay_err *e)
{
    if (output.html) {
        struct html_options h = {.title = output.title, .max_flips = (size_t)output.max_flips,
                                 .full = output.full};
        TRY(html_write(view, c, &h, output.html, e));
        printf("%s\n", output.html);
    }
    if (output.csv) {
        TRY(csv_export(view, c, output.csv, e));
        printf("%s/report.csv\n%s/items.csv\n", output.csv, output.csv);
    }
    return 0;
}

static int body(struct options *o, struct assay_err *e)
{
    struct view *view = NULL;
    const struct view_set *set;
    const struct compare *c;
    if (!output.html && !output.csv)
        return err_set(e, ASSAY_EUSAGE, "nothing to write: give --html FILE, --csv DIR or both");
    int rc = report_open(&flags, o, &view, &set, e);
    options.all_bases = output.html != NULL;
    if (rc == 0)
        rc = compare_make(view, set, &options, &o->arena, &c, e);
    if (rc == 0)
        rc = write_all(view, c, e);
    view_close(view);
    return rc;
}

static int run_report(const struct command *c, int argc, char **argv)
{
    void *bases[] = {&flags, &options, &output};
    return command_frame(c, argc, argv, bases, body);
}

const struct command cmd_report = {
    .name = "report",
    .summary = "write the comparison as a self-contained HTML file and as CSV files",
    .arguments = "",
    .tables = {report_flag_fields, compare_fields, output_fields},
    .examples = "report --html report.html # one file, works offline\n"
                "report --db nightly.db --html r.html --csv out # and the numbers as CSV\n",
    .main = run_report,
};
