#include "core/topology/direction.h"

#include "tests/unit/run_suite.h"

START_TEST(ranks_ports_by_how_much_they_look_like_a_service)
{
    /* IANA: system ports end at 1023, dynamic ports start at 49152; Linux clients use 32768 up. */
    const struct {
        uint16_t port;
        unsigned rank;
    } table[] = {
        {0, 3},    {22, 3},    {443, 3},   {664, 3},   {665, 1},   {993, 3},
        {1023, 1}, {1024, 1},  {1194, 2},  {3306, 2},  {5432, 2},  {6379, 2},
        {8080, 2}, {8079, 1},  {27017, 2}, {28015, 2}, {28016, 1}, {9092, 2},
        {1193, 1}, {32767, 1}, {32768, 0}, {49152, 0}, {65535, 0},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_msg(vfl_port_rank(table[i].port) == table[i].rank, "port %u: rank %u",
                      table[i].port, vfl_port_rank(table[i].port));
}
END_TEST

START_TEST(names_the_evidence)
{
    ck_assert_str_eq(vfl_evidence_name(VFL_EVIDENCE_TCP_FLAGS), "tcp-flags");
    ck_assert_str_eq(vfl_evidence_name(VFL_EVIDENCE_PORT_COUNT), "port-count");
    ck_assert_str_eq(vfl_evidence_name(VFL_EVIDENCE_PORT), "port");
    ck_assert_str_eq(vfl_evidence_name(VFL_EVIDENCE_NONE), "unknown");
}
END_TEST

START_TEST(counts_distinct_peer_ports_up_to_eight)
{
    struct vfl_port_counts counts = {0};
    ck_assert_uint_eq(vfl_port_counts_find(&counts, 1, 6, 443), 0);
    vfl_port_counts_reset(&counts);
    for (uint16_t i = 1; i <= 12; i++) {
        ck_assert(vfl_port_counts_add(&counts, 1, 6, 443, (uint16_t)(40000 + i)));
        ck_assert(vfl_port_counts_add(&counts, 1, 6, 443, (uint16_t)(40000 + i)));
        ck_assert_uint_eq(vfl_port_counts_find(&counts, 1, 6, 443), i < 8 ? i : 8);
    }
    ck_assert_uint_eq(vfl_port_counts_find(&counts, 2, 6, 443), 0);
    ck_assert_uint_eq(vfl_port_counts_find(&counts, 1, 17, 443), 0);
    ck_assert_uint_eq(vfl_port_counts_find(&counts, 1, 6, 444), 0);
    vfl_port_counts_reset(&counts);
    ck_assert_uint_eq(vfl_port_counts_find(&counts, 1, 6, 443), 0);
    vfl_port_counts_fini(&counts);
    vfl_port_counts_fini(NULL);
}
END_TEST

START_TEST(port_counts_keep_many_keys_apart)
{
    struct vfl_port_counts counts = {0};
    vfl_port_counts_reset(&counts);
    for (uint32_t endpoint = 0; endpoint < 3000; endpoint++)
        for (uint16_t peer = 0; peer <= endpoint % 3; peer++)
            ck_assert(vfl_port_counts_add(&counts, endpoint, 6, 443, peer));
    for (uint32_t endpoint = 0; endpoint < 3000; endpoint++)
        ck_assert_uint_eq(vfl_port_counts_find(&counts, endpoint, 6, 443), endpoint % 3 + 1);
    vfl_port_counts_fini(&counts);
}
END_TEST

START_TEST(the_server_is_the_busier_port_then_the_one_that_looks_like_a_service)
{
    const struct {
        const char *name;
        struct vfl_port_view a, b;
        enum vfl_side server;
        enum vfl_evidence evidence;
    } table[] = {
        {"well-known against ephemeral", {443, 1}, {40000, 1}, VFL_SIDE_A, VFL_EVIDENCE_PORT},
        {"registered against lower unregistered",
         {5432, 1},
         {2000, 1},
         VFL_SIDE_A,
         VFL_EVIDENCE_PORT},
        {"well-known against registered", {8080, 1}, {80, 1}, VFL_SIDE_B, VFL_EVIDENCE_PORT},
        {"equal rank: the lower", {50000, 1}, {60000, 1}, VFL_SIDE_A, VFL_EVIDENCE_PORT},
        {"equal ports", {51820, 1}, {51820, 1}, VFL_SIDE_NEITHER, VFL_EVIDENCE_NONE},
        {"equal ports, one busier", {51820, 1}, {51820, 2}, VFL_SIDE_B, VFL_EVIDENCE_PORT_COUNT},
        {"two peers settle it", {50000, 1}, {60000, 2}, VFL_SIDE_B, VFL_EVIDENCE_PORT_COUNT},
        {"one peer each is no count", {50000, 1}, {60000, 1}, VFL_SIDE_A, VFL_EVIDENCE_PORT},
        {"equal counts are no count", {50000, 5}, {60000, 5}, VFL_SIDE_A, VFL_EVIDENCE_PORT},
        {"count and rank agree", {443, 8}, {40000, 1}, VFL_SIDE_A, VFL_EVIDENCE_PORT_COUNT},
        {"two peers do not settle it against the rank",
         {443, 1},
         {40000, 2},
         VFL_SIDE_A,
         VFL_EVIDENCE_PORT},
        {"a clear majority does", {2000, 1}, {40000, 3}, VFL_SIDE_B, VFL_EVIDENCE_PORT_COUNT},
        {"less than double does not", {2000, 3}, {40000, 5}, VFL_SIDE_A, VFL_EVIDENCE_PORT},
        {"double does", {2000, 3}, {40000, 6}, VFL_SIDE_B, VFL_EVIDENCE_PORT_COUNT},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        enum vfl_evidence evidence = VFL_EVIDENCE_TCP_FLAGS;
        enum vfl_side server = vfl_direction_server(table[i].a, table[i].b, &evidence);
        ck_assert_msg(server == table[i].server && evidence == table[i].evidence, "%s: %d %s",
                      table[i].name, (int)server, vfl_evidence_name(evidence));
        /* The other way round it is the other side. */
        enum vfl_side mirrored = table[i].server == VFL_SIDE_A   ? VFL_SIDE_B
                                 : table[i].server == VFL_SIDE_B ? VFL_SIDE_A
                                                                 : VFL_SIDE_NEITHER;
        server = vfl_direction_server(table[i].b, table[i].a, &evidence);
        ck_assert_msg(server == mirrored && evidence == table[i].evidence, "%s, mirrored",
                      table[i].name);
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        ranks_ports_by_how_much_they_look_like_a_service,
        names_the_evidence,
        counts_distinct_peer_ports_up_to_eight,
        port_counts_keep_many_keys_apart,
        the_server_is_the_busier_port_then_the_one_that_looks_like_a_service,
    };
    return RUN_SUITE("direction", cases);
}
