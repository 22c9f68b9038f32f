/* The same records give the same topology, however they come.
 *
 * In any order and any split into objects: the same emitted bytes. In any split into runs of one
 * instance: the same live graph after the last run, and the same bytes from sender to receiver
 * summed over the runs. Arguments: first seed (0: a fresh one), rounds. A failure prints its seed.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/random.h"
#include "tests/recorder/recorder.h"

#define T0 INT64_C(1700000000)
#define NOW (T0 + 3600)
#define EXPIRE_AFTER_S 86400
#define MAX_RECORDS 6000
#define MAX_OBJECTS 64
#define MAX_RUNS 9
#define MAX_SUMS 512
#define WINDOW_COUNT 10
/* In the midst of the windows 10.0.0.3 passes from eni-old to eni-c. Neither logs its traffic: an
 * interface that vanishes stays the observer for its silent minutes, and what it no longer sees in
 * them is lost, so that those sums do depend on the split. */
#define REUSE_EPOCH_S (T0 + 300)

static uint64_t random_state;

static unsigned below(unsigned bound)
{
    return random_below(&random_state, bound);
}

static bool is_one_in(unsigned count)
{
    return below(count) == 0;
}

/* --- the world ---------------------------------------------------------------------------------
 */

static const struct recorder_interface interfaces[] = {
    {.id = "eni-a",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.1",
     .public_ip = "52.1.1.1",
     .secondary = "10.0.0.101",
     .ipv6 = "2600:1::a",
     .region = "eu-west-1"},
    {.id = "eni-b", .vpc_id = "vpc-1", .primary = "10.0.0.2", .prefix = "10.0.1.16/28"},
    {.id = "eni-c",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.3",
     .public_ip = "52.1.1.3",
     .ipv6 = "fd00::c",
     .attach_epoch_s = REUSE_EPOCH_S},
    {.id = "eni-old",
     .vpc_id = "vpc-1",
     .primary = "10.0.0.3",
     .public_ip = "52.1.1.4",
     .attach_epoch_s = T0 - 1000},
    {.id = "eni-d", .vpc_id = "vpc-2", .primary = "10.0.0.1", .region = "us-east-1"},
    {.id = "eni-e", .vpc_id = "vpc-2", .primary = "10.2.0.5", .ipv6 = "2600:1::e"},
    {.id = "eni-f", .vpc_id = "vpc-3", .primary = "10.2.0.6", .secondary = "10.0.0.2"},
    {.id = "eni-nat", .vpc_id = "vpc-1", .primary = "10.0.0.9", .type = "nat_gateway"},
    {.id = "eni-hop", .vpc_id = "vpc-1", .primary = "10.0.0.8"},
};

struct place {
    const char *interface_id; /* NULL: logs nothing */
    const char *vpc_id;
    const char *address;
    const char *primary; /* what its own records show without pkt-* columns */
};

static const struct place places[] = {
    {"eni-a", "vpc-1", "10.0.0.1", "10.0.0.1"},
    {"eni-a", "vpc-1", "10.0.0.101", "10.0.0.1"},
    {"eni-a", "vpc-1", "2600:1::a", "2600:1::a"},
    {"eni-b", "vpc-1", "10.0.0.2", "10.0.0.2"},
    {"eni-b", "vpc-1", "10.0.1.20", "10.0.0.2"},
    {NULL, "vpc-1", "10.0.0.3", "10.0.0.3"},
    {"eni-c", "vpc-1", "fd00::c", "fd00::c"},
    {"eni-d", "vpc-2", "10.0.0.1", "10.0.0.1"},
    {"eni-e", "vpc-2", "10.2.0.5", "10.2.0.5"},
    {"eni-e", "vpc-2", "2600:1::e", "2600:1::e"},
    {"eni-f", "vpc-3", "10.2.0.6", "10.2.0.6"},
    {"eni-f", "vpc-3", "10.0.0.2", "10.2.0.6"},
    {"eni-nat", "vpc-1", "10.0.0.9", "10.0.0.9"},
    {"eni-x", "vpc-1", "10.7.7.7", "10.7.7.7"}, /* not in the directory */
    {NULL, "vpc-1", "10.9.9.9", "10.9.9.9"},
    {NULL, "vpc-1", "8.8.8.8", "8.8.8.8"},
    {NULL, "vpc-1", "224.0.0.1", "224.0.0.1"},
};
#define PLACE_COUNT (sizeof places / sizeof places[0])

struct record {
    unsigned flow_log; /* in flow_log_ids */
    char line[256];
};

static const char *const flow_log_ids[] = {"fl-1", "fl-2", "fl-3"};
static const char *const regions[] = {"eu-west-1", "us-east-1", "eu-west-1"};
#define FLOW_LOG_COUNT 3

struct world {
    bool has_packet_addresses;
    unsigned unlogged;          /* bit per place: its interface has no flow log */
    unsigned logs[PLACE_COUNT]; /* bits of the flow logs that cover its interface */
    unsigned hop_logs;
    unsigned hop_rest; /* of which pairs the hop sees the traffic */
    struct record *records;
    size_t count;
};

static const char *header_of(const struct world *world)
{
    return world->has_packet_addresses
               ? "interface-id vpc-id srcaddr dstaddr srcport dstport protocol bytes start end "
                 "action tcp-flags log-status pkt-srcaddr pkt-dstaddr"
               : "interface-id vpc-id srcaddr dstaddr srcport dstport protocol bytes start end "
                 "action tcp-flags log-status";
}

static bool is_ipv6(const struct place *place)
{
    return strchr(place->address, ':') != NULL;
}

/* Somebody in another VPC has the same address. */
static bool is_ambiguous(const struct place *place)
{
    for (size_t i = 0; i < PLACE_COUNT; i++)
        if (strcmp(places[i].vpc_id, place->vpc_id) != 0 &&
            strcmp(places[i].address, place->address) == 0)
            return true;
    return false;
}

/* Between VPCs, routes do not lead to ambiguous addresses. */
static bool is_routable(const struct place *a, const struct place *b)
{
    bool is_one_interface = a->interface_id != NULL && b->interface_id != NULL &&
                            strcmp(a->interface_id, b->interface_id) == 0;
    bool is_one_vpc = strcmp(a->vpc_id, b->vpc_id) == 0;
    return !is_one_interface && is_ipv6(a) == is_ipv6(b) &&
           (is_one_vpc || (!is_ambiguous(a) && !is_ambiguous(b)));
}

static unsigned number_of(const struct place *place)
{
    const char *name = place->interface_id != NULL ? place->interface_id : place->address;
    return (unsigned char)name[strlen(name) - 1];
}

/* A hop sees all traffic of a pair or none: whoever may be chosen as the observer has to see the
 * same bytes as the others. */
static bool has_hop(const struct world *world, const struct place *a, const struct place *b)
{
    return strcmp(a->vpc_id, "vpc-1") == 0 && strcmp(b->vpc_id, "vpc-1") == 0 &&
           (number_of(a) + number_of(b)) % 4 == world->hop_rest;
}

struct exchange {
    const struct place *from;
    const struct place *to;
    unsigned from_port;
    unsigned to_port;
    unsigned protocol;
    unsigned window;
    uint64_t bytes;
    const char *action;
    unsigned flags;
};

/* observer: 0 the sender, 1 the receiver, 2 the hop. */
static void add_record(struct world *world, const struct exchange *x, unsigned observer,
                       unsigned flow_log)
{
    if (world->count == MAX_RECORDS)
        return;
    struct record *record = &world->records[world->count++];
    const struct place *own = observer == 1 ? x->to : x->from;
    const char *interface_id = observer == 2 ? "eni-hop" : own->interface_id;
    int64_t start = T0 + x->window * 60 + x->bytes % 7;
    int len = snprintf(record->line, sizeof record->line,
                       "%s %s %s %s %u %u %u %" PRIu64 " %" PRId64 " %" PRId64 " %s %u OK",
                       interface_id, observer == 2 ? "vpc-1" : own->vpc_id,
                       observer == 0 ? x->from->primary : x->from->address,
                       observer == 1 ? x->to->primary : x->to->address, x->from_port, x->to_port,
                       x->protocol, x->bytes, start, T0 + x->window * 60 + 59, x->action, x->flags);
    if (world->has_packet_addresses)
        (void)snprintf(record->line + len, sizeof record->line - (size_t)len, " %s %s",
                       x->from->address, x->to->address);
    record->flow_log = flow_log;
}

/* Everybody who sees the exchange reports the same bytes. */
static void add_exchange(struct world *world, const struct exchange *x)
{
    const struct place *ends[2] = {x->from, x->to};
    for (unsigned observer = 0; observer < 2; observer++) {
        size_t place = (size_t)(ends[observer] - places);
        if (ends[observer]->interface_id == NULL || (world->unlogged >> place & 1) != 0)
            continue;
        for (unsigned log = 0; log < FLOW_LOG_COUNT; log++)
            if (world->logs[place] >> log & 1)
                add_record(world, x, observer, log);
    }
    for (unsigned log = 0; log < FLOW_LOG_COUNT && has_hop(world, x->from, x->to); log++)
        if (world->hop_logs >> log & 1)
            add_record(world, x, 2, log);
}

static unsigned pick_port(void)
{
    static const unsigned ports[] = {22, 443, 5432, 8080, 20000, 32767, 32768, 40000, 51820, 60000};
    return is_one_in(3) ? 32768 + below(32768) : ports[below(10)];
}

static void add_conversation(struct world *world)
{
    const struct place *client = &places[below(PLACE_COUNT)];
    const struct place *server = &places[below(PLACE_COUNT)];
    if (!is_routable(client, server))
        return;
    static const unsigned protocols[] = {6, 6, 6, 17, 1, 50};
    struct exchange x = {.protocol = protocols[below(6)]};
    unsigned client_port = is_one_in(4) ? pick_port() : 32768 + below(28000);
    unsigned server_port = pick_port();
    bool has_ports = x.protocol == 6 || x.protocol == 17;
    bool has_flags = x.protocol == 6 && is_one_in(3);
    const char *action = is_one_in(4) ? "REJECT" : "ACCEPT";
    unsigned window_count = 1 + below(3);
    for (unsigned i = 0; i < window_count; i++) {
        x.window = below(WINDOW_COUNT);
        for (unsigned is_reply = 0; is_reply < 2; is_reply++) {
            if (is_one_in(6))
                continue;
            x.from = is_reply ? server : client;
            x.to = is_reply ? client : server;
            x.from_port = !has_ports ? 0 : is_reply ? server_port : client_port;
            x.to_port = !has_ports ? 0 : is_reply ? client_port : server_port;
            x.bytes = below(100000);
            x.action = is_one_in(20) ? "-" : action;
            x.flags = has_flags && i == 0 ? (is_reply ? 18 : 2) : below(2) * 4;
            add_exchange(world, &x);
        }
    }
}

/* More conversations of one pair than are kept apart. */
static void add_busy_pair(struct world *world)
{
    for (unsigned i = 0; i < VFL_TOPOLOGY_MAX_CONVERSATIONS + 50; i++) {
        struct exchange x = {.from = &places[0],
                             .to = &places[3],
                             .from_port = 33000 + i * 3,
                             .to_port = 60000,
                             .protocol = 6,
                             .window = below(WINDOW_COUNT),
                             .bytes = below(1000),
                             .action = is_one_in(100) ? "REJECT" : "ACCEPT"};
        add_exchange(world, &x);
    }
}

static void add_nodata(struct world *world)
{
    if (world->count == MAX_RECORDS)
        return;
    struct record *record = &world->records[world->count++];
    record->flow_log = below(FLOW_LOG_COUNT);
    (void)snprintf(record->line, sizeof record->line, "eni-%c vpc-1 - - - - - - - - - - %s%s",
                   'a' + (int)below(6), is_one_in(2) ? "NODATA" : "SKIPDATA",
                   world->has_packet_addresses ? " - -" : "");
}

static void fill_world(struct world *world)
{
    world->count = 0;
    world->has_packet_addresses = is_one_in(2);
    world->unlogged = 0;
    world->hop_logs = 1 + below(7);
    world->hop_rest = below(4);
    for (size_t i = 0; i < PLACE_COUNT; i++) {
        /* All places of an interface have its flow logs. */
        bool is_same = i > 0 && places[i].interface_id != NULL &&
                       places[i - 1].interface_id != NULL &&
                       strcmp(places[i].interface_id, places[i - 1].interface_id) == 0;
        world->logs[i] = is_same ? world->logs[i - 1] : 1 + below(7);
        bool is_unlogged = is_same ? (world->unlogged >> (i - 1) & 1) != 0 : is_one_in(4);
        world->unlogged |= (unsigned)is_unlogged << i;
    }
    unsigned conversation_count = 1 + below(60);
    for (unsigned i = 0; i < conversation_count; i++)
        add_conversation(world);
    for (unsigned i = below(6); i > 0; i--)
        add_nodata(world);
    if (is_one_in(12))
        add_busy_pair(world);
}

/* --- ways to take the records in ---------------------------------------------------------------
 */

static void start_instance(struct recorder *recorder)
{
    recorder_init(recorder, EXPIRE_AFTER_S);
    recorder_refresh(recorder, NOW, interfaces, sizeof interfaces / sizeof interfaces[0]);
}

static void add_to(const struct world *world, const struct record *record,
                   struct vfl_flow_table *table)
{
    struct vfl_record_format format;
    recorder_start_object(table, &format, regions[record->flow_log], flow_log_ids[record->flow_log],
                          header_of(world));
    recorder_add_line(table, &format, record->line);
}

static void shuffle(size_t *order, size_t count)
{
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    for (size_t i = count; i > 1; i--) {
        size_t other = below((unsigned)i);
        size_t kept = order[i - 1];
        order[i - 1] = order[other];
        order[other] = kept;
    }
}

static void merge(struct vfl_flow_table *table, const struct vfl_flow_table *from)
{
    struct vfl_error err = {0};
    if (vfl_flow_table_merge(table, from, &err) != VFL_OK) {
        (void)fprintf(stderr, "merge: %s\n", err.text);
        abort();
    }
}

/* The records numbered by order, cut into objects, their tables merged by two workers. */
static void fill_by_objects(const struct world *world, const size_t *order, size_t count,
                            struct vfl_flow_table *table)
{
    struct vfl_flow_table objects[MAX_OBJECTS] = {0};
    struct vfl_flow_table workers[2] = {0};
    size_t merge_order[MAX_OBJECTS];
    unsigned object_count = 1 + below(MAX_OBJECTS);
    for (size_t i = 0; i < count; i++)
        add_to(world, &world->records[order[i]], &objects[below(object_count)]);
    shuffle(merge_order, object_count);
    for (unsigned i = 0; i < object_count; i++)
        merge(&workers[below(2)], &objects[merge_order[i]]);
    unsigned first = below(2);
    merge(table, &workers[first]);
    merge(table, &workers[1 - first]);
    for (unsigned i = 0; i < object_count; i++)
        vfl_flow_table_fini(&objects[i]);
    vfl_flow_table_fini(&workers[0]);
    vfl_flow_table_fini(&workers[1]);
}

/* Bytes from sender to receiver, whichever of them is the client. */
struct sums {
    struct sum {
        char sender[64];
        char receiver[64];
        uint64_t bytes;
    } items[MAX_SUMS];
    size_t count;
};

static void add_sum(struct sums *sums, const char *sender, const char *receiver, uint64_t bytes)
{
    size_t i = 0;
    while (i < sums->count && (strcmp(sums->items[i].sender, sender) != 0 ||
                               strcmp(sums->items[i].receiver, receiver) != 0))
        i++;
    if (i == MAX_SUMS)
        abort();
    if (i == sums->count) {
        (void)snprintf(sums->items[i].sender, sizeof sums->items[i].sender, "%s", sender);
        (void)snprintf(sums->items[i].receiver, sizeof sums->items[i].receiver, "%s", receiver);
        sums->items[i].bytes = 0;
        sums->count++;
    }
    sums->items[i].bytes += bytes;
}

/* Reads "traffic SOURCE TARGET sent=N received=N ...". */
static void add_traffic_lines(struct sums *sums, const char *lines)
{
    while (*lines != '\0') {
        const char *source = strchr(lines, ' ') + 1;
        const char *target = strchr(source, ' ') + 1;
        const char *sent = strstr(target, " sent=");
        const char *received = strstr(sent, " received=");
        char source_id[64];
        char target_id[64];
        (void)snprintf(source_id, sizeof source_id, "%.*s", (int)(target - 1 - source), source);
        (void)snprintf(target_id, sizeof target_id, "%.*s", (int)(sent - target), target);
        add_sum(sums, source_id, target_id, strtoull(sent + 6, NULL, 10));
        add_sum(sums, target_id, source_id, strtoull(received + 10, NULL, 10));
        lines = strchr(lines, '\n') + 1;
    }
}

static int compare_sums(const void *left, const void *right)
{
    const struct sum *a = left;
    const struct sum *b = right;
    int order = strcmp(a->sender, b->sender);
    return order != 0 ? order : strcmp(a->receiver, b->receiver);
}

/* The live graph and the sums as text, to be freed. */
static char *describe(struct recorder *recorder, struct sums *sums, int64_t now_epoch_s)
{
    struct vfl_strbuf text = VFL_STRBUF_INIT((size_t)1 << 24);
    if (vfl_topology_confirm_sent(recorder->topology, NULL) != VFL_OK)
        abort();
    vfl_topology_forget_sent(recorder->topology);
    vfl_strbuf_append_string(&text, recorder_emit(recorder, now_epoch_s));
    if (sums->count > 1)
        qsort(sums->items, sums->count, sizeof sums->items[0], compare_sums);
    for (size_t i = 0; i < sums->count; i++)
        vfl_strbuf_appendf(&text, "sum %s %s %" PRIu64 "\n", sums->items[i].sender,
                           sums->items[i].receiver, sums->items[i].bytes);
    return vfl_strbuf_take(&text);
}

/* ret_emitted: what one run of everything emits; ret_end: describe() after it. To be freed. */
static void run_once(const struct world *world, const size_t *order, bool is_split,
                     char **ret_emitted, char **ret_end)
{
    static struct sums sums;
    struct recorder recorder;
    start_instance(&recorder);
    sums.count = 0;
    if (is_split)
        fill_by_objects(world, order, world->count, &recorder.table);
    else
        for (size_t i = 0; i < world->count; i++)
            add_to(world, &world->records[order[i]], &recorder.table);
    (void)recorder_run(&recorder, NOW);
    struct vfl_strbuf counts = VFL_STRBUF_INIT((size_t)1 << 24);
    vfl_strbuf_append_string(&counts, vfl_strbuf_string(&recorder.text));
    for (unsigned i = 0; i < VFL_FLOW_OUTCOME_COUNT; i++)
        vfl_strbuf_appendf(&counts, "%s %" PRIu64 "\n", vfl_flow_outcome_name(i),
                           recorder.counts.records[i]);
    vfl_strbuf_appendf(&counts, "skipdata %" PRIu64 " of %" PRIu32 ", unknown %" PRIu32 "\n",
                       recorder.counts.skipdata_records, recorder.counts.skipdata_interfaces,
                       recorder.counts.unknown_interfaces);
    *ret_emitted = vfl_strbuf_take(&counts);
    add_traffic_lines(&sums, recorder_lines(&recorder, "traffic"));
    *ret_end = describe(&recorder, &sums, NOW + MAX_RUNS * 60);
    recorder_fini(&recorder);
}

static char *run_often(const struct world *world, const size_t *order)
{
    static struct sums sums;
    struct recorder recorder;
    unsigned run_count = 2 + below(MAX_RUNS - 1);
    static unsigned run_of[MAX_RECORDS];
    static size_t part[MAX_RECORDS];
    start_instance(&recorder);
    sums.count = 0;
    for (size_t i = 0; i < world->count; i++)
        run_of[i] = below(run_count);
    for (unsigned run = 0; run < run_count; run++) {
        size_t count = 0;
        for (size_t i = 0; i < world->count; i++)
            if (run_of[i] == run)
                part[count++] = order[i];
        fill_by_objects(world, part, count, &recorder.table);
        (void)recorder_run(&recorder, NOW + run * 60);
        add_traffic_lines(&sums, recorder_lines(&recorder, "traffic"));
    }
    char *end = describe(&recorder, &sums, NOW + MAX_RUNS * 60);
    recorder_fini(&recorder);
    return end;
}

static bool is_same(const char *a, const char *b, const char *what, uint64_t seed)
{
    if (strcmp(a, b) == 0)
        return true;
    /* From the start of the first line that differs. */
    size_t line = 0;
    for (size_t i = 0; a[i] == b[i]; i++)
        if (a[i] == '\n')
            line = i + 1;
    (void)fprintf(stderr, "seed %" PRIu64 ": %s differs\n%.*s\n%.*s\n", seed, what,
                  (int)strcspn(a + line, "\n"), a + line, (int)strcspn(b + line, "\n"), b + line);
    return false;
}

static bool check_round(struct world *world, uint64_t seed)
{
    static size_t order[MAX_RECORDS];
    random_state = seed;
    fill_world(world);
    char *emitted = NULL;
    char *end = NULL;
    for (size_t i = 0; i < world->count; i++)
        order[i] = i;
    run_once(world, order, false, &emitted, &end);
    bool is_ok = true;
    for (unsigned i = 0; i < 3 && is_ok; i++) {
        char *other_emitted = NULL;
        char *other_end = NULL;
        shuffle(order, world->count);
        run_once(world, order, i > 0, &other_emitted, &other_end);
        is_ok = is_same(emitted, other_emitted, "what another order emits", seed) &&
                is_same(end, other_end, "the graph of another order", seed);
        free(other_emitted);
        free(other_end);
    }
    for (unsigned i = 0; i < 2 && is_ok; i++) {
        shuffle(order, world->count);
        char *other_end = run_often(world, order);
        is_ok = is_same(end, other_end, "the end of several runs", seed);
        free(other_end);
    }
    free(emitted);
    free(end);
    return is_ok;
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
    if (seed == 0) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_REALTIME, &now);
        seed = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
    }
    uint64_t rounds = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
    struct world world = {.records = calloc(MAX_RECORDS, sizeof *world.records)};
    if (world.records == NULL)
        return EXIT_FAILURE;
    bool is_ok = true;
    uint64_t kept = 0;
    for (uint64_t i = 0; i < rounds && is_ok; i++) {
        is_ok = check_round(&world, seed + i);
        kept += world.count;
    }
    free(world.records);
    (void)printf("seeds %" PRIu64 "..%" PRIu64 ", %" PRIu64 " records: %s\n", seed,
                 seed + rounds - 1, kept, is_ok ? "same" : "DIFFERENT");
    return is_ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
