/* Cuts a line into its values at runs of spaces and tabs: for the record parser, its format, and
 * who shows every column. The scanners cut lines as AWS writes them by themselves, which is quicker
 * (record_scan.h). */
#ifndef VFL_FLOWLOG_VALUES_H
#define VFL_FLOWLOG_VALUES_H

#include <stdbool.h>
#include <stddef.h>

#include "core/span.h"

struct vfl_values {
    const char *line;
    size_t len;
    size_t at; /* where the next value may start */
    bool has_nul;
};

/* line without its newline; a trailing CR is not part of the last value. */
static inline struct vfl_values vfl_values_of(struct vfl_span line)
{
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line.len--;
    return (struct vfl_values){.line = line.ptr, .len = line.len};
}

static inline bool vfl_is_break(char c)
{
    return c == ' ' || c == '\t';
}

/* The next value; false at the end of the line. */
static inline bool vfl_values_next(struct vfl_values *values, struct vfl_span *ret_value)
{
    size_t start = values->at;
    while (start < values->len && vfl_is_break(values->line[start]))
        start++;
    size_t end = start;
    for (; end < values->len && !vfl_is_break(values->line[end]); end++)
        values->has_nul |= values->line[end] == '\0';
    if (start == end)
        return false;
    values->at = end;
    *ret_value = (struct vfl_span){values->line + start, end - start};
    return true;
}

#endif
