/* pretoken.c - the regular expressions of the known pre-tokenizers, and running them.
 *
 * A family is a list of expressions.  Each cuts every piece that the one before left, into its
 * matches and what lies between them; a lookahead sees no further than its piece.  Expressions are
 * ours, and none can backtrack by more than the run of characters it stands in, so that the time
 * stays linear; the limits of PCRE2 are there for the day one is added that can. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "backends/native/pretoken.h"
#include "harness/base/err.h"

enum { MAX_STAGES = 5, HEAP_KIB = 16 << 10 };

/* Spelled out because PCRE2's \s has U+180E besides, which Unicode took from the white space. */
#define WHITE                                                                                    \
    "\\x09-\\x0D\\x20\\x85\\xA0\\x{1680}\\x{2000}-\\x{200A}\\x{2028}\\x{2029}\\x{202F}\\x{205F}" \
    "\\x{3000}"
#define SPACES "[" WHITE "]"
/* A run of white space leaves its last character to the word behind it. */
#define GAPS SPACES "+(?![^" WHITE "])|" SPACES "+"
/* Not (?i:...): that would match U+017F, the long s, too. */
#define ENDINGS "'(?:[sS]|[tT]|[rR][eE]|[vV][eE]|[mM]|[lL][lL]|[dD])"
#define MODERN(letters, digits)                                                   \
    ENDINGS "|[^\\r\\n\\p{L}\\p{N}]?[" letters "]+|" digits "| ?[^" WHITE letters \
            "\\p{N}]+[\\r\\n]*|" SPACES "*[\\r\\n]+|" GAPS
#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" WHITE "\\p{L}\\p{N}]+|" GAPS
/* U+0800-U+9FA5 and U+AC00-U+D7FF without white space, which llama.cpp has blotted out by then. */
#define HAN                                                                                      \
    "[\\x{800}-\\x{167F}\\x{1681}-\\x{1FFF}\\x{200B}-\\x{2027}\\x{202A}-\\x{202E}\\x{2030}-\\x{" \
    "205E}"                                                                                      \
    "\\x{2060}-\\x{2FFF}\\x{3001}-\\x{9FA5}\\x{AC00}-\\x{D7FF}]+"

enum family {
    F_DEFAULT,
    F_GPT2,
    F_LLAMA3,
    F_QWEN2,
    F_QWEN35,
    F_SMOLLM,
    F_FALCON,
    F_DEEPSEEK_CODER
};

static const char *const families[][MAX_STAGES] = {
    [F_DEFAULT] = {"[\\p{P}$+<=>^~|]+", GPT2, "\\p{N}+", "[0-9][0-9][0-9]"},
    [F_GPT2] = {GPT2},
    [F_LLAMA3] = {MODERN("\\p{L}", "\\p{N}{1,3}")},
    [F_QWEN2] = {MODERN("\\p{L}", "\\p{N}")},
    [F_QWEN35] = {MODERN("\\p{L}\\p{M}", "\\p{N}")},
    [F_SMOLLM] = {"\\p{N}", GPT2},
    [F_FALCON] = {"[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"},
    [F_DEEPSEEK_CODER] = {"[\\r\\n]", SPACES "?\\p{L}+", SPACES "?\\p{P}+", HAN, "\\p{N}"},
};

static const struct {
    const char *name;
    enum family family;
    struct pretoken_traits traits;
} known[] = {
    /* The first of each family is named when a name is not known. */
    {"default", F_DEFAULT, {0}},
    {"gpt-2", F_GPT2, {0}},
    {"llama-bpe", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"qwen2", F_QWEN2, {0}},
    {"qwen35", F_QWEN35, {0}},
    {"smollm", F_SMOLLM, {0}},
    {"falcon", F_FALCON, {0}},
    {"deepseek-coder", F_DEEPSEEK_CODER, {0}},
    {"phi-2", F_GPT2, {0}},
    {"mpt", F_GPT2, {0}},
    {"olmo", F_GPT2, {0}},
    {"jais", F_GPT2, {0}},
    {"trillion", F_GPT2, {0}},
    {"granite-docling", F_GPT2, {0}},
    {"exaone4", F_GPT2, {0}},
    {"gigachat", F_GPT2, {0}},
    {"a.x-4.0", F_GPT2, {0}},
    {"mellum", F_GPT2, {0}},
    {"modern-bert", F_GPT2, {0}},
    {"llama3", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"llama-v3", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"falcon3", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"falcon-h1", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"pixtral", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"midm-2.0", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"lfm2", F_LLAMA3, {.ignore_merges = true, .add_bos = true}},
    {"dbrx", F_LLAMA3, {0}},
    {"smaug-bpe", F_LLAMA3, {0}},
    {"glm4", F_LLAMA3, {.no_bos = true}},
    {"chatglm-bpe", F_LLAMA3, {.no_bos = true}},
    {"deepseek-r1-qwen", F_QWEN2, {0}},
    {"kormo", F_QWEN2, {0}},
    {"megrez", F_QWEN2, {0}},
    {"stablelm2", F_QWEN2, {0}},
    {"hunyuan", F_QWEN2, {0}},
    {"grok-2", F_QWEN2, {0}},
    {"starcoder", F_SMOLLM, {0}},
    {"refact", F_SMOLLM, {0}},
    {"command-r", F_SMOLLM, {0}},
    {"codeshell", F_SMOLLM, {0}},
    {"exaone", F_SMOLLM, {0}},
    {"minerva-7b", F_SMOLLM, {0}},
    {"mellum2", F_SMOLLM, {0}},
};

struct stage {
    pcre2_code *code;
    pcre2_match_data *data;
};
struct pretoken {
    struct pretoken_traits traits;
    pcre2_match_context *limits;
    struct stage stages[MAX_STAGES + 1]; /* ended by one without code */
    int n_stages;
};
struct cutting { /* one call of pretoken_each */
    const struct pretoken *p;
    const char *text;
    pretoken_word *word;
    void *user;
};

static int unknown(const char *name, size_t n, struct assay_err *e)
{
    char list[160] = "";
    size_t len = 0;
    for (int f = 0; f <= F_DEEPSEEK_CODER; f++) {
        size_t more = strlen(known[f].name);
        memcpy(list + len, f ? ", " : "", f ? 2 : 0);
        len += f ? 2 : 0;
        memcpy(list + len, known[f].name, more);
        len += more;
    }
    return err_set(
        e, ASSAY_EUNSUPPORTED,
        "the pre-tokenizer '%.*s' is not supported; supported are %.*s and the names that "
        "llama.cpp treats as one of these",
        (int)(n > 64 ? 64 : n), name, (int)len, list);
}

static int add_stage(struct pretoken *p, const char *pattern, struct assay_err *e)
{
    int code;
    PCRE2_SIZE at;
    struct stage *s = &p->stages[p->n_stages++];
    /* Nearly every place begins a match: looking for the first one costs more than it saves. */
    s->code = pcre2_compile((PCRE2_SPTR)pattern, PCRE2_ZERO_TERMINATED,
                            PCRE2_UTF | PCRE2_UCP | PCRE2_NO_START_OPTIMIZE, &code, &at, NULL);
    s->data = s->code ? pcre2_match_data_create(1, NULL) : NULL;
    if (!s->data)
        return err_set(e, ASSAY_ENOMEM, "a pre-tokenizer cannot be compiled (PCRE2 error %d)",
                       code);
    pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE); /* where there is no JIT it interprets */
    return 0;
}

int pretoken_open(const char *name, size_t n, struct pretoken **out, struct assay_err *e)
{
    size_t i = 0, n_known = sizeof known / sizeof *known;
    while (n && i < n_known && (strlen(known[i].name) != n || memcmp(known[i].name, name, n)))
        i++;
    if (i == n_known)
        return unknown(name, n, e);
    struct pretoken *p = calloc(1, sizeof *p);
    if (!p)
        return err_set(e, ASSAY_ENOMEM, "no memory for a pre-tokenizer");
    int rc = 0;
    const char *const *pattern = families[known[i].family];
    p->traits = known[i].traits;
    p->limits = pcre2_match_context_create(NULL);
    if (!p->limits)
        rc = err_set(e, ASSAY_ENOMEM, "no memory for a pre-tokenizer");
    for (int s = 0; s < MAX_STAGES && pattern[s] && !rc; s++)
        rc = add_stage(p, pattern[s], e);
    if (rc < 0) {
        pretoken_close(p);
        return rc;
    }
    /* A step back costs one of these, and a run of white space may be as long as a text. */
    pcre2_set_match_limit(p->limits, UINT32_MAX);
    pcre2_set_heap_limit(p->limits, HEAP_KIB);
    *out = p;
    return 0;
}

void pretoken_close(struct pretoken *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->n_stages; i++) {
        pcre2_match_data_free(p->stages[i].data);
        pcre2_code_free(p->stages[i].code);
    }
    pcre2_match_context_free(p->limits);
    free(p);
}

const struct pretoken_traits *pretoken_traits(const struct pretoken *p)
{
    return &p->traits;
}

/* 1 and the next match at or behind `from`, 0 when there is none. */
static int match(const struct cutting *c, const struct stage *s, size_t at, size_t n, size_t *from,
                 size_t *to, struct assay_err *e)
{
    PCRE2_SPTR piece = (PCRE2_SPTR)c->text + at;
    int rc = pcre2_match(s->code, piece, n, *from, PCRE2_NO_UTF_CHECK, s->data, c->p->limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(s->code, piece, n, *from, PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, s->data,
                         c->p->limits);
    if (rc == PCRE2_ERROR_NOMATCH)
        return 0;
    if (rc < 0)
        return err_set(e, ASSAY_ELIMIT, "a text cannot be cut into words (PCRE2 error %d)", rc);
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(s->data);
    *from = v[0];
    *to = v[1];
    return 1;
}

/* The piece of n bytes from `at`, by the expressions from s on. */
static int cut(const struct cutting *c, const struct stage *s, size_t at, size_t n,
               struct assay_err *e)
{
    if (!s->code)
        return c->word(c->user, at, n, e);
    for (size_t done = 0; done < n;) {
        size_t from = done, to = n;
        int found = match(c, s, at, n, &from, &to, e);
        if (found < 0)
            return found;
        if (!found)
            from = n;
        if (from > done)
            TRY(cut(c, s + 1, at + done, from - done, e));
        if (to > from)
            TRY(cut(c, s + 1, at + from, to - from, e));
        done = to;
    }
    return 0;
}

int pretoken_each(struct pretoken *p, const char *text, size_t n, pretoken_word *word, void *user,
                  struct assay_err *e)
{
    struct cutting c = {p, text, word, user};
    return cut(&c, p->stages, 0, n, e);
}
