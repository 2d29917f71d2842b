/* html_impl.h - what the files of the HTML report share: the page being written, and cells. */
#ifndef HTML_IMPL_H
#define HTML_IMPL_H
#include "harness/base/arena.h"
#include "harness/base/buf.h"
#include "reports/fmt.h"
#include "reports/html.h"
#include "reports/nights.h"
#include "reports/svg.h"

struct page {
    struct view *view;
    const struct compare *c;     /* what is shown: one of first's bases */
    const struct compare *first; /* what the page opens with: colours are its */
    const struct html_options *o;
    struct buf *b;
    struct arena *a;
    size_t n_reserved;           /* bytes that come after the items */
    const struct nights *nights; /* [n_nights]: classes of machine with a history */
    size_t n_nights;
};

/* Colour of a row: the base is 0, the others 1, 2, ... in order; the same whatever base is chosen. */
int html_color(const struct page *, size_t row);
/* "machine@3b1a90". */
const char *html_run_label(struct page *, size_t run);
/* The colour by the variant's name; one that is not compared here gets a colour too. */
int html_name_color(const struct page *, const char *variant);
/* A row that has nothing to show but its reason. */
bool html_is_failed(const struct compare_row *);

/* "<td class=n data-v=...>text</td>"; v is what the column sorts by, NAN: an en dash. */
void html_cell(struct page *, double v, struct fmt text);
/* A number with a true minus sign, "-" as an en dash. */
void html_num(struct page *, const char *s);
/* A name that may be broken behind its underscores. */
void html_name(struct page *, const char *s);
/* A coloured mark and the variant's name, as the row's header cell. */
void html_variant_head(struct page *, size_t row, bool has_precision);
void html_verdict(struct page *, enum compare_verdict, const char *hover);
/* "<section id=... aria-labelledby=...><h2>": title and one sentence of explanation or NULL. */
void html_begin(struct page *, const char *id, const char *title, const char *lead);
void html_end(struct page *);
/* A chart goes between; the caption says in one sentence how to read it. */
void html_open_figure(struct page *);
void html_figure(struct page *, const char *caption);
/* "95&nbsp;%": of what intervals hold. */
const char *html_level(struct page *);
/* Head cells from a NULL-terminated list; a leading '#' makes a number column. */
void html_heads(struct page *, const char *const *heads);

void html_variants(struct page *);       /* the main table */
void html_variants_body(struct page *);
void html_forests_body(struct page *);
void html_base_choice(struct page *);    /* a control, shown by the script */
void html_part(struct page *, const char *name, void (*body)(struct page *));
int html_bases(struct page *, struct assay_err *);       /* packed tables of the other bases */
void html_alone(struct page *);          /* one variant: its accuracy per task */
void html_forests(struct page *);        /* per variant: change per task with intervals */
void html_agreement(struct page *);      /* do the tasks agree about the variants? */
void html_others(struct page *);         /* perplexities and other means */
void html_divergence(struct page *);
void html_speed(struct page *);
int html_flips(struct page *, struct assay_err *);
void html_charts_tradeoff(struct page *);
int html_charts_latency(struct page *, struct assay_err *);
void html_charts_memory(struct page *);
void html_energy(struct page *);
bool html_has_energy(struct page *);     /* or the reason why there is none */
void html_energy_cell(struct page *, const struct compare_energy *);
void html_changed(struct page *);        /* since the night before */
void html_history(struct page *);        /* nights as charts, and the wall of sparklines */
void html_runs(struct page *);           /* several runs: what differs, machine x variant */
int html_items(struct page *, struct assay_err *);
void html_notices(struct page *);        /* what makes scores doubtful */
void html_failures(struct page *);
void html_provenance(struct page *);
#endif
