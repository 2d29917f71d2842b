/* cluster.c - which text a document is about.
 *
 * Questions about one passage stand or fall together, so what a report says about errors needs to know
 * which of them share one.  A task names the column (`metadata: {cluster: passage_id}`) or says that
 * there is none (`cluster: false`); else it is the document's longest text, where that is long enough
 * to be more than a label. */
#include "harness/base/err.h"
#include "harness/base/hash.h"
#include "harness/base/value.h"
#include "tasks/task.h"

enum { LEAST_BYTES = 64 };

static const struct value *longer(const struct value *x, const struct value *best)
{
    if (x->type != VALUE_STR || x->n < LEAST_BYTES || (best && x->n <= best->n))
        return best;
    return x;
}

/* The longest text of the document, or of a dict in it: {"passage": {"text": ...}}. */
static const struct value *longest(const struct value *doc)
{
    const struct value *best = NULL;
    for (uint32_t i = 0; doc->type == VALUE_DICT && i < doc->n; i++) {
        const struct value *x = doc->entries[i].value;
        best = longer(x, best);
        for (uint32_t k = 0; x->type == VALUE_DICT && k < x->n; k++)
            best = longer(x->entries[k].value, best);
    }
    return best;
}

int task_cluster(const struct task *t, const struct value *doc, int64_t *key, struct assay_err *e)
{
    const struct value *wish = value_get(value_get(t->config, "metadata"), "cluster"), *x = NULL;
    uint8_t digest[HASH_BYTES];
    if (wish && wish->type == VALUE_STR) {
        x = value_getn(doc, wish->s, wish->n);
        if (!x)
            return err_set(e, ASSAY_EFORMAT,
                           "%s: metadata.cluster names the column '%s', which a document lacks",
                           t->path, wish->s);
    } else if (!wish || wish->type != VALUE_BOOL || wish->b) {
        x = longest(doc);
    }
    if (!x)
        return 0;
    hash_value(x, digest);
    uint64_t bits = 0;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | digest[i];
    *key = (int64_t)bits;
    return 1;
}
