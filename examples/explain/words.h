/* Words for a person: texts from outside made harmless, and what codes mean. */
#ifndef VFL_EXPLAIN_WORDS_H
#define VFL_EXPLAIN_WORDS_H

#include "core/strbuf.h"
#include "core/topology/evidence.h"

/* Bytes that could steer a terminal become '?'. */
void vfl_words_append(struct vfl_strbuf *out, struct vfl_span text);
/* "urn:vpcip:vpc-1/10.0.0.1" without its beginning: "vpc-1/10.0.0.1". */
const char *vfl_words_of_id(const char *id);
/* "tcp", "icmp", ... or the number. */
void vfl_words_append_protocol(struct vfl_strbuf *out, uint8_t protocol);
/* What the agent is told of a relation: an indented line for each fact. */
void vfl_words_append_relation(struct vfl_strbuf *out, const struct vfl_relation *relation);
/* A line for each conversation, with what told its direction. */
void vfl_words_append_conversations(struct vfl_strbuf *out,
                                    const struct vfl_relation_evidence *evidence);
/* A line for each report of one direction, with whether its bytes count. */
void vfl_words_append_reports(struct vfl_strbuf *out, const struct vfl_relation_evidence *evidence,
                              bool is_reply);

#endif
