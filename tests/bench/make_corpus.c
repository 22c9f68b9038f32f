/* Writes a bucket of the directory store full of flow-log objects, the same for the same arguments.
 *
 * Traffic as AWS logs it: each direction of a connection is one record of the sender's interface
 * and, with the same numbers, one of the receiver's. So the bytes that must come out are the sum
 * over the senders' records, which expected.json holds. Pairs are drawn as in real networks: a few
 * services have most of the clients.
 *
 * A file has an interface's records together, in random order among themselves;
 * --order shuffled mixes all, which unpacks slower and misses every cache. */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <zlib.h>

#include "tests/random.h"

#define ACCOUNT "120431062118"
#define REGION "eu-west-1"
#define VPC "vpc-0305206adbbda9918"
#define FLOW_LOG "fl-0a1b2c3d4e5f60718"
#define V2_HEADER                                                                                  \
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes "      \
    "start end action log-status"
#define V5_HEADER                                                                                  \
    V2_HEADER " vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr region "       \
              "az-id sublocation-type sublocation-id pkt-src-aws-service pkt-dst-aws-service "     \
              "flow-direction traffic-path"
#define START_EPOCH_S 1624348020u
#define VIEWS 4 /* records of a connection: two directions, each from both ends */
#define MAX_PATH 1024

enum format { FORMAT_V2, FORMAT_V5, FORMAT_IPV6 };

struct options {
    const char *folder;
    uint32_t object_count, record_count, interface_count, pair_count, seed;
    enum format format;
    bool is_shuffled, is_plain;
};

struct interface {
    char id[24], instance_id[24], subnet_id[28];
    char ipv4[48], ipv6[80];
    char az;
};

struct pair {
    uint32_t client, server; /* positions in interfaces */
};

struct connection {
    uint32_t pair;
    uint16_t ephemeral_port;
    uint32_t start_epoch_s, end_epoch_s;
    uint32_t packets[2]; /* of the client, of the server */
    uint64_t bytes[2];
};

struct corpus {
    struct options options;
    struct interface *interfaces;
    struct pair *pairs;
    /* of the object being written */
    struct connection *connections;
    uint32_t *records; /* connection * VIEWS + view, in the order of the file */
    uint32_t *unsorted;
    uint32_t *starts; /* per interface, for sorting */
    uint64_t expected_bytes;
};

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "make_corpus: ");
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *allocate(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        fail("no memory for %zu times %zu bytes", count, size);
    return memory;
}

static uint32_t below(uint64_t *state, uint32_t bound)
{
    return (uint32_t)((random_next(state) >> 32) * bound >> 32);
}

static void make_interfaces(struct corpus *corpus)
{
    uint32_t count = corpus->options.interface_count;
    uint64_t state = corpus->options.seed;
    corpus->interfaces = allocate(count, sizeof *corpus->interfaces);
    for (uint32_t i = 0; i < count; i++) {
        struct interface *one = &corpus->interfaces[i];
        uint64_t id = random_next(&state), host = random_next(&state);
        snprintf(one->id, sizeof one->id, "eni-0%016" PRIx64, id);
        snprintf(one->instance_id, sizeof one->instance_id, "i-0%016" PRIx64, random_next(&state));
        snprintf(one->subnet_id, sizeof one->subnet_id, "subnet-0%016x", 0xa1b2c3d4u + i / 250);
        snprintf(one->ipv4, sizeof one->ipv4, "10.%u.%u.%u", 16 + i / 62500, i / 250 % 250,
                 i % 250 + 4);
        snprintf(one->ipv6, sizeof one->ipv6, "2a05:d018:a1b:%x:%x:%x:%x:%x", 0x3c00 + i / 250,
                 (unsigned)(host >> 48) | 1u, (unsigned)(host >> 32 & 0xffff) | 1u,
                 (unsigned)(host >> 16 & 0xffff) | 1u, (unsigned)(host & 0xffff) | 1u);
        one->az = (char)('a' + i / 250 % 3);
    }
}

/* Distinct as unordered pairs, because a pair's two directions are one relation. */
static void make_pairs(struct corpus *corpus)
{
    uint32_t count = corpus->options.pair_count, interfaces = corpus->options.interface_count;
    uint32_t servers = interfaces / 10 > 1 ? interfaces / 10 : 2;
    if ((uint64_t)count > (uint64_t)interfaces * servers / 3)
        fail("%u interfaces are too few for %u pairs", interfaces, count);
    uint64_t state = corpus->options.seed + 1;
    unsigned char *is_taken = allocate((size_t)interfaces * servers, 1);
    corpus->pairs = allocate(count, sizeof *corpus->pairs);
    for (uint32_t i = 0; i < count;) {
        double skewed = (double)(random_next(&state) >> 11) / 9007199254740992.0;
        uint32_t server = (uint32_t)(servers * skewed * skewed);
        uint32_t client = below(&state, interfaces);
        if (client == server || is_taken[(size_t)client * servers + server])
            continue;
        is_taken[(size_t)client * servers + server] = 1;
        if (client < servers)
            is_taken[(size_t)server * servers + client] = 1;
        corpus->pairs[i++] = (struct pair){client, server};
    }
    free(is_taken);
}

/* Every pair is met once before any is met again, so that their number is exact. */
static void make_connections(struct corpus *corpus, uint32_t object)
{
    uint32_t count = corpus->options.record_count / VIEWS;
    uint64_t state = corpus->options.seed + 100 + object;
    for (uint32_t i = 0; i < count; i++) {
        struct connection *one = &corpus->connections[i];
        uint64_t number = (uint64_t)object * count + i;
        one->pair = number < corpus->options.pair_count ? (uint32_t)number
                                                        : below(&state, corpus->options.pair_count);
        one->ephemeral_port = (uint16_t)(32768 + below(&state, 28232));
        one->start_epoch_s = START_EPOCH_S + below(&state, 240);
        one->end_epoch_s = one->start_epoch_s + 1 + below(&state, 59);
        for (int side = 0; side < 2; side++) {
            one->packets[side] = 1 + below(&state, 199);
            one->bytes[side] = (uint64_t)one->packets[side] * (52 + below(&state, 1348));
            corpus->expected_bytes += one->bytes[side];
        }
    }
}

static uint32_t reporter_of(const struct corpus *corpus, uint32_t record)
{
    const struct pair *pair = &corpus->pairs[corpus->connections[record / VIEWS].pair];
    return record % 2 == 0 ? pair->client : pair->server;
}

static void order_records(struct corpus *corpus, uint32_t object)
{
    uint32_t count = corpus->options.record_count, interfaces = corpus->options.interface_count;
    uint64_t state = corpus->options.seed + 1000000 + object;
    uint32_t *shuffled = corpus->options.is_shuffled ? corpus->records : corpus->unsorted;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t other = below(&state, i + 1);
        shuffled[i] = shuffled[other];
        shuffled[other] = i;
    }
    if (corpus->options.is_shuffled)
        return;
    memset(corpus->starts, 0, (interfaces + 1) * sizeof *corpus->starts);
    for (uint32_t i = 0; i < count; i++)
        corpus->starts[reporter_of(corpus, i) + 1]++;
    for (uint32_t i = 0; i < interfaces; i++)
        corpus->starts[i + 1] += corpus->starts[i];
    for (uint32_t i = 0; i < count; i++)
        corpus->records[corpus->starts[reporter_of(corpus, shuffled[i])]++] = shuffled[i];
}

static size_t format_record(const struct corpus *corpus, uint32_t record, char *line, size_t room)
{
    static const unsigned ports[] = {443, 80, 5432, 6379, 3306, 9092, 8080, 53};
    const struct connection *one = &corpus->connections[record / VIEWS];
    const struct pair *pair = &corpus->pairs[one->pair];
    enum format format = corpus->options.format;
    int side = record % VIEWS / 2; /* who sends: the client, the server */
    const struct interface *from = &corpus->interfaces[side == 0 ? pair->client : pair->server];
    const struct interface *to = &corpus->interfaces[side == 0 ? pair->server : pair->client];
    const struct interface *reporter = &corpus->interfaces[reporter_of(corpus, record)];
    const char *source = format == FORMAT_IPV6 ? from->ipv6 : from->ipv4;
    const char *target = format == FORMAT_IPV6 ? to->ipv6 : to->ipv4;
    unsigned service = ports[pair->server % (sizeof ports / sizeof ports[0])];
    unsigned source_port = side == 0 ? one->ephemeral_port : service;
    unsigned target_port = side == 0 ? service : one->ephemeral_port;
    int length = snprintf(
        line, room, "%d " ACCOUNT " %s %s %s %u %u 6 %u %" PRIu64 " %u %u ACCEPT OK",
        format == FORMAT_V5 ? 5 : 2, reporter->id, source, target, source_port, target_port,
        one->packets[side], one->bytes[side], one->start_epoch_s, one->end_epoch_s);
    if (format == FORMAT_V5)
        length +=
            snprintf(line + length, room - (size_t)length,
                     " " VPC " %s %s %d IPv4 %s %s " REGION " euw1-az%d - - - - %s",
                     reporter->subnet_id, reporter->instance_id, side == 0 ? 3 : 19, source, target,
                     reporter->az - 'a' + 1, reporter == from ? "egress 1" : "ingress -");
    line[length] = '\n';
    return (size_t)length + 1;
}

static void write_object(struct corpus *corpus, const char *day, uint32_t object)
{
    char path[MAX_PATH], line[1024];
    snprintf(path, sizeof path,
             "%s/" ACCOUNT "_vpcflowlogs_" REGION "_" FLOW_LOG "_20210622T0745Z_%08x.log.gz", day,
             object);
    make_connections(corpus, object);
    order_records(corpus, object);
    gzFile out = gzopen(path, corpus->options.is_plain ? "wbT" : "wb6");
    if (out == NULL)
        fail("%s: %s", path, strerror(errno));
    const char *header = corpus->options.format == FORMAT_V5 ? V5_HEADER "\n" : V2_HEADER "\n";
    bool is_written = gzputs(out, header) > 0;
    for (uint32_t i = 0; i < corpus->options.record_count && is_written; i++) {
        size_t length = format_record(corpus, corpus->records[i], line, sizeof line);
        is_written = gzwrite(out, line, (unsigned)length) > 0;
    }
    if (gzclose(out) != Z_OK || !is_written)
        fail("%s could not be written", path);
}

static void make_folders(const char *path)
{
    char part[MAX_PATH];
    for (const char *end = strchr(path + 1, '/');; end = strchr(end + 1, '/')) {
        size_t length = end == NULL ? strlen(path) : (size_t)(end - path);
        snprintf(part, sizeof part, "%.*s", (int)length, path);
        if (mkdir(part, 0777) != 0 && errno != EEXIST)
            fail("%s: %s", part, strerror(errno));
        if (end == NULL)
            return;
    }
}

static FILE *open_text(const struct corpus *corpus, const char *name)
{
    char path[MAX_PATH];
    snprintf(path, sizeof path, "%s/%s", corpus->options.folder, name);
    FILE *out = fopen(path, "w");
    if (out == NULL)
        fail("%s: %s", path, strerror(errno));
    return out;
}

static void close_text(FILE *out)
{
    bool is_bad = ferror(out) != 0;
    if (fclose(out) != 0 || is_bad)
        fail("a file could not be written: %s", strerror(errno));
}

static void write_interfaces(const struct corpus *corpus)
{
    FILE *out = open_text(corpus, "interfaces.json");
    fputs("{\"NetworkInterfaces\": [", out);
    for (uint32_t i = 0; i < corpus->options.interface_count; i++) {
        const struct interface *one = &corpus->interfaces[i];
        fprintf(out,
                "%s{\"NetworkInterfaceId\": \"%s\", \"VpcId\": \"" VPC "\", \"PrivateIpAddress\": "
                "\"%s\", \"AvailabilityZone\": \"" REGION "%c\", \"Description\": \"\", "
                "\"InterfaceType\": \"interface\", \"OwnerId\": \"" ACCOUNT "\", "
                "\"RequesterManaged\": false, \"Status\": \"in-use\", \"Ipv6Addresses\": "
                "[{\"Ipv6Address\": \"%s\"}], \"PrivateIpAddresses\": [{\"PrivateIpAddress\": "
                "\"%s\", \"Primary\": true}]}",
                i == 0 ? "" : ",\n", one->id, one->ipv4, one->az, one->ipv6, one->ipv4);
    }
    fputs("]}\n", out);
    close_text(out);
}

static void write_expected(const struct corpus *corpus)
{
    const struct options *options = &corpus->options;
    uint64_t records = (uint64_t)options->object_count * options->record_count;
    uint64_t pairs = records / VIEWS < options->pair_count ? records / VIEWS : options->pair_count;
    FILE *out = open_text(corpus, "expected.json");
    fprintf(out, "{\"bytes\": %" PRIu64 ", \"records\": %" PRIu64 ", \"pairs\": %" PRIu64 "}\n",
            corpus->expected_bytes, records, pairs);
    close_text(out);
}

static void make_corpus(const struct options *options)
{
    struct corpus corpus = {.options = *options};
    char day[MAX_PATH - 128];
    snprintf(day, sizeof day, "%s/flow-logs/AWSLogs/" ACCOUNT "/vpcflowlogs/" REGION "/2021/06/22",
             options->folder);
    make_folders(day);
    make_interfaces(&corpus);
    make_pairs(&corpus);
    write_interfaces(&corpus);
    corpus.connections = allocate(options->record_count / VIEWS, sizeof *corpus.connections);
    corpus.records = allocate(options->record_count, sizeof *corpus.records);
    corpus.unsorted = allocate(options->record_count, sizeof *corpus.unsorted);
    corpus.starts = allocate(options->interface_count + 1, sizeof *corpus.starts);
    for (uint32_t object = 0; object < options->object_count; object++)
        write_object(&corpus, day, object);
    write_expected(&corpus);
    free(corpus.interfaces);
    free(corpus.pairs);
    free(corpus.connections);
    free(corpus.records);
    free(corpus.unsorted);
    free(corpus.starts);
}

static bool parse_number(const char *text, uint32_t *ret_number)
{
    uint32_t number = 0;
    for (; *text >= '0' && *text <= '9' && number <= 100000000; text++)
        number = number * 10 + (uint32_t)(*text - '0');
    if (*text != '\0')
        return false;
    *ret_number = number;
    return true;
}

static bool parse_option(struct options *options, const char *name, const char *value)
{
    if (strcmp(name, "--objects") == 0)
        return parse_number(value, &options->object_count);
    if (strcmp(name, "--records") == 0)
        return parse_number(value, &options->record_count) && options->record_count > 0 &&
               options->record_count % VIEWS == 0;
    if (strcmp(name, "--interfaces") == 0)
        return parse_number(value, &options->interface_count) && options->interface_count >= 20;
    if (strcmp(name, "--pairs") == 0)
        return parse_number(value, &options->pair_count) && options->pair_count > 0;
    if (strcmp(name, "--seed") == 0)
        return parse_number(value, &options->seed);
    if (strcmp(name, "--format") == 0) {
        static const char *const names[] = {"v2", "v5", "ipv6"};
        for (int i = FORMAT_V2; i <= FORMAT_IPV6; i++)
            if (strcmp(value, names[i]) == 0) {
                options->format = (enum format)i;
                return true;
            }
        return false;
    }
    if (strcmp(name, "--order") == 0) {
        options->is_shuffled = strcmp(value, "shuffled") == 0;
        return options->is_shuffled || strcmp(value, "grouped") == 0;
    }
    if (strcmp(name, "--stored") == 0) {
        options->is_plain = strcmp(value, "plain") == 0;
        return options->is_plain || strcmp(value, "gzip") == 0;
    }
    return false;
}

int main(int argc, char **argv)
{
    struct options options = {
        .object_count = 1, .record_count = 600000, .interface_count = 2000, .pair_count = 99069};
    bool is_usable = argc >= 2 && argc % 2 == 0 && strlen(argv[1]) < MAX_PATH / 2;
    for (int i = 2; i + 1 < argc && is_usable; i += 2)
        is_usable = parse_option(&options, argv[i], argv[i + 1]);
    if (!is_usable) {
        fputs("usage: make_corpus FOLDER [--objects N] [--records N] [--interfaces N] [--pairs N]\n"
              "           [--format v2|v5|ipv6] [--order grouped|shuffled] [--stored gzip|plain]\n"
              "           [--seed N]\n"
              "Records are per object and a multiple of 4: two directions, each from both ends.\n",
              stderr);
        return 2;
    }
    options.folder = argv[1];
    make_corpus(&options);
    return 0;
}
