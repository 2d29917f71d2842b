/* backend.h - the contract between assay and a backend plugin (.so).  C11, C++-safe.
 *
 * A backend opens models and answers requests.  It knows nothing of tasks, scores or reports;
 * assay knows nothing of tensors.  A plugin is one shared object that exports one function,
 * assay_backend_1(), and includes nothing of ours but this file.
 *
 * Growth.  The major version is the symbol's name.  Minor growth is the `size` member that opens
 * every struct that may grow: members are only appended, what one side lacks reads as zero, and
 * nobody writes past the size the other side stated.  Structs marked "frozen" never change.
 *
 * Ownership.  Every pointer is borrowed until the call returns; callers own all buffers; only
 * struct assay_model has an owner (open makes it, close frees it).  Strings inside struct
 * assay_info live as long as the model.
 *
 * Errors.  Methods return 0 or a negative enum assay_code and fill *err with one lower-case
 * sentence without full stop that says what failed first.
 *
 * Threads.  The host calls one method at a time on one model; a backend may use threads inside.
 * Callbacks (on_done, on_piece, on_row) come on the thread that called the method.
 *
 * backends/mock/ is the annotated skeleton to copy. */
#ifndef ASSAY_BACKEND_H
#define ASSAY_BACKEND_H
#include <stddef.h>
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif

enum assay_code {
    ASSAY_OK = 0,
    ASSAY_EUSAGE = -1,       /* the caller asked for something that makes no sense */
    ASSAY_EIO = -2,          /* the operating system said no */
    ASSAY_EFORMAT = -3,      /* a file or an answer is malformed */
    ASSAY_ENOMEM = -4,       /* out of memory, host or device */
    ASSAY_ELIMIT = -5,       /* a stated limit would be exceeded (context, size, time) */
    ASSAY_EUNSUPPORTED = -6, /* well formed, but this backend cannot do it */
    ASSAY_EREMOTE = -7,      /* a server failed */
    ASSAY_ECANCELED = -8,    /* a callback returned non-zero */
    ASSAY_ESTATE = -9,       /* the thing is in use by somebody else: try again later */
    ASSAY_ENOTFOUND = -10    /* nothing of that name is there */
};
struct assay_err {           /* the caller's; frozen */
    int32_t code;
    char msg[508];
};

/* -- options: one table row per setting gives YAML key, command-line flag, help and record ---- */
enum assay_kind {
    ASSAY_STR,               /* const char *; NULL when unset */
    ASSAY_INT,               /* int64_t */
    ASSAY_NUM,               /* double */
    ASSAY_BOOL,              /* int32_t 0 or 1 */
    ASSAY_ENUM,              /* const char *, one of `values` */
    ASSAY_PATH               /* const char *; a file: the host looks beside the suite that names
                                it, then among the files that come with it */
};
struct assay_field {         /* frozen; a row with name NULL ends a table */
    const char *name;        /* lower-case, words joined by '-' */
    uint32_t kind, offset;   /* offset of the member in the options struct */
    const char *def;         /* default as text; NULL: unset (STR), 0 (others) */
    const char *values;      /* ENUM: "a|b|c"; INT and NUM: "lo..hi"; NULL: anything */
    const char *help;        /* one line, lower case, no full stop */
};

/* -- an open model's facts --------------------------------------------------------------------- */
enum assay_caps {            /* facts about an OPEN model; each needs its method to be non-NULL */
    ASSAY_CAN_TOKENIZE = 1,
    ASSAY_CAN_SCORE = 2,     /* implies TOKENIZE */
    ASSAY_CAN_GENERATE = 4,
    ASSAY_CAN_PROBE = 8
};
struct assay_tensor {        /* what one tensor of the open model really is; frozen */
    const char *name;
    const char *stored;      /* how it lies in memory: "f32", "int4 g32" */
    const char *compute;     /* how it is multiplied: "f32", "u4xs8->s32->f32", "emulated" */
    uint64_t bytes, n_params;
};
struct assay_chat_template { /* frozen */
    const char *name, *text; /* "tool_use"; Jinja */
};
struct assay_info {
    uint32_t size, caps;
    uint32_t n_vocab, n_ctx;
    int32_t bos, eos;        /* token ids, -1: none */
    int32_t add_bos;         /* 1: tokenize(special) prepends bos */
    uint32_t n_tensors;
    uint64_t n_params, weight_bytes;
    const char *arch;        /* "llama" */
    const char *precision;   /* what was really loaded, in words: "int4 g32, keep fp16: output" */
    const char *kernel;      /* the kernel path that runs: "avx512-vnni", "avx2", "ref" */
    const char *device;      /* "cpu", "cuda:0 ..." */
    const char *fingerprint; /* hex hash of everything that can change an answer (weights,
                                precision, numeric options); NULL: the host hashes what it knows */
    const struct assay_tensor *tensors;
    const char *chat_template; /* NULL: none */
    /* -- minor 0 ends here -- */
    const char *bos_text, *eos_text;  /* what chat templates print for those tokens; tokenize(special)
                                         makes the tokens of them again; NULL: none */
    uint32_t n_chat_templates, reserved;
    const struct assay_chat_template *chat_templates;   /* those with names, beside chat_template */
};
struct assay_memory {        /* bytes; ~0: unknown */
    uint32_t size, reserved;
    uint64_t weights;        /* weights as held for computing */
    uint64_t kv;             /* KV cache allocated now */
    uint64_t kv_per_token;   /* for one sequence */
    uint64_t scratch, device;
};
struct assay_usage {         /* counters since open */
    uint32_t size, reserved;
    uint64_t n_evaluated;    /* tokens that went through the network */
    uint64_t n_reused;       /* tokens a shared prefix saved */
    uint64_t n_generated;
};

/* -- scoring ----------------------------------------------------------------------------------- */
struct assay_tokens {        /* frozen */
    const int32_t *v;
    size_t n;
};
struct assay_score_req {     /* log p(continuation | prefix); prefix.n >= 1, continuation.n >= 1 */
    uint32_t size, reserved;
    struct assay_tokens prefix;       /* verbatim: the backend adds no bos of its own */
    struct assay_tokens continuation;
    double *logprob;         /* out [continuation.n]: natural log probability of each token */
    uint8_t *is_argmax;      /* out [continuation.n]: 1 if the token had the highest logit; may be NULL */
};
typedef int assay_done_fn(void *user, size_t index);    /* non-zero: cancel the rest */

/* -- generation -------------------------------------------------------------------------------- */
struct assay_piece {         /* frozen; never splits a UTF-8 sequence; pieces concatenate to the text */
    const char *text;
    size_t len;
    uint32_t n_tokens, reserved;      /* tokens this piece accounts for */
};
typedef int assay_piece_fn(void *user, size_t index, const struct assay_piece *); /* non-zero: cancel all */
enum assay_finish { ASSAY_FINISH_NONE, ASSAY_FINISH_STOP, ASSAY_FINISH_EOS, ASSAY_FINISH_LENGTH };
struct assay_generate_req {
    uint32_t size, max_tokens;
    struct assay_tokens prompt;
    uint64_t at_ns;          /* intended start, host's CLOCK_MONOTONIC; 0: now */
    double temperature;      /* 0: greedy */
    double top_p;            /* 1 or 0: off */
    uint32_t top_k;          /* 0: off */
    uint32_t ignore_eos;     /* 1: generate max_tokens whatever comes */
    uint64_t seed;
    const char *const *stop; /* generation ends when one appears in the text; the text handed out
                                ends before it */
    size_t n_stop;
    assay_piece_fn *on_piece; /* may be NULL */
    void *user;
    /* out: the backend's own account; 0: unknown */
    uint32_t finish, n_prompt, n_cached, n_out;
    uint64_t prefill_ns, decode_ns;
};

/* -- probing ----------------------------------------------------------------------------------- */
struct assay_row {           /* one row of a tensor of a forward pass; frozen */
    const char *tensor;      /* "logits", "blk.3.ffn_out" */
    uint32_t pos, n;
    const float *v;          /* [n] */
};
typedef int assay_row_fn(void *user, const struct assay_row *);      /* non-zero: cancel */
struct assay_probe_req {     /* one forward pass; rows come in position order per tensor */
    uint32_t size, first;    /* first position wanted */
    struct assay_tokens tokens;
    const char *tensors;     /* comma list of names or globs: "logits", "blk.*.attn_out,logits" */
    assay_row_fn *on_row;
    void *user;
};

/* -- the plugin -------------------------------------------------------------------------------- */
struct assay_model;          /* opaque; the plugin defines it */
struct assay_host {          /* what the host offers; valid for the process's life */
    uint32_t size, minor;
    void (*log)(int level, const char *msg);            /* level 0 error .. 3 debug */
};
struct assay_backend {
    uint32_t size;           /* sizeof(struct assay_backend) where the plugin was compiled */
    uint32_t options_size;   /* sizeof its options struct */
    const char *name, *version;
    const char *help;        /* one line: what it runs */
    const struct assay_field *options;  /* must hold a STR row "model"; the host allocates the
                                           struct, fills it from the table and checks it */
    /* -- required -- */
    int (*open)(const void *options, struct assay_model **, struct assay_err *);
    void (*close)(struct assay_model *);                /* NULL is fine */
    int (*info)(struct assay_model *, struct assay_info *, struct assay_err *);
    /* -- optional, NULL = never -- */
    /* *n: tokens needed; at most cap are written.  special: add bos as the vocabulary asks and
     * match special-token texts. */
    int (*tokenize)(struct assay_model *, const char *text, size_t len, int special,
                    int32_t *out, size_t cap, size_t *n, struct assay_err *);
    /* Evaluates every distinct prefix token of the n requests once.  on_done(user, i) as soon as
     * request i's outputs are complete, in any order. */
    int (*score)(struct assay_model *, struct assay_score_req *const *reqs, size_t n,
                 assay_done_fn *on_done, void *user, struct assay_err *);
    int (*generate)(struct assay_model *, struct assay_generate_req *const *reqs, size_t n,
                    assay_done_fn *on_done, void *user, struct assay_err *);
    int (*probe)(struct assay_model *, const struct assay_probe_req *, struct assay_err *);
    int (*memory)(struct assay_model *, struct assay_memory *, struct assay_err *);
    int (*usage)(struct assay_model *, struct assay_usage *, struct assay_err *);
    /* Text of one token for display: at most cap bytes, *n bytes needed, may be partial UTF-8. */
    int (*piece)(struct assay_model *, int32_t token, char *out, size_t cap, size_t *n,
                 struct assay_err *);
    /* -- minor 0 ends here; append below, never above -- */
    /* As open, but for the facts that need no weights: on what it opens the host calls info (chat
     * templates, vocabulary, texts), tokenize, piece and close only.  NULL: the host opens it all. */
    int (*open_facts)(const void *options, struct assay_model **, struct assay_err *);
    /* -- minor 1 ends here -- */
};

#if defined(__GNUC__)
__attribute__((visibility("default")))
#endif
const struct assay_backend *assay_backend_1(const struct assay_host *);  /* NULL: refuses */

#ifdef __cplusplus
}
#endif
#endif
