/* ask.h - requests -> responses: from the store when it has them, from the backend when not.
 *
 * One call handles the requests of some documents at once: keys, look-ups, tokens, sorting so that
 * shared prefixes are adjacent, the backend's array call, and writing each answer as it comes.
 * Answers are checked for what can be checked: counts, numbers, bounds.
 * Not here: what an answer is worth (score.h). */
#ifndef ASK_H
#define ASK_H
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "harness/base/hash.h"
#include "harness/run/encode.h"
#include "harness/store/store.h"
#include "tasks/task.h"

/* Told at every sign of life; is_waiting: the backend has the word now.  n_done: requests answered
 * by the call in hand, of n. */
typedef void ask_tick_fn(void *user, bool is_waiting, size_t n_done, size_t n);

struct ask_stats {
    uint64_t n_asked, n_reused, n_tokens, n_cut, n_empty;
    int64_t wall_ns, cpu_ns;           /* inside the backend, callbacks left out */
};
/* Which keys a variant has answers for, roughly: a Bloom filter of fixed size that saves the
 * look-up of nearly every new request.  Loaded once per variant, kept up by asking. */
struct ask_known {
    uint64_t *bits;
};
int ask_known_load(struct ask_known *, struct store *, int64_t variant_id, struct assay_err *);
void ask_known_release(struct ask_known *);

struct ask {
    struct store *store;
    int64_t variant_id;
    const struct engine *engine;       /* NULL: only what is stored */
    struct ask_known *known;           /* NULL: every request is looked up */
    uint64_t seed;                     /* of sampling */
    ask_tick_fn *tick;                 /* may be NULL */
    void *user;
    const volatile sig_atomic_t *stop; /* set: finish the item in hand; may be NULL */
    struct ask_stats stats;
    /* private */
    struct encode encode;
    struct hash hash;
    int64_t committed_ns;
};
/* The members above `stats` are the caller's to set first. */
void ask_init(struct ask *);
void ask_release(struct ask *);

struct ask_answers {
    uint8_t (*keys)[STORE_KEY];        /* per request, items one after the other */
    struct task_response *responses;
    bool *is_missing;                  /* no answer: canceled, or not in the store */
    size_t n, n_missing;
};
/* Inside a transaction, which may be committed and begun again.  Everything in *out lives in the
 * arena.  Errors: what the backend says or did wrong; ASSAY_ECANCELED after `stop`: the answers
 * that came are stored. */
int ask_items(struct ask *, const struct task_item *items, size_t n, struct arena *,
              struct ask_answers *out, struct assay_err *);
/* Commits when half a second went by since the last commit, or always when `force`; a transaction
 * is open before and after. */
int ask_commit(struct ask *, bool force, struct assay_err *);
/* The identity of a request: first 16 bytes of the SHA-256 of kind, texts, settings, repeat. */
void ask_key(struct hash *, const struct task_request *, uint64_t seed, uint8_t key[STORE_KEY]);
#endif
