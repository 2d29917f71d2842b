/* filter_span.c - format_span: the entities that a response names, in the form that targets have. */
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/value.h"
#include "tasks/filter.h"
#include "tasks/regex.h"

/* Names of entity kinds to their labels, replaced one after the other over the lower-cased text. */
static const char *const labels[][2] = {
    {"person", "PER"}, {"location", "LOC"}, {"organization", "ORG"}, {"counties", "LOC"},
    {"places", "LOC"}, {"people", "PER"}, {"persons", "PER"}, {"company", "ORG"}, {"country", "LOC"},
    {"continent", "LOC"}, {"time", "DATE"}, {"date", "DATE"}, {"per", "PER"}, {"loc", "LOC"},
    {"org", "ORG"}};

static struct pystr replaced(struct arena *a, struct pystr s, struct pystr from, struct pystr to)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_replace(&b, s, from, to, -1);
    struct pystr out = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return out;
}

static struct pystr lower(struct arena *a, struct pystr s)
{
    struct buf b;
    buf_init(&b, 0);
    pytext_convert(&b, s, PYTEXT_TO_LOWER);
    struct pystr out = pystr(arena_strndup(a, b.v ? b.v : "", b.n), b.n);
    buf_release(&b);
    return out;
}

/* "label: entity $ label: entity" of the entities that are not "none". */
static void add_entities(struct arena *a, struct buf *b, const struct value *match)
{
    size_t n;
    struct pystr label = lower(a, pystr(match->items[0]->s, match->items[0]->n));
    struct pystr *part = pytext_split(a, pystr(match->items[1]->s, match->items[1]->n), PYSTR(","), -1, &n);
    for (size_t i = 0; i < n; i++) {
        struct pystr entity = pytext_strip(part[i], PYTEXT_BOTH), low = lower(a, entity);
        if (low.n == 4 && memcmp(low.s, "none", 4) == 0)
            continue;
        buf_printf(b, "%s%s: ", b->n ? " $ " : "", label.s);
        buf_add(b, entity.s, entity.n);
    }
}

int filter_span(struct pystr s, struct arena *a, const struct value **out, struct assay_err *e)
{
    const struct value *found = NULL;
    struct regex *re;
    struct buf b;
    TRY(regex_compile(PYSTR("\\b(PER|LOC|ORG|DATE):\\s*([^$]+)"), 0, &re, e));
    s = lower(a, s);
    for (size_t k = 0; k < sizeof labels / sizeof labels[0]; k++)
        s = replaced(a, s, pystr(labels[k][0], strlen(labels[k][0])), pystr(labels[k][1], strlen(labels[k][1])));
    s = pytext_strip_chars(replaced(a, s, PYSTR("$$"), PYSTR("$")), PYTEXT_RIGHT, PYSTR("$"));
    s = pytext_strip(replaced(a, s, PYSTR("\n"), PYSTR("$")), PYTEXT_BOTH);
    int rc = regex_findall(re, s, a, &found, e);
    regex_free(re);
    if (rc < 0)
        return rc;
    buf_init(&b, 0);
    for (uint32_t k = 0; k < found->n; k++)
        add_entities(a, &b, found->items[k]);
    *out = value_strn(a, b.v ? b.v : "", b.n);
    buf_release(&b);
    return 0;
}
