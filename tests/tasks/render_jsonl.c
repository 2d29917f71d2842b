/* render_jsonl.c - renders JSON lines {"template", "doc"} from stdin, one JSON line each: the other
 * side of tests/tasks/jinja_diff.py. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "harness/base/err.h"
#include "harness/base/json.h"
#include "harness/base/value.h"
#include "tasks/template.h"

static void render(const struct value *row, struct arena *a, struct buf *out)
{
    const struct value *text = value_get(row, "template"), *doc = value_get(row, "doc"), *v = NULL;
    struct template *t = NULL;
    struct assay_err e = {0};
    struct template_source src = {.text = text->s, .n = text->n, .where = "t"};
    if (value_get(row, "chat"))
        src.flags = TEMPLATE_CHAT_PROFILE;
    if (value_get(row, "now"))
        src.now = value_get(row, "now")->i;
    int rc = template_compile(&src, a, &t, &e);
    if (rc == 0)
        rc = template_render(t, doc, a, &v, &e);
    buf_adds(out, rc == 0 ? "{\"out\":" : "{\"error\":");
    if (rc == 0)
        json_write_str(out, v->s, v->n);
    else
        json_write_str(out, e.msg, strlen(e.msg));
    buf_adds(out, "}\n");
    template_release(t);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    struct arena a = {0};
    struct buf out;
    buf_init(&out, 0);
    while ((n = getline(&line, &cap, stdin)) > 0) {
        const struct value *row;
        struct assay_err e = {0};
        if (json_parse(line, (size_t)n, "stdin", 1, &a, &row, &e) < 0) {
            fprintf(stderr, "%s\n", e.msg);
            return 1;
        }
        buf_clear(&out);
        render(row, &a, &out);
        fwrite(out.v, 1, out.n, stdout);
        arena_reset(&a);
    }
    buf_release(&out);
    arena_release(&a);
    free(line);
    return 0;
}
