/* Endpoints and relations of the live set in the words that the agent is told. */
#ifndef VFL_TOPOLOGY_DESCRIPTION_H
#define VFL_TOPOLOGY_DESCRIPTION_H

#include "core/topology/live.h"

/* "urn:vpcip:" vpc-id "/" address, and with room for "-flowlog-" between two of them. */
#define URN_SIZE (16 + VFL_TOKEN_MAX_BYTES + 1 + VFL_IP_TEXT_SIZE)
#define RELATION_ID_SIZE (2 * URN_SIZE + sizeof "-" VFL_RELATION_TYPE "-")
#define MAX_URNS 6

void live_format_endpoint_id(const struct vfl_topology *topology, uint32_t position,
                             char out[URN_SIZE]);
/* relation: pair * 2 + client side. */
void live_format_relation_ends(const struct vfl_topology *topology, uint32_t relation,
                               char source[URN_SIZE], char target[URN_SIZE]);

/* What a URN is made of; two are the same text when these are equal, within one endpoint. */
struct live_urn {
    struct vfl_ip ip;
    bool is_host; /* else of the endpoint's VPC */
};

/* Zeroed before its first use; may then serve for any number of endpoints. */
struct component_content {
    struct vfl_component component; /* texts of the endpoint that was named last */
    uint64_t digest;                /* of all that the texts are made of */
    struct live_urn urns[MAX_URNS];
    size_t urn_count;
    const char *region;
    char texts[MAX_URNS][URN_SIZE];
    const char *text_pointers[MAX_URNS];
};

/* Describing tells whether anything has changed (digest) and makes no text; that takes a naming
 * after it. */
void live_describe_component(const struct vfl_topology *topology, uint32_t position,
                             struct component_content *content);
void live_name_component(const struct vfl_topology *topology, uint32_t position,
                         struct component_content *content);

/* Zeroed before its first use; may then serve for any number of relations. */
struct relation_content {
    struct vfl_relation relation; /* ends and addresses are of the relation named last */
    uint64_t digest;              /* of all but the ends */
    uint8_t protocols[256];
    uint16_t ports[VFL_TOPOLOGY_MAX_PORTS];
    /* The refusal written last: neighbours are refused alike, and its words cost more than all the
     * rest. */
    uint8_t refusal_verdicts[2];
    uint64_t refusal_digest;
    char refusal[VFL_REFUSAL_SIZE];
    char source_id[URN_SIZE];
    char target_id[URN_SIZE];
};

void live_describe_relation(const struct vfl_topology *topology, uint32_t position,
                            struct relation_content *content);
void live_name_relation(const struct vfl_topology *topology, uint32_t position,
                        struct relation_content *content);

#endif
