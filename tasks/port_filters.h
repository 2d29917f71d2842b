/* port_filters.h - filters that only programs of ports have, by file.  {0} ends a table. */
#ifndef PORT_FILTERS_H
#define PORT_FILTERS_H
#include "tasks/template_filters.h"

extern const struct filter_row port_text_filters[];    /* port_text.c: what Python's modules do to text */
extern const struct filter_row port_math_filters[];    /* port_math.c: answers in LaTeX */
extern const struct filter_row port_drop_filters[];    /* port_drop.c: DROP's and SQuAD's scores */
extern const struct filter_row port_rouge_filters[];   /* port_rouge.c: ROUGE, sentence BLEU */
#endif
