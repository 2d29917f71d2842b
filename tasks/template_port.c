/* template_port.c - where programs of ports find their further filters. */
#include <string.h>

#include "tasks/port_filters.h"

const void *template_port_filter(struct pystr name)
{
    static const struct filter_row *const tables[] = {port_text_filters, port_math_filters, port_drop_filters,
                                                      port_rouge_filters};
    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        for (const struct filter_row *row = tables[i]; row->name; row++)
            if (strlen(row->name) == name.n && memcmp(row->name, name.s, name.n) == 0)
                return row;
    return NULL;
}
