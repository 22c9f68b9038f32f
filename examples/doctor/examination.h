/* One instance under examination, and the questions asked about it. Nothing here deletes or changes
 * anything in AWS. */
#ifndef VFL_DOCTOR_EXAMINATION_H
#define VFL_DOCTOR_EXAMINATION_H

#include "core/aws/s3.h"
#include "core/config.h"
#include "examples/doctor/report.h"

struct vfl_examination {
    const struct vfl_config *config;
    const void *owner; /* tells instances apart, and outlives the last one's examination */
    struct vfl_report *report;
    struct vfl_aws_session *session; /* NULL: nothing of this instance is in AWS */
    struct vfl_s3_bucket *bucket;    /* NULL: it is a directory, or cannot be used */
    char bucket_region[64];
    bool is_delete_forced; /* asked for also where it may leave a delete marker */
    bool is_any_on;        /* of all instances of the file */
    unsigned wait_s;       /* for an answer, with all repetitions */
    int64_t now_epoch_s;
};

/* Monotonic. */
int64_t vfl_examination_now_ms(void);

/* Credentials, clock, external id and role. False: the role cannot be used, and the rest cannot be
 * asked. */
bool vfl_examine_role(struct vfl_examination *examination);

/* Where the bucket is, its versioning and lifecycle. False: it cannot be used. */
bool vfl_examine_bucket(struct vfl_examination *examination);

/* What is delivered, in which format, and whether it can be read; then whether it could be
 * deleted. */
void vfl_examine_flow_logs(struct vfl_examination *examination);
void vfl_examine_deletion(struct vfl_examination *examination);

void vfl_examine_interfaces(struct vfl_examination *examination);

/* A refusal is MISSING with a remedy (statement is taken, may be NULL), anything else is WRONG with
 * err's own text. */
void vfl_examination_fail(struct vfl_examination *examination, const char *permission,
                          char *statement, const struct vfl_error *err);

#endif
