#include "core/topology/direction.h"

#include <stdbool.h>
#include <stdlib.h>

#include "core/array.h"

const char *vfl_evidence_name(enum vfl_evidence evidence)
{
    switch (evidence) {
    case VFL_EVIDENCE_TCP_FLAGS:
        return "tcp-flags";
    case VFL_EVIDENCE_PORT_COUNT:
        return "port-count";
    case VFL_EVIDENCE_PORT:
        return "port";
    case VFL_EVIDENCE_NONE:
        break;
    }
    return "unknown";
}

/* Sorted, for the binary search. Services that run inside VPCs above port 1023. */
static const uint16_t registered_ports[] = {
    1194,  1433,  1434,  1521,  1812,  1813,  1883,  2049,  2181,  2375,  2376,  2377,  2379,
    2380,  3000,  3128,  3260,  3268,  3269,  3306,  3389,  4317,  4318,  4369,  4789,  5000,
    5044,  5060,  5061,  5432,  5439,  5601,  5671,  5672,  5900,  5985,  5986,  6379,  6443,
    6831,  7000,  7001,  7077,  7199,  8000,  8080,  8081,  8086,  8088,  8125,  8140,  8300,
    8301,  8302,  8443,  8472,  8500,  8600,  8883,  8888,  9000,  9042,  9090,  9092,  9093,
    9094,  9096,  9098,  9100,  9160,  9200,  9300,  9411,  9418,  10050, 10051, 10250, 10255,
    10256, 11211, 14250, 15017, 15672, 16379, 25565, 27017, 27018, 27019, 28015,
};

/* Clients that have to use a reserved port (NFS and other RPC, Linux's resvport) take it from 665
 * to 1023; these are the services there. */
static bool is_reserved_client_port(uint16_t port)
{
    static const uint16_t services[] = {694, 749, 750, 853, 860, 873, 902,
                                        903, 989, 990, 992, 993, 995};
    if (port < 665 || port > 1023)
        return false;
    for (size_t i = 0; i < sizeof services / sizeof services[0]; i++)
        if (services[i] == port)
            return false;
    return true;
}

unsigned vfl_port_rank(uint16_t port)
{
    if (is_reserved_client_port(port))
        return 1;
    if (port < 1024)
        return 3;
    size_t low = 0;
    size_t high = sizeof registered_ports / sizeof registered_ports[0];
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (registered_ports[middle] == port)
            return 2;
        if (registered_ports[middle] < port)
            low = middle + 1;
        else
            high = middle;
    }
    return port < 32768 ? 1 : 0;
}

struct vfl_port_count {
    uint32_t endpoint;
    uint16_t port;
    uint8_t protocol;
    uint8_t peer_port_count;
    uint16_t peer_ports[VFL_PORT_COUNT_MAX];
};

void vfl_port_counts_fini(struct vfl_port_counts *counts)
{
    if (counts == NULL)
        return;
    free(counts->counts);
    vfl_index_fini(&counts->index);
    *counts = (struct vfl_port_counts){0};
}

void vfl_port_counts_reset(struct vfl_port_counts *counts)
{
    counts->count = 0;
    vfl_index_reset(&counts->index);
    if (counts->seed == 0)
        counts->seed = vfl_hash_seed() | 1;
}

static uint64_t hash_of(const struct vfl_port_counts *counts, uint32_t endpoint, uint8_t protocol,
                        uint16_t port)
{
    uint64_t word = (uint64_t)endpoint << 32 | (uint64_t)protocol << 16 | port;
    return vfl_hash_finish(vfl_hash_mix(counts->seed, word));
}

static struct vfl_port_count *find(const struct vfl_port_counts *counts, uint64_t hash,
                                   uint32_t endpoint, uint8_t protocol, uint16_t port)
{
    struct vfl_index_cursor cursor = vfl_index_cursor(&counts->index, hash);
    uint32_t position;
    while ((position = vfl_index_next(&counts->index, &cursor)) != VFL_INDEX_NONE) {
        struct vfl_port_count *count = &counts->counts[position];
        if (count->endpoint == endpoint && count->protocol == protocol && count->port == port)
            return count;
    }
    return NULL;
}

bool vfl_port_counts_add(struct vfl_port_counts *counts, uint32_t endpoint, uint8_t protocol,
                         uint16_t port, uint16_t peer_port)
{
    uint64_t hash = hash_of(counts, endpoint, protocol, port);
    struct vfl_port_count *count = find(counts, hash, endpoint, protocol, port);
    if (count == NULL) {
        if (!VFL_ARRAY_RESERVE(counts->counts, counts->count, counts->room) ||
            !vfl_index_add(&counts->index, hash, counts->count))
            return false;
        count = &counts->counts[counts->count++];
        *count = (struct vfl_port_count){.endpoint = endpoint, .port = port, .protocol = protocol};
    }
    for (unsigned i = 0; i < count->peer_port_count; i++)
        if (count->peer_ports[i] == peer_port)
            return true;
    if (count->peer_port_count < VFL_PORT_COUNT_MAX)
        count->peer_ports[count->peer_port_count++] = peer_port;
    return true;
}

unsigned vfl_port_counts_find(const struct vfl_port_counts *counts, uint32_t endpoint,
                              uint8_t protocol, uint16_t port)
{
    if (counts->count == 0)
        return 0;
    const struct vfl_port_count *count =
        find(counts, hash_of(counts, endpoint, protocol, port), endpoint, protocol, port);
    return count == NULL ? 0 : count->peer_port_count;
}

enum vfl_side vfl_direction_server(struct vfl_port_view a, struct vfl_port_view b,
                                   enum vfl_evidence *ret_evidence)
{
    unsigned a_rank = vfl_port_rank(a.port);
    unsigned b_rank = vfl_port_rank(b.port);
    enum vfl_side busier = a.peer_port_count > b.peer_port_count   ? VFL_SIDE_A
                           : b.peer_port_count > a.peer_port_count ? VFL_SIDE_B
                                                                   : VFL_SIDE_NEITHER;
    unsigned more = busier == VFL_SIDE_A ? a.peer_port_count : b.peer_port_count;
    unsigned less = busier == VFL_SIDE_A ? b.peer_port_count : a.peer_port_count;
    enum vfl_side higher = a_rank > b_rank   ? VFL_SIDE_A
                           : b_rank > a_rank ? VFL_SIDE_B
                                             : VFL_SIDE_NEITHER;
    /* Two peers settle it unless the numbers themselves say the opposite: a client's port seen with
     * both 443 and 5432 is still a client's port, so against the rank it takes a clear majority. */
    bool is_against_rank = higher != VFL_SIDE_NEITHER && higher != busier;
    if (busier != VFL_SIDE_NEITHER && more >= 2 &&
        (!is_against_rank || (more >= 3 && more >= 2 * less))) {
        *ret_evidence = VFL_EVIDENCE_PORT_COUNT;
        return busier;
    }
    if (higher == VFL_SIDE_NEITHER)
        higher = a.port < b.port ? VFL_SIDE_A : b.port < a.port ? VFL_SIDE_B : VFL_SIDE_NEITHER;
    *ret_evidence = higher == VFL_SIDE_NEITHER ? VFL_EVIDENCE_NONE : VFL_EVIDENCE_PORT;
    return higher;
}
