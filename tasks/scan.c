/* scan.c - a strict reader of plainly written YAML.
 *
 * Known: block mappings and sequences indented with spaces, plain and quoted scalars, block
 * scalars without an indentation digit, flow collections of plain words on one line,
 * `!function x` and `!!null x`, comments.  Everything else is left to libyaml: anchors, other tags,
 * flow collections over several lines, tabs, carriage returns, documents, Unicode line
 * breaks. */
#include "tasks/scan.h"

#include <stdint.h>
#include <string.h>

#include "harness/base/arena.h"
#include "harness/base/text.h"
#include "harness/base/value.h"
#include "harness/base/yaml_scalar.h"

enum { SCAN_DEPTH = 24, SCAN_KEY = 100, SCAN_ITEMS = 4096 };

const char *const scan_keys[SCAN_KEYS] = {
    [SCAN_TASK] = "task",
    [SCAN_GROUP] = "group",
    [SCAN_CLASS] = "class",
    [SCAN_TAG] = "tag",
    [SCAN_INCLUDE] = "include",
    [SCAN_OUTPUT] = "output_type",
    [SCAN_FEWSHOT] = "num_fewshot",
    [SCAN_DATASET] = "dataset_path",
    [SCAN_DATASET_NAME] = "dataset_name",
};

struct scanner {
    const char *p, *end; /* text[n] is a newline or NUL that is never stepped over */
    const char *line;    /* start of the line in hand */
    int col;             /* its indentation; -1: no line is left */
    int depth;
    struct arena *arena;
};
typedef const struct value *scanned; /* out parameters: NULL pointer when nobody wants the value */

static const struct value a_dict = {.type = VALUE_DICT};

static bool scan_block(struct scanner *, scanned *out);

/* -- characters -------------------------------------------------------------------------------- */

static bool at_end(const struct scanner *s)
{
    return s->p >= s->end || *s->p == '\n';
}

static bool is_word(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Only characters that libyaml takes and that break no line. */
static bool text_is_plain(const char *text, size_t n)
{
    const unsigned char *t = (const unsigned char *)text;
    size_t i = 0;
    while (i < n) {
        uint32_t cp;
        if ((t[i] >= 0x20 && t[i] < 0x7F) || t[i] == '\n' || t[i] == '\t') {
            i++;
            continue;
        }
        if (t[i] < 0x80)
            return false;
        int k = text_decode(text + i, n - i, &cp);
        if (k == 0 || cp < 0xA0 || cp == 0x2028 || cp == 0x2029 || cp == 0xFEFF ||
            (cp >= 0xFFFE && cp < 0x10000))
            return false;
        i += (size_t)k;
    }
    return true;
}

/* -- lines ------------------------------------------------------------------------------------- */

/* Moves to the first character of the next line that is neither empty nor a comment; p stands at
 * the end of a line or at the start of one. */
static bool line_next(struct scanner *s)
{
    for (;;) {
        while (s->p < s->end && *s->p == '\n')
            s->p++;
        if (s->p >= s->end) {
            s->col = -1;
            return true;
        }
        s->line = s->p;
        while (s->p < s->end && *s->p == ' ')
            s->p++;
        if (at_end(s))
            continue;
        if (*s->p != '#')
            break;
        while (!at_end(s))
            s->p++;
    }
    s->col = (int)(s->p - s->line);
    if (*s->p == '\t')
        return false;
    return s->col > 0 || s->end - s->p < 3 ||
           (memcmp(s->p, "---", 3) != 0 && memcmp(s->p, "...", 3) != 0);
}

/* The rest of a line may hold blanks and a comment; then the next line. */
static bool line_done(struct scanner *s)
{
    const char *from = s->p;
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    if (!at_end(s)) {
        if (*s->p != '#' || s->p == from)
            return false;
        while (!at_end(s))
            s->p++;
    }
    return line_next(s);
}

/* -- scalars ----------------------------------------------------------------------------------- */

static bool scalar_make(struct scanner *s, const char *text, size_t n, const char *tag,
                        scanned *out)
{
    bool odd = tag && !*tag && n && strchr("+-.0123456789", *text); /* a number may be too large */
    if (!out && !odd)
        return true;
    struct value *v = ARENA_NEW(s->arena, struct value);
    v->type = VALUE_STR;
    v->s = arena_strndup(s->arena, text, n);
    v->n = (uint32_t)n;
    if (out)
        *out = v;
    return !tag || yaml_scalar_resolve(v, *tag ? tag : NULL, NULL) == 0;
}

/* The character behind a backslash; p stands on it and moves to its last. */
static bool escape_known(struct scanner *s)
{
    static const char known[] = "0abtnvfre \"/\\N_LP\n";
    uint32_t cp = 0;
    if (s->p >= s->end)
        return false;
    if (strchr(known, *s->p))
        return true;
    int n = *s->p == 'x' ? 2 : *s->p == 'u' ? 4 : 0;
    if (n == 0 || s->end - s->p <= n)
        return false;
    for (int i = 0; i < n; i++) {
        char c = *++s->p;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return false;
        cp = cp << 4 | (uint32_t)digit;
    }
    return cp < 0xD800 || cp > 0xDFFF;
}

/* Text in quotes.  Escapes and folded lines are checked, and not decoded: who wants such a text asks
 * the full parser. */
static bool scan_quoted(struct scanner *s, const char *tag, scanned *out)
{
    char quote = *s->p++;
    const char *from = s->p;
    bool is_odd = false;
    for (; s->p < s->end && *s->p != '\t'; s->p++) {
        if (*s->p == '\n') {
            is_odd = true;
            if (s->end - s->p > 3 && (memcmp(s->p, "\n---", 4) == 0 || memcmp(s->p, "\n...", 4) == 0))
                return false;
        } else if (*s->p == '\\' && quote == '"') {
            is_odd = true;
            s->p++;
            if (!escape_known(s))
                return false;
            s->p -= *s->p == '\n';
        } else if (*s->p == quote) {
            if (quote == '"' || s->end - s->p < 2 || s->p[1] != '\'') {
                s->p++;
                return !(out && is_odd) &&
                       scalar_make(s, from, (size_t)(s->p - 1 - from), tag, out);
            }
            is_odd = true;
            s->p++;
        }
    }
    return false;
}

static bool plain_begins(const struct scanner *s)
{
    unsigned char c = (unsigned char)*s->p;
    if (c == '-')
        return s->end - s->p > 1 && s->p[1] != ' ' && s->p[1] != '\n' && s->p[1] != '\t';
    return is_word(c) || c >= 0x80 || (c && strchr("/(.~+$<^;\\", c));
}

/* A plain scalar to the end of its line, or to a comment. */
static bool plain_line(struct scanner *s)
{
    for (; !at_end(s); s->p++) {
        if (*s->p == '\t')
            return false;
        if (*s->p == ':' && (s->p + 1 >= s->end || s->p[1] == ' ' || s->p[1] == '\n'))
            return false;
        if (*s->p == '#' && s->p[-1] == ' ')
            break;
    }
    return true;
}

/* Does the scalar go on in a line that is deeper than `parent`?  Then p moves to that line. */
static bool plain_goes_on(struct scanner *s, int parent)
{
    const char *p = s->p, *line = p;
    while (p < s->end && (*p == '\n' || *p == ' ')) {
        if (*p == '\n')
            line = p + 1;
        p++;
    }
    if (p >= s->end || p - line <= parent || *p == '#')
        return false;
    s->p = p;
    return true;
}

static bool scan_plain(struct scanner *s, int parent, scanned *out)
{
    const char *from = s->p, *to;
    bool one_line = true;
    if (!plain_begins(s) || !plain_line(s))
        return false;
    for (to = s->p; at_end(s) && plain_goes_on(s, parent); to = s->p) {
        one_line = false;
        if ((!plain_begins(s) && *s->p != '&') || !plain_line(s))
            return false;
    }
    while (to[-1] == ' ')
        to--;
    s->p = to;
    return one_line ? scalar_make(s, from, (size_t)(to - from), "", out) : !out;
}

/* `|` or `>`: lines that are empty or indented as the first, which is deeper than `parent`. */
static bool scan_lines(struct scanner *s, int parent)
{
    int indent = 0;
    s->p++;
    if (s->p < s->end && (*s->p == '-' || *s->p == '+'))
        s->p++;
    const char *from = s->p;
    while (s->p < s->end && *s->p == ' ')
        s->p++;
    if (!at_end(s) && (*s->p != '#' || s->p == from))
        return false;
    while (!at_end(s))
        s->p++;
    while (s->p < s->end) {
        const char *line = s->p + 1, *c = line; /* behind the newline */
        while (c < s->end && *c == ' ')
            c++;
        if (c >= s->end || *c == '\n') {
            if (!indent && c > line)
                return false;
            s->p = c;
            continue;
        }
        if (!indent && *c == '\t')
            return false;
        if (!indent && c - line > parent)
            indent = (int)(c - line);
        if (!indent || c - line < indent)
            break;
        s->p = memchr(c, '\n', (size_t)(s->end - c));
        if (!s->p)
            s->p = s->end;
    }
    return line_next(s);
}

/* -- flow collections, on one line ------------------------------------------------------------- */

static void flow_blanks(struct scanner *s)
{
    while (s->p < s->end && *s->p == ' ')
        s->p++;
}

/* A word, or words: what no parser could take for anything else. */
static bool flow_plain(struct scanner *s, scanned *out)
{
    const char *from = s->p;
    unsigned char c = (unsigned char)*s->p;
    if (!is_word(c) && c < 0x80 && !(c == '-' && s->end - s->p > 1 && is_word((unsigned char)s->p[1])))
        return false;
    while (!at_end(s) && (is_word((unsigned char)*s->p) || (unsigned char)*s->p >= 0x80 ||
                          strchr(" ./+-", *s->p)))
        s->p++;
    const char *to = s->p;
    while (to[-1] == ' ')
        to--;
    return scalar_make(s, from, (size_t)(to - from), "", out);
}

static bool scan_flow(struct scanner *s, scanned *out);

static bool flow_item(struct scanner *s, scanned *out)
{
    if (at_end(s))
        return false;
    if (*s->p == '"' || *s->p == '\'')
        return scan_quoted(s, NULL, out);
    return *s->p == '[' || *s->p == '{' ? scan_flow(s, out) : flow_plain(s, out);
}

static bool list_make(struct scanner *s, const struct value *const *items, size_t n, scanned *out)
{
    if (out)
        *out = value_list(s->arena, items, n);
    return true;
}

static bool scan_flow(struct scanner *s, scanned *out)
{
    bool is_list = *s->p++ == '[';
    char close = is_list ? ']' : '}';
    const struct value *items[64];
    size_t n = 0;
    if (++s->depth > SCAN_DEPTH)
        return false;
    flow_blanks(s);
    while (at_end(s) || *s->p != close) {
        scanned *item = out && is_list ? &items[n] : NULL;
        if (!is_list && !at_end(s) && (*s->p == '[' || *s->p == '{'))
            return false;
        if (n == sizeof items / sizeof *items || !flow_item(s, item))
            return false;
        if (item && (*item)->type >= VALUE_LIST)
            *item = &value_null;
        n++;
        if (!is_list) {
            if (s->end - s->p < 2 || s->p[0] != ':' || s->p[1] != ' ')
                return false;
            s->p++;
            flow_blanks(s);
            if (!flow_item(s, NULL))
                return false;
        }
        flow_blanks(s);
        if (at_end(s) || (*s->p != ',' && *s->p != close))
            return false;
        if (*s->p == ',') {
            s->p++;
            flow_blanks(s);
            if (at_end(s) || *s->p == close)
                return false;
        }
    }
    s->p++;
    s->depth--;
    if (is_list)
        return list_make(s, items, n, out);
    if (out)
        *out = &a_dict;
    return true;
}

/* -- blocks ------------------------------------------------------------------------------------ */

static bool at_dash(const struct scanner *s)
{
    return *s->p == '-' && (s->p + 1 >= s->end || s->p[1] == ' ' || s->p[1] == '\n');
}

/* Length of the key at p, quotes included; 0: none.  The colon follows. */
static size_t key_length(const struct scanner *s)
{
    const char *p = s->p;
    if (*p == '"' || *p == '\'') {
        char quote = *p++;
        while (p < s->end && (is_word((unsigned char)*p) || *p == '.' || *p == '-'))
            p++;
        if (p >= s->end || *p++ != quote)
            return 0;
    } else {
        if (!is_word((unsigned char)*p))
            return 0;
        while (p < s->end && (is_word((unsigned char)*p) || *p == '.' || *p == '-'))
            p++;
    }
    if (p >= s->end || *p != ':' || p - s->p > SCAN_KEY)
        return 0;
    return p + 1 >= s->end || p[1] == ' ' || p[1] == '\n' ? (size_t)(p - s->p) : 0;
}

static bool scan_tagged(struct scanner *s, scanned *out)
{
    static const struct {
        const char *text, *tag;
    } tags[] = {{"!function ", "!function"}, {"!!null ", "tag:yaml.org,2002:null"}};
    for (size_t i = 0; i < sizeof tags / sizeof *tags; i++) {
        size_t n = strlen(tags[i].text);
        if ((size_t)(s->end - s->p) <= n || memcmp(s->p, tags[i].text, n) != 0)
            continue;
        s->p += n;
        flow_blanks(s);
        if (!at_end(s) && (*s->p == '"' || *s->p == '\''))
            return scan_quoted(s, tags[i].tag, out);
        const char *from = s->p;
        while (!at_end(s) && (is_word((unsigned char)*s->p) || *s->p == '.'))
            s->p++;
        return s->p > from && scalar_make(s, from, (size_t)(s->p - from), tags[i].tag, out);
    }
    return false;
}

static bool scan_sequence(struct scanner *, int col, scanned *out);

/* A scalar or a flow collection, and the end of its line. */
static bool scan_scalar(struct scanner *s, int parent, scanned *out)
{
    bool ok;
    switch (*s->p) {
    case '"':
    case '\'':
        ok = scan_quoted(s, NULL, out);
        break;
    case '[':
    case '{':
        ok = scan_flow(s, out);
        break;
    case '!':
        ok = scan_tagged(s, out);
        break;
    default:
        ok = scan_plain(s, parent, out);
    }
    return ok && line_done(s);
}

/* What stands behind "key:" or "-".  in_mapping: a sequence may be as little indented as the key. */
static bool scan_after(struct scanner *s, int parent, bool in_mapping, scanned *out)
{
    const char *from = s->p;
    flow_blanks(s);
    if (at_end(s) || (*s->p == '#' && s->p > from)) {
        if (!line_done(s))
            return false;
        if (s->col > parent)
            return at_dash(s) || key_length(s) ? scan_block(s, out) : scan_scalar(s, parent, out);
        if (in_mapping && s->col == parent && at_dash(s))
            return scan_sequence(s, parent, out);
        if (out)
            *out = &value_null;
        return true;
    }
    if (*s->p == '|' || *s->p == '>')
        return !out && scan_lines(s, parent);
    return scan_scalar(s, parent, out);
}

static scanned *key_wanted(const char *key, size_t n, struct scan *into)
{
    if (n && (*key == '"' || *key == '\'')) {
        key++;
        n -= 2;
    }
    for (size_t i = 0; i < SCAN_KEYS; i++)
        if (strlen(scan_keys[i]) == n && memcmp(scan_keys[i], key, n) == 0)
            return &into->v[i];
    return NULL;
}

static bool scan_mapping(struct scanner *s, int col, struct scan *into)
{
    if (++s->depth > SCAN_DEPTH)
        return false;
    do {
        size_t n = key_length(s);
        if (n == 0)
            return false;
        scanned *out = into ? key_wanted(s->p, n, into) : NULL;
        s->p += n + 1;
        if (!scan_after(s, col, true, out))
            return false;
    } while (s->col == col);
    s->depth--;
    return s->col < col;
}

static bool scan_item(struct scanner *s, int col, scanned *out)
{
    s->p++;
    if (at_end(s))
        return scan_after(s, col, false, out);
    const char *dash = s->p;
    flow_blanks(s);
    if (at_end(s) || *s->p == '#') {
        s->p = dash;
        return scan_after(s, col, false, out);
    }
    s->col = (int)(s->p - s->line);
    if (!at_dash(s) && !key_length(s)) {
        s->p = dash;
        return scan_after(s, col, false, out);
    }
    return scan_block(s, out);
}

static bool scan_sequence(struct scanner *s, int col, scanned *out)
{
    struct arena_mark mark = arena_mark(s->arena);
    size_t n = 0, cap = 0;
    const struct value **items = NULL;
    if (++s->depth > SCAN_DEPTH)
        return false;
    do {
        if (out && n == cap) {
            cap = cap ? 2 * cap : 16;
            const struct value **wide = ARENA_ARRAY(s->arena, const struct value *, cap);
            if (n)
                memcpy(wide, items, n * sizeof *wide);
            items = wide;
        }
        const struct value *item = NULL;
        if (n == SCAN_ITEMS || !scan_item(s, col, out ? &item : NULL))
            return false;
        if (out)
            items[n++] = item->type >= VALUE_LIST ? &value_null : item;
    } while (s->col == col && at_dash(s));
    s->depth--;
    if (!out)
        arena_rewind(s->arena, mark);
    return s->col <= col && list_make(s, items, n, out);
}

/* The collection that begins at p, which is at column s->col. */
static bool scan_block(struct scanner *s, scanned *out)
{
    if (at_dash(s))
        return scan_sequence(s, s->col, out);
    if (out)
        *out = &a_dict;
    return scan_mapping(s, s->col, NULL);
}

/* -- the whole --------------------------------------------------------------------------------- */

bool scan_text(const char *text, size_t n, struct arena *a, struct scan *out)
{
    struct scanner s = {.p = text, .end = text + n, .arena = a};
    *out = (struct scan){{NULL}};
    if (!text_is_plain(text, n) || !line_next(&s) || s.col != 0)
        return false;
    return scan_mapping(&s, 0, out) && s.col < 0;
}

void scan_value(const struct value *dict, struct scan *out)
{
    for (size_t i = 0; i < SCAN_KEYS; i++)
        out->v[i] = value_get(dict, scan_keys[i]);
}
