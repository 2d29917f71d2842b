/* fuzz_template.c - the template engine: compile any text, render it over a row with every type. */
#include "tests/fuzz/fuzz.h"

#include "backends/backend.h"
#include "harness/base/arena.h"
#include "harness/base/json.h"
#include "tasks/template.h"

static const char row[] = "{\"s\": \"a b\\u00e9\", \"i\": 3, \"f\": 1.5, \"t\": true, \"n\": null,"
                          "\"l\": [1, \"x\", [2]], \"d\": {\"k\": \"v\", \"items\": 1}}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct arena a = {0};
    const struct value *scope = NULL, *out = NULL;
    struct template *t = NULL;
    if (n > 4096)
        return 0;
    if (json_parse(row, sizeof row - 1, "row", 1, &a, &scope, NULL) < 0)
        abort();
    struct template_source source = {.text = (const char *)data, .n = n, .where = "fuzz",
                                     .line = 1, .col = 1, .flags = n % 4};
    if (template_compile(&source, &a, &t, NULL) == 0) {
        template_render(t, scope, &a, &out, NULL);
        template_release(t);
    }
    arena_release(&a);
    return 0;
}
