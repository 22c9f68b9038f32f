#include "examples/explain/community_id.h"

#include "tests/unit/run_suite.h"

static struct vfl_ip ip_of(const char *text)
{
    struct vfl_ip ip = {0, 0};
    ck_assert(vfl_ip_parse(vfl_span_from_string(text), &ip));
    return ip;
}

struct row {
    uint8_t protocol;
    const char *src, *dst;
    uint16_t src_port, dst_port; /* of ICMP: type and code */
    const char *expected;
};

static void check(const struct row *row)
{
    char id[VFL_COMMUNITY_ID_SIZE];
    struct vfl_flow_tuple tuple = {ip_of(row->src), ip_of(row->dst), row->protocol, row->src_port,
                                   row->dst_port};
    ck_assert_int_eq(vfl_community_id(&tuple, id, NULL), VFL_OK);
    ck_assert_str_eq(id, row->expected);
}

/* corelight/community-id-spec, baseline/baseline_deflt.json; there ICMP's codes are replaced by the
 * types' counterparts already. */
START_TEST(matches_the_baseline_of_the_specification)
{
    static const struct row rows[] = {
        {6, "128.232.110.120", "66.35.250.204", 34855, 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {6, "66.35.250.204", "128.232.110.120", 80, 34855, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {17, "192.168.1.52", "8.8.8.8", 54585, 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {17, "8.8.8.8", "192.168.1.52", 53, 54585, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {132, "192.168.170.8", "192.168.170.56", 7, 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="},
        {6, "2001:470:e5bf:dead:4957:2174:e82c:4887", "2607:f8b0:400c:c03::1a", 63943, 25,
         "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4="},
        /* both directions of an echo */
        {1, "192.168.0.89", "192.168.0.1", 8, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {1, "192.168.0.1", "192.168.0.89", 0, 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        /* no counterpart: type and code, in the order of the packet */
        {1, "10.0.0.1", "10.0.0.2", 11, 0, "1:YHxtAirCG//0OzkcVAukqKQN9xM="},
        {58, "3ffe:501:1800:2345::2", "3ffe:507:0:1:200:86ff:fe05:80da", 3, 0,
         "1:2ObVBgIn28oZvibYZhZMBgh7WdQ="},
        {58, "3ffe:501:410:0:2c0:dfff:fe47:33e", "3ffe:507:0:1:200:86ff:fe05:80da", 1, 4,
         "1:hLZd0XGWojozrvxqE0dWB1iM6R0="},
        {58, "fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0,
         "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {58, "fe80::260:97ff:fe07:69ea", "fe80::200:86ff:fe05:80da", 136, 0,
         "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {58, "3ffe:507:0:1:200:86ff:fe05:80da", "3ffe:501:0:1001::2", 128, 0,
         "1:+TW+HtLHvV1xnGhV1lv7XoJrqQg="},
        {58, "fe80::200:86ff:fe05:80da", "ff02::2", 133, 0, "1:hO+sN4H+MG5MY/8hIrXPqc4ZQz0="},
        /* a protocol without ports, whatever they are */
        {46, "10.1.12.1", "10.1.12.2", 0, 0, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
        {46, "10.1.12.2", "10.1.12.1", 1, 2, "1:KHlLkgoJW7ifUTyTSgyVfkFHzKw="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}
END_TEST

/* The answer to a message without a counterpart is another flow: SHA-1 of the bytes in the order of
 * the packet, by Python's hashlib. */
START_TEST(keeps_the_order_of_what_has_no_counterpart)
{
    static const struct row row = {1,  "10.0.0.2", "10.0.0.1",
                                   11, 0,          "1:c5iqfdGYsNWhMJVcYXWPNWbpnKs="};
    check(&row);
}
END_TEST

/* The example events of Elastic's "aws" integration, data stream vpcflow. */
START_TEST(matches_the_events_of_the_integration)
{
    static const struct row rows[] = {
        /* one address on both sides: the ports decide the order */
        {6, "89.160.20.156", "89.160.20.156", 20641, 22, "1:CEGBlG6oEeW2Y5LLdr9GONITz00="},
        {6, "89.160.20.156", "89.160.20.156", 49761, 3389, "1:va8LK/uEqYpj4NoZ9/5WRLio5rs="},
        {6, "89.160.20.156", "10.0.0.62", 43416, 5001, "1:dF5WY79X1yVncj+yH8q27Q5Bnpk="},
        {17, "89.160.20.156", "10.200.0.0", 50041, 33004, "1:+zLdyx7gcy2L5ERP4Je5AZMgl3A="},
        /* flow logs tell neither type nor code */
        {1, "89.160.20.156", "172.31.16.139", 0, 0, "1:cttDCHp3UNR8SFNTOgVYpAceHf4="},
        {1, "172.31.16.139", "89.160.20.156", 0, 0, "1:XiVZKra6oEtIAPBi9QgeQL4Hp6M="},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(&rows[i]);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        matches_the_baseline_of_the_specification,
        keeps_the_order_of_what_has_no_counterpart,
        matches_the_events_of_the_integration,
    };
    return RUN_SUITE("community_id", cases);
}
