/* regex.h - Python's `re` on PCRE2: same patterns, same matches, bounded effort.
 *
 * Patterns are translated (\Z, \uXXXX, {,n}, \w, \s, (?P=..), \N{..} refused) and compiled as
 * UTF + UCP, newline LF.  A pattern that backtracks beyond REGEX_MATCH_LIMIT steps ends in
 * ASSAY_ELIMIT, never in a hang.  A compiled regex is immutable and may be shared by threads. */
#ifndef REGEX_H_ASSAY
#define REGEX_H_ASSAY
#include <stddef.h>
#include "tasks/pytext.h"

struct arena;
struct assay_err;
struct value;
struct regex;

enum { REGEX_IGNORECASE = 1, REGEX_MULTILINE = 2, REGEX_DOTALL = 4, REGEX_VERBOSE = 8,
       REGEX_ASCII = 16, REGEX_PROPERTIES = 32 /* \p{..}, which re refuses and `regex` has */ };
enum { REGEX_MATCH_LIMIT = 10000000, REGEX_MAX_GROUPS = 100 };

/* Heap; regex_free.  Errors: ASSAY_EFORMAT "regular expression '...': ... at offset N". */
int regex_compile(struct pystr pattern, int flags, struct regex **, struct assay_err *);
void regex_free(struct regex *);
int regex_groups(const struct regex *);          /* capture groups, without group 0 */

struct regex_match {
    size_t n;                                    /* groups, with group 0 */
    struct pystr g[REGEX_MAX_GROUPS + 1];        /* a group that took no part: s NULL */
};
/* re.search from byte `from`: returns 1 found, 0 not found, negative error. */
int regex_search(const struct regex *, struct pystr text, size_t from, struct regex_match *,
                 struct assay_err *);
/* re.findall: a LIST of str (no or one group) or of TUPLEs of str (several groups). */
int regex_findall(const struct regex *, struct pystr text, struct arena *, const struct value **out,
                  struct assay_err *);
/* re.sub; `repl` may hold \1, \g<1>, \g<name>, \n ...; count 0: all. */
struct regex_sub {
    struct pystr repl;
    size_t count;
};
int regex_replace(const struct regex *, const struct regex_sub *, struct pystr text, struct buf *out,
                  struct assay_err *);
/* re.split(text): a LIST of str; groups that took no part are None. */
int regex_split(const struct regex *, struct pystr text, struct arena *, const struct value **out,
                struct assay_err *);
void regex_escape(struct buf *, struct pystr);   /* re.escape */
#endif
