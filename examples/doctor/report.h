/* What an examination finds: one line for each question as soon as it is answered, then what is to
 * be done. */
#ifndef VFL_DOCTOR_REPORT_H
#define VFL_DOCTOR_REPORT_H

#include <stdbool.h>

#include "core/strbuf.h"

enum vfl_verdict {
    VFL_VERDICT_OK,
    VFL_VERDICT_ADVICE,  /* it works, and could be better */
    VFL_VERDICT_MISSING, /* the check cannot work without it */
    VFL_VERDICT_WRONG,   /* it is there, and not as it must be */
    VFL_VERDICT_NOT_CHECKED,
    VFL_VERDICT_COUNT,
};

/* One thread; initialise with vfl_report_init. */
struct vfl_report {
    unsigned counts[VFL_VERDICT_COUNT];
    unsigned remedy_count;
    struct vfl_strbuf remedies; /* of the instance in hand */
};

void vfl_report_init(struct vfl_report *report);
void vfl_report_fini(struct vfl_report *report);

/* Before a wait: what is asked, and whom. Not a finding. */
void vfl_report_ask(const char *subject, const char *format, ...) VFL_PRINTF(2, 3);

/* subject is what was asked about: a permission's name, or a word or two. */
void vfl_report_tell(struct vfl_report *report, enum vfl_verdict verdict, const char *subject,
                     const char *format, ...) VFL_PRINTF(4, 5);

/* Begins the next thing to do; document (freed here, may be NULL) is JSON that belongs to it. */
void vfl_report_remedy(struct vfl_report *report, char *document, const char *format, ...)
    VFL_PRINTF(3, 4);
/* More of the same thing. */
void vfl_report_remedy_more(struct vfl_report *report, char *document, const char *format, ...)
    VFL_PRINTF(3, 4);

/* Prints and forgets what is to be done. VFL_NO_MEMORY, VFL_LIMIT: not all of it was kept. */
enum vfl_status vfl_report_print_remedies(struct vfl_report *report,
                                          struct vfl_error *err) VFL_MUST_CHECK;
void vfl_report_print_counts(const struct vfl_report *report);

/* Nothing is missing or wrong. */
bool vfl_report_is_good(const struct vfl_report *report);

#endif
