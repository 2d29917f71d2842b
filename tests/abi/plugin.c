/* plugin.c - a plugin as somebody else compiled it, with the header of their day; and, by macro,
 * the ways in which one can be wrong.  Built by test_plugin.c, never linked into anything. */
#include "tests/abi/frozen/backend_1_0.h"
#include <stdlib.h>
#include <string.h>

#ifndef NAME
#define NAME "good"
#endif
#ifndef ENTRY
#define ENTRY assay_backend_1
#endif
#ifndef CAPS
#define CAPS 0
#endif
#ifndef OFFSET
#define OFFSET 0
#endif
#ifndef KIND
#define KIND ASSAY_STR
#endif
#ifndef SECOND
#define SECOND "other"
#endif
#ifndef MODEL
#define MODEL "model"
#endif
#ifndef OPEN
#define OPEN fake_open
#endif
#ifndef SIZE
#define SIZE sizeof backend
#endif

struct options {
    const char *model, *other;
};
struct assay_model {
    int unused;
};

static const struct assay_field table[] = {
    {MODEL, KIND, OFFSET, NULL, NULL, "what to open"},
    {SECOND, ASSAY_STR, 8, "fallback", NULL, "another"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

static int fake_open(const void *options, struct assay_model **out, struct assay_err *e)
{
    const struct options *o = options;
    *out = NULL;
    if (!o->model || strcmp(o->model, "fail") == 0) {
        e->code = ASSAY_EFORMAT;
        memset(e->msg, 'x', sizeof e->msg); /* forgets the end */
        return ASSAY_EFORMAT;
    }
    if (strcmp(o->model, "nothing") != 0)
        *out = calloc(1, sizeof **out);
    return 0;
}

static void fake_close(struct assay_model *m)
{
    free(m);
}

static int fake_info(struct assay_model *m, struct assay_info *out, struct assay_err *e)
{
    struct assay_info x = {.size = out->size, .caps = CAPS, .n_vocab = 3, .bos = -1, .eos = 2};
    (void)m;
    (void)e;
    memcpy(out, &x, out->size < sizeof x ? out->size : sizeof x);
#ifdef TEMPLATES
    /* The newer header's n_chat_templates: behind chat_template come two texts. */
    uint32_t n = TEMPLATES;
    memcpy((char *)out + sizeof x + 2 * sizeof(char *), &n, sizeof n);
#endif
    return 0;
}

#ifdef FACTS
/* What a newer plugin has: members of the newer header by their place. */
static int fake_facts(const void *options, struct assay_model **out, struct assay_err *e)
{
    (void)options;
    (void)e;
    *out = calloc(1, sizeof **out);
    return 0;
}
#endif

/* A member that no host of this major knows lies behind those it does. */
struct newer {
    struct assay_backend known;
    int (*open_facts)(const void *, struct assay_model **, struct assay_err *);
    void (*unknown[8])(void);
};

const struct assay_backend *ENTRY(const struct assay_host *host);

__attribute__((visibility("default"))) const struct assay_backend *
ENTRY(const struct assay_host *host)
{
    static struct newer backend = {
        .known =
            {
                .size = (uint32_t)(SIZE),
                .options_size = sizeof(struct options),
                .name = NAME,
                .version = "0",
                .help = "a test",
                .options = table,
                .open = OPEN,
                .close = fake_close,
                .info = fake_info,
                /* Looks like a method, but lies behind what SIZE may admit to. */
                .piece = (int (*)(struct assay_model *, int32_t, char *, size_t, size_t *,
                                  struct assay_err *))(uintptr_t)0xdead,
            },
    };
    (void)host;
#ifdef FACTS
    backend.open_facts = fake_facts;
#endif
#ifdef REFUSE
    return NULL;
#else
    return &backend.known;
#endif
}
