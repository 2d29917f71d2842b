/* plugin.h - finding, checking and calling backend plugins.  The only caller of dlopen.
 *
 * Places, in order: "backends" beside the program, PREFIX/lib/assay/backends (compiled in), then
 * each folder of $ASSAY_BACKEND_PATH (colon list); NAME.so holds backend NAME.  `native` is linked
 * in. What a plugin says about itself is checked once here; what it answers is checked where it is
 * used. */
#ifndef PLUGIN_H
#define PLUGIN_H
#include "backends/backend.h"
#include "harness/base/arena.h"

struct value;

struct plugin {
    const char *name, *version, *help;
    const char *path;                  /* NULL: linked in */
    struct assay_backend api;          /* a zero-padded copy: members the plugin lacks are NULL */
};
struct plugin_refusal {
    const char *path, *reason;         /* one sentence */
};
struct plugin_list {
    const struct plugin *const *found; /* sorted by name */
    size_t n_found;
    const struct plugin_refusal *refused;
    size_t n_refused;
};
/* Loads everything there is: for `assay list backends`.  Lives in the arena; libraries stay
 * loaded. */
int plugin_scan(struct arena *, struct plugin_list *, struct assay_err *);
/* Loads one by name.  Errors: ASSAY_EUSAGE unknown (with the places searched and a suggestion), or
 * the sentence that refuses it. */
int plugin_find(const char *name, struct arena *, const struct plugin **, struct assay_err *);
/* Loads the shared object at `path`. */
int plugin_load(const char *path, struct arena *, const struct plugin **, struct assay_err *);

/* Options: a zeroed struct with the defaults, then each entry of `settings` (a dict; lists become
 * "a,b", dicts "k:a,b;l:c" where the option is text).  `source` names the file for entries that
 * carry a line.  *record: every option as a dict, for the store. */
int plugin_options(const struct plugin *, const struct value *settings, const char *source,
                   struct arena *, void **options, const struct value **record, struct assay_err *);

/* An open model: facts checked against methods, calls that check what comes back. */
struct engine {
    const struct plugin *plugin;
    struct assay_model *model;
    struct assay_info info;            /* copied, hostile values refused */
};
int engine_open(const struct plugin *, const void *options, struct engine *, struct assay_err *);
/* The same for its facts alone, with open_facts where the plugin has it. */
int engine_open_facts(const struct plugin *, const void *options, struct engine *, struct assay_err *);
void engine_close(struct engine *);
/* 0, or ASSAY_EUNSUPPORTED "backend 'x' cannot score with this model". */
int engine_needs(const struct engine *, uint32_t caps, struct assay_err *);
#endif
