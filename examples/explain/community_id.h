/* Community ID v1: one text for a flow, the same in both directions and in every tool.
 * Source: corelight/community-id-spec, "Technical details". */
#ifndef VFL_EXPLAIN_COMMUNITY_ID_H
#define VFL_EXPLAIN_COMMUNITY_ID_H

#include <stdint.h>

#include "core/aws/digest.h"
#include "core/flowlog/ip.h"

#define VFL_COMMUNITY_ID_SIZE (2 + VFL_SHA1_BASE64_SIZE) /* "1:" and NUL included */

struct vfl_flow_tuple {
    struct vfl_ip src;
    struct vfl_ip dst;
    uint8_t protocol;
    uint16_t src_port; /* of ICMP the type */
    uint16_t dst_port; /* of ICMP the code */
};

/* With the seed 0. VFL_NO_MEMORY, or VFL_UNSUPPORTED when OpenSSL has no SHA-1. */
enum vfl_status vfl_community_id(const struct vfl_flow_tuple *tuple,
                                 char ret_text[VFL_COMMUNITY_ID_SIZE],
                                 struct vfl_error *err) VFL_MUST_CHECK;

#endif
