/* The command line. */
#ifndef VFL_HOST_OPTIONS_H
#define VFL_HOST_OPTIONS_H

#include <stdbool.h>

enum vfl_output {
    VFL_OUTPUT_TEXT,  /* a summary for a person after each run */
    VFL_OUTPUT_JSONL, /* one JSON object per callback */
    VFL_OUTPUT_DOT,   /* the live topology as a Graphviz graph, once, at the end */
    VFL_OUTPUT_NONE,  /* callbacks are counted only */
};

/* Texts borrow from argv. */
struct vfl_options {
    const char *library_path;
    const char *conf_path;
    const char *state_path;  /* NULL: state lives as long as the process */
    unsigned long run_limit; /* of each instance; 0: until a signal comes */
    unsigned interval_s;     /* 0: what each instance says */
    enum vfl_output output;
    bool is_dry_run;
};

enum vfl_options_outcome {
    VFL_OPTIONS_RUN,
    VFL_OPTIONS_DONE,  /* --help or --version was answered */
    VFL_OPTIONS_WRONG, /* a message is on stderr */
};

enum vfl_options_outcome vfl_options_parse(int argc, char **argv, struct vfl_options *ret_options);

#endif
