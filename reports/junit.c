/* junit.c - the verdict of a night as JUnit XML; see the header. */
#include "reports/junit.h"

#include <string.h>
#include "harness/base/buf.h"
#include "harness/base/text.h"
#include "reports/fmt.h"

void junit_text(struct buf *b, const char *s)
{
    struct buf safe;
    buf_init(&safe, 0);
    text_safe(&safe, s, strlen(s));
    for (const char *p = safe.v; *p; p++) {
        switch (*p) {
        case '&':
            buf_adds(b, "&amp;");
            break;
        case '<':
            buf_adds(b, "&lt;");
            break;
        case '>':
            buf_adds(b, "&gt;");
            break;
        case '"':
            buf_adds(b, "&quot;");
            break;
        default:
            buf_addc(b, *p);
        }
    }
    buf_release(&safe);
}

static const char *element_of(const struct gate_row *r)
{
    bool is_environment = r->tag && strcmp(r->tag, "environment") == 0;
    switch (r->state) {
    case GATE_CONFIRMED:
        return r->is_improvement ? NULL : is_environment ? "error" : "failure";
    case GATE_SUSPECT:
        return r->is_improvement ? NULL : "error";
    case GATE_UNDECIDED:
    case GATE_NO_BASELINE:
    case GATE_MISSING:
        return "error";
    case GATE_ACKNOWLEDGED:
        return "skipped";
    default:
        return NULL;
    }
}

static void write_case(const struct gate_row *r, struct buf *b)
{
    const char *element = element_of(r);
    buf_adds(b, "    <testcase classname=\"");
    junit_text(b, *r->key.variant ? r->key.variant : "machine");
    buf_adds(b, "\" name=\"");
    junit_text(b, r->name);
    buf_adds(b, "\" time=\"0\"");
    if (!element) {
        buf_adds(b, "/>\n");
        return;
    }
    buf_printf(b, ">\n      <%s message=\"", element);
    junit_text(b, gate_state_name(r->state));
    buf_adds(b, ": ");
    junit_text(b, r->reason);
    buf_adds(b, "\"");
    if (strcmp(element, "skipped") != 0) {
        buf_adds(b, " type=\"");
        junit_text(b, r->state == GATE_CONFIRMED && r->tag ? r->tag : gate_state_name(r->state));
        buf_adds(b, "\"");
    }
    buf_adds(b, "/>\n    </testcase>\n");
}

/* The night as ISO 8601 in UTC, without a zone as the schema wants it, and how long it took. */
static void write_when(const struct view_run *r, struct buf *b)
{
    struct fmt day = fmt_time(r->started_ns);
    double seconds = r->ended_ns > r->started_ns ? 1e-9 * (double)(r->ended_ns - r->started_ns) : 0;
    if (strlen(day.s) > 16)
        buf_printf(b, "\" timestamp=\"%.10sT%.5s:00", day.s, day.s + 11);
    buf_printf(b, "\" time=\"%.3f", seconds);
}

void junit_write(const struct gate_night *g, struct buf *b)
{
    size_t failures = 0, errors = 0, skipped = 0;
    for (size_t i = 0; i < g->n_rows; i++) {
        const char *element = element_of(&g->rows[i]);
        failures += element && element[0] == 'f';
        errors += element && element[0] == 'e';
        skipped += element && element[0] == 's';
    }
    /* A night without a single series is an error of its own, or it would look green. */
    bool is_empty = g->n_rows == 0;
    buf_printf(b,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite "
               "name=\"assay gate\" "
               "tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" hostname=\"",
               g->n_rows + is_empty, failures, errors + is_empty, skipped);
    junit_text(b, g->run->machine);
    write_when(g->run, b);
    buf_adds(b, "\">\n    <properties>\n      <property name=\"verdict\" value=\"");
    junit_text(b, gate_verdict_name(g->verdict));
    buf_adds(b, "\"/>\n      <property name=\"run\" value=\"");
    junit_text(b, g->run->uid);
    buf_adds(b, "\"/>\n    </properties>\n");
    for (size_t i = 0; i < g->n_rows; i++)
        write_case(&g->rows[i], b);
    if (is_empty)
        buf_adds(b, "    <testcase classname=\"machine\" name=\"gate\" time=\"0\">\n      <error "
                    "message=\"nothing was measured that could be judged\" type=\"no baseline\"/>\n"
                    "    </testcase>\n");
    buf_adds(b, "  </testsuite>\n</testsuites>\n");
}
