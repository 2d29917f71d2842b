/* text.h - UTF-8: decoding, counting, and making hostile text harmless for a terminal. */
#ifndef TEXT_H
#define TEXT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf;

/* Decodes the code point at s (n >= 1 bytes left); returns its length 1..4, or 0 when invalid
 * (overlong, surrogate, beyond U+10FFFF, cut). */
int text_decode(const char *s, size_t n, uint32_t *cp);
int text_encode(uint32_t cp, char out[4]);               /* returns 1..4 */
bool text_valid(const char *s, size_t n, size_t *bad_at); /* bad_at may be NULL */
size_t text_points(const char *s, size_t n);             /* code points; an invalid byte counts one */
/* Longest prefix of s that does not end inside a UTF-8 sequence. */
size_t text_whole(const char *s, size_t n);
int text_width(const char *s, size_t n);                 /* terminal columns (wide = 2, combining = 0) */
/* Copies with control, bidi-override and invalid bytes shown as \xNN / \u{NNNN}; newline and tab
 * become \n and \t: nothing a terminal would interpret is left. */
void text_safe(struct buf *, const char *s, size_t n);
/* Appends s as one word of a shell's command line, in quotes where it needs them. */
void text_shell_word(struct buf *, const char *s);
#endif
