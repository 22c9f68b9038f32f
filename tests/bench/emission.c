/* What telling the agent of 100,000 relations costs, in CPU time for each callback made.
 *
 * A table of flows between 100,000 pairs, each reported by the interfaces at both ends, goes
 * through the topology and the plugin's callbacks into an agent that only counts. Reading objects
 * is not part of it. Three runs: one in which everything is new, one a minute later in which only
 * traffic is, and one in which all is sent again. Each is done ROUNDS times and the fastest round
 * counts: what else the machine does can only add to it. With --strict it fails when a callback of
 * the first run or of the last costs over MAX_NS_PER_CALLBACK. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/topology/topology.h"
#include "plugin/agent.h"

#define PAIR_COUNT 100000u
#define ENDPOINT_COUNT 100000u
#define FLOWS_PER_PAIR 4 /* both directions, as either interface reports them */
#define ROUNDS 5
#define NOW INT64_C(1795168860)
#define MAX_NS_PER_CALLBACK 1000.0

static void check(enum vfl_status st, const char *what, const struct vfl_error *err)
{
    if (st == VFL_OK)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, err->text);
    exit(EXIT_FAILURE);
}

static int64_t cpu_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* --- the agent, which only counts --- */

static uint64_t callback_count;
static uint64_t data_bytes; /* so that no text is made in vain */

static void submit_component(char *check_id, struct stackstate_check_instance_key *key, char *id,
                             char *type, char *data)
{
    (void)check_id, (void)key, (void)id, (void)type;
    callback_count++;
    data_bytes += (unsigned char)data[0];
}

static void submit_relation(char *check_id, struct stackstate_check_instance_key *key, char *source,
                            char *target, char *type, char *data)
{
    (void)check_id, (void)key, (void)source, (void)target, (void)type;
    callback_count++;
    data_bytes += (unsigned char)data[0];
}

static void submit_metric(char *check_id, enum stackstate_check_metric_type type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value)
{
    (void)check_id, (void)type, (void)name, (void)value, (void)hostname, (void)flush_first_value;
    callback_count++;
    data_bytes += (unsigned char)tags[0][0];
}

/* --- the flows --- */

/* Neighbours in the table are no neighbours in the address space, as in an account's logs. */
static uint32_t scattered(uint32_t number)
{
    return (uint32_t)((uint64_t)number * 48271 % ENDPOINT_COUNT);
}

static struct vfl_ip address_of(uint32_t endpoint)
{
    return vfl_ip_from_v4(0x0a000000u + 16 + endpoint);
}

static struct vfl_span interface_id_of(uint32_t endpoint, char out[32])
{
    int length = snprintf(out, 32, "eni-%017" PRIx32, endpoint * 2654435761u);
    return (struct vfl_span){out, (size_t)length};
}

static void fill_directory(struct vfl_interfaces *directory)
{
    struct vfl_error err = {0};
    vfl_interfaces_start_refresh(directory, NOW);
    for (uint32_t i = 0; i < ENDPOINT_COUNT; i++) {
        char id[32];
        char ip[VFL_IP_TEXT_SIZE];
        unsigned length = vfl_ip_format(address_of(i), ip);
        struct vfl_interface_address address = {.private_ip = {ip, length}, .is_primary = true};
        struct vfl_interface interface = {
            .id = interface_id_of(i, id),
            .vpc_id = VFL_SPAN_LITERAL("vpc-0123456789abcdef0"),
            .region = VFL_SPAN_LITERAL("eu-west-1"),
            .type = VFL_SPAN_LITERAL("interface"),
            .addresses = &address,
            .address_count = 1,
        };
        check(vfl_interfaces_add(directory, &interface, &err), "interface", &err);
    }
    check(vfl_interfaces_finish_refresh(directory, &err), "refresh", &err);
}

static void add_flow(struct vfl_flow_table *table, uint32_t from, uint32_t to, uint32_t reporter,
                     bool is_request)
{
    struct vfl_error err = {0};
    char id[32];
    struct vfl_record record = {
        .kind = VFL_RECORD_FLOW,
        .action = VFL_ACTION_ACCEPT,
        .protocol = 6,
        .has_protocol = true,
        .has_ports = true,
        .has_bytes = true,
        .has_times = true,
        .src_port = is_request ? (uint16_t)(40000 + from % 20000) : 443,
        .dst_port = is_request ? 443 : (uint16_t)(40000 + to % 20000),
        .bytes = 1000 + from,
        .start_epoch_s = NOW - 60,
        .end_epoch_s = NOW,
        .src = address_of(from),
        .dst = address_of(to),
        .interface_id = interface_id_of(reporter, id),
    };
    check(vfl_flow_table_add(table, &record, &err), "record", &err);
}

static void fill_table(struct vfl_flow_table *table)
{
    struct vfl_error err = {0};
    struct vfl_record_format format;
    bool is_header = false;
    check(vfl_record_format_parse(
              VFL_SPAN_LITERAL("version account-id interface-id srcaddr dstaddr srcport dstport "
                               "protocol packets bytes start end action log-status"),
              &format, &is_header, &err),
          "header", &err);
    check(vfl_flow_table_start_object(table, VFL_SPAN_LITERAL("eu-west-1"),
                                      VFL_SPAN_LITERAL("fl-0123456789abcdef0"), &format, &err),
          "object", &err);
    for (uint32_t i = 0; i < PAIR_COUNT; i++) {
        uint32_t client = scattered(i);
        uint32_t server = scattered(i / 8 + ENDPOINT_COUNT / 3);
        if (server == client)
            server = (server + 1) % ENDPOINT_COUNT;
        add_flow(table, client, server, client, true);
        add_flow(table, server, client, client, false);
        add_flow(table, client, server, server, true);
        add_flow(table, server, client, server, false);
    }
}

/* --- the runs --- */

enum stage { STAGE_APPLY, STAGE_NEWS, STAGE_EMIT, STAGE_COUNT };

struct cost {
    const char *name;
    int64_t now_epoch_s;
    int64_t ns[STAGE_COUNT]; /* of the fastest round */
    int64_t silent_ns;       /* of an emission that nobody listens to */
    uint64_t callbacks;
};

static int64_t total_of(const int64_t ns[STAGE_COUNT])
{
    return ns[STAGE_APPLY] + ns[STAGE_NEWS] + ns[STAGE_EMIT];
}

static enum vfl_status ignore_removal(void *ctx, const char *id, struct vfl_error *err)
{
    (void)ctx, (void)id, (void)err;
    return VFL_OK;
}

static enum vfl_status ignore_component(void *ctx, const struct vfl_component *component,
                                        struct vfl_error *err)
{
    (void)ctx, (void)component, (void)err;
    return VFL_OK;
}

static enum vfl_status ignore_relation(void *ctx, const struct vfl_relation *relation,
                                       struct vfl_error *err)
{
    (void)ctx, (void)relation, (void)err;
    return VFL_OK;
}

static enum vfl_status ignore_traffic(void *ctx, const struct vfl_relation_traffic *traffic,
                                      struct vfl_error *err)
{
    (void)ctx, (void)traffic, (void)err;
    return VFL_OK;
}

static struct vfl_topology *new_topology(void)
{
    struct vfl_error err = {0};
    struct vfl_topology *topology = NULL;
    struct vfl_topology_options options = {
        .default_region = "eu-west-1", .expire_after_s = 3600, .max_relations = 2 * PAIR_COUNT};
    check(vfl_topology_new(&options, &topology, &err), "topology", &err);
    fill_directory(vfl_topology_interfaces(topology));
    return topology;
}

static void do_round(const struct vfl_flow_table *table, struct vfl_topology_sink sink,
                     bool is_silent, struct cost *costs, size_t cost_count)
{
    struct vfl_error err = {0};
    struct vfl_topology *topology = new_topology();
    for (size_t i = 0; i < cost_count; i++) {
        struct cost *cost = &costs[i];
        struct vfl_topology_counts counts;
        int64_t ns[STAGE_COUNT];
        callback_count = 0;
        int64_t start_ns = cpu_ns();
        check(vfl_topology_apply(topology, table, cost->now_epoch_s, &counts, &err), "apply", &err);
        int64_t applied_ns = cpu_ns();
        (void)vfl_topology_has_news(topology, cost->now_epoch_s);
        int64_t asked_ns = cpu_ns();
        check(vfl_topology_emit(topology, cost->now_epoch_s, sink, &err), "emit", &err);
        int64_t end_ns = cpu_ns();
        ns[STAGE_APPLY] = applied_ns - start_ns;
        ns[STAGE_NEWS] = asked_ns - applied_ns;
        ns[STAGE_EMIT] = end_ns - asked_ns;
        if (is_silent) {
            if (cost->silent_ns == 0 || ns[STAGE_EMIT] < cost->silent_ns)
                cost->silent_ns = ns[STAGE_EMIT];
            continue;
        }
        cost->callbacks = callback_count;
        if (total_of(cost->ns) == 0 || total_of(ns) < total_of(cost->ns))
            for (unsigned stage = 0; stage < STAGE_COUNT; stage++)
                cost->ns[stage] = ns[stage];
    }
    vfl_topology_free(topology);
}

static double per_callback(int64_t ns, const struct cost *cost)
{
    return cost->callbacks == 0 ? 0.0 : (double)ns / (double)cost->callbacks;
}

static void print_costs(const struct cost *costs, size_t count)
{
    (void)printf("ns of CPU time for each callback\n%-12s %9s %8s %8s %8s %8s %8s %9s\n", "run",
                 "callbacks", "apply", "news", "walk", "texts", "total", "total ms");
    for (size_t i = 0; i < count; i++) {
        const struct cost *cost = &costs[i];
        int64_t total_ns = total_of(cost->ns);
        (void)printf("%-12s %9" PRIu64 " %8.0f %8.0f %8.0f %8.0f %8.0f %9.0f\n", cost->name,
                     cost->callbacks, per_callback(cost->ns[STAGE_APPLY], cost),
                     per_callback(cost->ns[STAGE_NEWS], cost), per_callback(cost->silent_ns, cost),
                     per_callback(cost->ns[STAGE_EMIT] - cost->silent_ns, cost),
                     per_callback(total_ns, cost), (double)total_ns / 1e6);
    }
}

int main(int argc, char **argv)
{
    bool is_strict = argc > 1 && strcmp(argv[1], "--strict") == 0;
    struct vfl_error err = {0};
    struct cost costs[] = {
        {.name = "all new", .now_epoch_s = NOW},
        {.name = "traffic", .now_epoch_s = NOW + 60},
        {.name = "all again", .now_epoch_s = NOW + VFL_TOPOLOGY_RESEND_S},
    };
    const size_t count = sizeof costs / sizeof costs[0];
    struct vfl_config config = {0};
    struct stackstate_check_callbacks callbacks = {
        .struct_size = sizeof callbacks,
        .abi_version = STACKSTATE_CHECK_ABI_VERSION,
        .submit_component = submit_component,
        .submit_relation = submit_relation,
        .submit_metric = submit_metric,
    };
    struct vfl_topology_sink silent = {ignore_removal, ignore_component, ignore_relation,
                                       ignore_traffic, NULL};
    struct vfl_agent agent = {0};
    struct vfl_flow_table table = {0};
    check(vfl_config_parse(VFL_SPAN_LITERAL("{}"),
                           VFL_SPAN_LITERAL("role_arn: arn:aws:iam::123456789012:role/Reader\n"
                                            "regions: [eu-west-1]\n"
                                            "tags: ['env:production', 'team:network']\n"),
                           &config, &err),
          "configuration", &err);
    check(vfl_agent_init(&agent, &callbacks, "bench", &config, &err), "agent", &err);
    fill_table(&table);
    for (unsigned round = 0; round < ROUNDS; round++) {
        do_round(&table, silent, true, costs, count);
        do_round(&table, vfl_agent_ops(&agent).topology, false, costs, count);
    }
    print_costs(costs, count);
    vfl_flow_table_fini(&table);
    vfl_agent_fini(&agent);
    vfl_config_fini(&config);
    bool is_complete = costs[0].callbacks >= 5 * (uint64_t)PAIR_COUNT && data_bytes > 0 &&
                       costs[1].callbacks == 4 * (uint64_t)PAIR_COUNT &&
                       costs[2].callbacks == costs[0].callbacks;
    if (!is_complete)
        (void)fprintf(stderr, "not everything was sent\n");
    bool is_fast = per_callback(total_of(costs[0].ns), &costs[0]) <= MAX_NS_PER_CALLBACK &&
                   per_callback(total_of(costs[2].ns), &costs[2]) <= MAX_NS_PER_CALLBACK;
    if (!is_fast)
        (void)fprintf(stderr, "over %.0f ns for each callback\n", MAX_NS_PER_CALLBACK);
    return is_complete && (is_fast || !is_strict) ? EXIT_SUCCESS : EXIT_FAILURE;
}
