/* The outputs for people: a text after each run, a Graphviz graph at the end. */
#ifndef VFL_HOST_OUTPUT_H
#define VFL_HOST_OUTPUT_H

#include <stdio.h>

#include "examples/host/landscape.h"

struct vfl_run_report {
    const char *check_id;
    unsigned long run_number;
    double duration_s;
    const char *failure; /* NULL: the run went through */
    bool is_transaction_open;
};

void vfl_output_text(FILE *out, const struct vfl_landscape *landscape,
                     const struct vfl_run_report *report);

/* One graph of all landscapes; equal components are one node. */
void vfl_output_dot(FILE *out, const struct vfl_landscape *const *landscapes,
                    size_t landscape_count);

/* "1.2 MiB" */
void vfl_format_bytes(double bytes, char *text, size_t text_size);

#endif
