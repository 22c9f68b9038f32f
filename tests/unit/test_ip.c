#include "core/flowlog/ip.h"

#include <stdlib.h>

#include "tests/unit/run_suite.h"

/* Parses a copy that ends where its allocation ends, so that ASan sees a read past the span. */
static bool parse(const char *text, struct vfl_ip *ret_ip)
{
    size_t len = strlen(text);
    char *exact = malloc(len > 0 ? len : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, text, len);
    bool ok = vfl_ip_parse((struct vfl_span){exact, len}, ret_ip);
    free(exact);
    return ok;
}

static struct vfl_ip ip_of(const char *text)
{
    struct vfl_ip ip = {0, 0};
    ck_assert_msg(parse(text, &ip), "%s should parse", text);
    return ip;
}

START_TEST(prints_the_canonical_text)
{
    /* RFC 5952 sections 1, 2 and 4, RFC 4291 section 2.2, and edge case 36. */
    static const struct {
        const char *input;
        const char *canonical;
    } rows[] = {
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:0db8::1:0:0:1", "2001:db8::1:0:0:1"},
        {"2001:db8:0:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:db8:0000:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:DB8:0:0:1::1", "2001:db8::1:0:0:1"},
        {"2001:db8:aaaa:bbbb:cccc:dddd:eeee:0001", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"},
        {"2001:db8:0:0:0:0:2:1", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
        {"ABCD:EF01:2345:6789:ABCD:EF01:2345:6789", "abcd:ef01:2345:6789:abcd:ef01:2345:6789"},
        {"2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"},
        {"FF01:0:0:0:0:0:0:101", "ff01::101"},
        {"0:0:0:0:0:0:0:1", "::1"},
        {"::13.1.68.3", "::d01:4403"},
        {"0:0:0:0:0:FFFF:129.144.52.38", "129.144.52.38"},
        {"::FFFF:129.144.52.38", "129.144.52.38"},
        {"::ffff:10.0.0.1", "10.0.0.1"},
        {"::ffff:a00:1", "10.0.0.1"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1::", "1::"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"fd00:ec2::254", "fd00:ec2::254"},
        {"0.0.0.0", "0.0.0.0"},
        {"255.255.255.255", "255.255.255.255"},
        {"172.31.16.139", "172.31.16.139"},
        {"::", "-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_ip ip = ip_of(rows[i].input);
        char text[VFL_IP_TEXT_SIZE];
        unsigned length = vfl_ip_format(ip, text);
        ck_assert_str_eq(text, rows[i].canonical);
        ck_assert_uint_eq(length, strlen(text));
        if (!vfl_ip_is_absent(ip))
            ck_assert(vfl_ip_equal(ip_of(text), ip));
    }
}
END_TEST

START_TEST(refuses_what_is_no_plain_address)
{
    static const char *const rows[] = {
        /* edge case 37: leading zeros, port, mask */
        "010.0.0.1", "10.00.0.1", "10.0.0.01", "10.0.0.1:80", "10.0.0.1/32", "10.0.0.0/8",
        /* other shapes of IPv4 */
        "", "-", "10", "10.0.0", "10.0.0.", "10.0.0.1.", ".10.0.0.1", "10..0.1", "10.0.0.256",
        "10.0.0.1000", "10.0.0.-1", "+10.0.0.1", " 10.0.0.1", "10.0.0.1 ", "0x10.0.0.1",
        "167772161", "10.0.0.1.2", "a.b.c.d", "4294967306.0.0.1",
        /* IPv6 */
        ":", ":::", "1", "1:", ":1", "1::2::3", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "12345::", "g::", "fe80::1%eth0", "[::1]",
        "::1/128", "::ffff:10.0.0.256", "::ffff:010.0.0.1", "1:2:3:4:5:6:7:10.0.0.1",
        "::10.0.0.1:1", "1:2:3:4:5:6:7:8:", "1:::2", "::ffff:10.0.0", "1:2:3:4:5:6:7:8::1",
        "0000:0000:0000:0000:0000:0000:0000:000000000001"};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_ip ip = {7, 9};
        ck_assert_msg(!parse(rows[i], &ip), "%s should be refused", rows[i]);
        ck_assert_msg(ip.hi == 7 && ip.lo == 9, "%s touched the result", rows[i]);
    }
    ck_assert(!vfl_ip_parse((struct vfl_span){NULL, 0}, &(struct vfl_ip){0, 0}));
}
END_TEST

START_TEST(holds_ipv4_in_its_mapped_form)
{
    ck_assert_uint_eq(ip_of("1.2.3.4").hi, 0);
    ck_assert_uint_eq(ip_of("1.2.3.4").lo, UINT64_C(0xffff01020304));
    ck_assert(vfl_ip_equal(vfl_ip_from_v4(0x01020304), ip_of("::ffff:1.2.3.4")));
    ck_assert(!vfl_ip_is_v4(ip_of("::1.2.3.4")));
    ck_assert(!vfl_ip_is_absent(ip_of("0.0.0.0")));
    ck_assert_int_lt(vfl_ip_compare(ip_of("9.255.255.255"), ip_of("10.0.0.0")), 0);
    ck_assert_int_lt(vfl_ip_compare(ip_of("255.255.255.255"), ip_of("2000::")), 0);
    ck_assert_int_gt(vfl_ip_compare(ip_of("2001:db8::2"), ip_of("2001:db8::1")), 0);
    ck_assert_int_eq(vfl_ip_compare(ip_of("2001:db8::1"), ip_of("2001:DB8::1")), 0);
}
END_TEST

START_TEST(classifies_at_the_exact_borders)
{
    static const struct {
        const char *address;
        enum vfl_ip_class class;
    } rows[] = {
        /* edge case 38 */
        {"0.0.0.0", VFL_IP_NOT_ENDPOINT},
        {"0.255.255.255", VFL_IP_NOT_ENDPOINT},
        {"1.0.0.0", VFL_IP_PUBLIC},
        {"126.255.255.255", VFL_IP_PUBLIC},
        {"127.0.0.0", VFL_IP_NOT_ENDPOINT},
        {"127.255.255.255", VFL_IP_NOT_ENDPOINT},
        {"128.0.0.0", VFL_IP_PUBLIC},
        {"169.253.255.255", VFL_IP_PUBLIC},
        {"169.254.0.0", VFL_IP_NOT_ENDPOINT},
        {"169.254.169.254", VFL_IP_NOT_ENDPOINT},
        {"169.254.255.255", VFL_IP_NOT_ENDPOINT},
        {"169.255.0.0", VFL_IP_PUBLIC},
        {"223.255.255.255", VFL_IP_PUBLIC},
        {"224.0.0.0", VFL_IP_NOT_ENDPOINT},
        {"239.255.255.255", VFL_IP_NOT_ENDPOINT},
        {"240.0.0.0", VFL_IP_NOT_ENDPOINT},
        {"255.255.255.255", VFL_IP_NOT_ENDPOINT},
        {"::1", VFL_IP_NOT_ENDPOINT},
        {"::2", VFL_IP_PUBLIC},
        {"fe7f:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_PUBLIC},
        {"fe80::", VFL_IP_NOT_ENDPOINT},
        {"febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_NOT_ENDPOINT},
        {"fec0::", VFL_IP_PUBLIC},
        {"feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_PUBLIC},
        {"ff00::", VFL_IP_NOT_ENDPOINT},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_NOT_ENDPOINT},
        /* RFC 1918 */
        {"9.255.255.255", VFL_IP_PUBLIC},
        {"10.0.0.0", VFL_IP_RFC1918},
        {"10.255.255.255", VFL_IP_RFC1918},
        {"11.0.0.0", VFL_IP_PUBLIC},
        {"172.15.255.255", VFL_IP_PUBLIC},
        {"172.16.0.0", VFL_IP_RFC1918},
        {"172.31.255.255", VFL_IP_RFC1918},
        {"172.32.0.0", VFL_IP_PUBLIC},
        {"192.167.255.255", VFL_IP_PUBLIC},
        {"192.168.0.0", VFL_IP_RFC1918},
        {"192.168.255.255", VFL_IP_RFC1918},
        {"192.169.0.0", VFL_IP_PUBLIC},
        {"::ffff:10.0.0.1", VFL_IP_RFC1918},
        /* edge case 39: RFC 6598; and RFC 4193 */
        {"100.63.255.255", VFL_IP_PUBLIC},
        {"100.64.0.0", VFL_IP_PRIVATE},
        {"100.127.255.255", VFL_IP_PRIVATE},
        {"100.128.0.0", VFL_IP_PUBLIC},
        {"fbff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_PUBLIC},
        {"fc00::", VFL_IP_PRIVATE},
        {"fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", VFL_IP_PRIVATE},
        {"fe00::", VFL_IP_PUBLIC},
        /* documentation ranges are ordinary public addresses */
        {"192.0.2.1", VFL_IP_PUBLIC},
        {"198.51.100.1", VFL_IP_PUBLIC},
        {"203.0.113.1", VFL_IP_PUBLIC},
        {"2001:db8::1", VFL_IP_PUBLIC},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int class = (int)vfl_ip_classify(ip_of(rows[i].address));
        ck_assert_msg(class == (int)rows[i].class, "%s has class %d", rows[i].address, class);
    }
    ck_assert_int_eq(vfl_ip_classify((struct vfl_ip){0, 0}), VFL_IP_NOT_ENDPOINT);
}
END_TEST

START_TEST(parses_prefixes_with_zero_host_bits)
{
    static const struct {
        const char *input;
        const char *address; /* NULL: refused */
        unsigned bits;
    } rows[] = {
        {"10.0.1.16/28", "10.0.1.16", 28},
        {"10.0.1.24/28", NULL, 0},
        {"0.0.0.0/0", "0.0.0.0", 0},
        {"10.0.0.1/32", "10.0.0.1", 32},
        {"10.0.0.1/33", NULL, 0},
        {"10.0.0.1/0", NULL, 0},
        {"10.0.0.0/08", NULL, 0},
        {"10.0.0.0/", NULL, 0},
        {"10.0.0.0", NULL, 0},
        {"10.0.0.0/8/8", NULL, 0},
        {"10.0.0.0/8 ", NULL, 0},
        {"10.0.0.0/+8", NULL, 0},
        {"/8", NULL, 0},
        {"2600:1f14:e14:1200:9ab::/80", "2600:1f14:e14:1200:9ab::", 80},
        {"2600:1f14:e14:1200:9ab:1::/80", NULL, 0},
        {"2001:db8::/64", "2001:db8::", 64},
        {"2001:db8::1/128", "2001:db8::1", 128},
        {"2001:db8::1/129", NULL, 0},
        {"2001:db8::1/1280", NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_ip ip = {7, 9};
        unsigned bits = 7;
        bool ok = vfl_ip_prefix_parse(vfl_span_from_string(rows[i].input), &ip, &bits);
        ck_assert_msg(ok == (rows[i].address != NULL), "%s", rows[i].input);
        if (ok) {
            ck_assert(vfl_ip_equal(ip, ip_of(rows[i].address)));
            ck_assert_uint_eq(bits, rows[i].bits);
        } else {
            ck_assert(ip.hi == 7 && ip.lo == 9 && bits == 7);
        }
    }
    ck_assert(
        !vfl_ip_prefix_parse((struct vfl_span){NULL, 0}, &(struct vfl_ip){0, 0}, &(unsigned){0}));
}
END_TEST

START_TEST(prefix_membership_is_exact_and_per_family)
{
    static const struct {
        const char *address;
        const char *prefix;
        unsigned bits;
        bool is_inside;
    } rows[] = {
        {"10.0.1.15", "10.0.1.16", 28, false},
        {"10.0.1.16", "10.0.1.16", 28, true},
        {"10.0.1.31", "10.0.1.16", 28, true},
        {"10.0.1.32", "10.0.1.16", 28, false},
        {"255.1.2.3", "0.0.0.0", 0, true},
        {"2001:db8::1", "0.0.0.0", 0, false},
        {"10.0.0.1", "2001:db8::", 0, false},
        {"10.0.0.1", "10.0.0.1", 33, false},
        {"2600::1:ffff:ffff:ffff", "2600::1:0:0:0", 80, true},
        {"2600::2:0:0:0", "2600::1:0:0:0", 80, false},
        {"2001:db8::", "2001:db8::", 64, true},
        {"2001:db8:0:1::", "2001:db8::", 64, false},
        {"2001:db8::1", "2001:db8::", 127, true},
        {"2001:db8::2", "2001:db8::", 127, false},
        {"2001:db8::1", "2001:db8::", 128, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        ck_assert_msg(vfl_ip_in_prefix(ip_of(rows[i].address), ip_of(rows[i].prefix),
                                       rows[i].bits) == rows[i].is_inside,
                      "%s in %s/%u", rows[i].address, rows[i].prefix, rows[i].bits);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        prints_the_canonical_text,           refuses_what_is_no_plain_address,
        holds_ipv4_in_its_mapped_form,       classifies_at_the_exact_borders,
        parses_prefixes_with_zero_host_bits, prefix_membership_is_exact_and_per_family,
    };
    return RUN_SUITE("ip", cases);
}
