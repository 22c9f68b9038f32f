#include "core/aws/ec2.h"

#include <stdio.h>

#include "tests/fake/aws_bench.h"
#include "tests/unit/run_suite.h"

static void log_span(struct vfl_strbuf *log, const char *name, struct vfl_span span)
{
    if (span.ptr != NULL)
        vfl_strbuf_appendf(log, " %s=%.*s", name, (int)span.len, span.ptr);
}

static enum vfl_status record(void *ctx, const struct vfl_interface *interface,
                              struct vfl_error *err)
{
    struct vfl_strbuf *log = ctx;
    log_span(log, "id", interface->id);
    log_span(log, "vpc", interface->vpc_id);
    log_span(log, "subnet", interface->subnet_id);
    log_span(log, "region", interface->region);
    log_span(log, "type", interface->type);
    log_span(log, "description", interface->description);
    log_span(log, "requester", interface->requester_id);
    log_span(log, "owner", interface->owner_id);
    log_span(log, "attachment_owner", interface->attachment_owner_id);
    log_span(log, "instance", interface->attachment_instance_id);
    vfl_strbuf_appendf(log, " attached=%lld managed=%d", (long long)interface->attach_epoch_s,
                       interface->is_requester_managed);
    for (size_t i = 0; i < interface->address_count; i++) {
        log_span(log, interface->addresses[i].is_primary ? "primary" : "secondary",
                 interface->addresses[i].private_ip);
        log_span(log, "public", interface->addresses[i].public_ip);
        log_span(log, "carrier", interface->addresses[i].carrier_ip);
        log_span(log, "customer", interface->addresses[i].customer_owned_ip);
    }
    for (size_t i = 0; i < interface->ipv6_address_count; i++)
        log_span(log, "ipv6", interface->ipv6_addresses[i]);
    for (size_t i = 0; i < interface->prefix_count; i++)
        log_span(log, "prefix", interface->prefixes[i]);
    vfl_strbuf_append_char(log, '\n');
    return vfl_strbuf_check(log, "log", err);
}

#define FIRST_FORM "Action=DescribeNetworkInterfaces&Version=2016-11-15&MaxResults=1000"

START_TEST(interfaces_are_read_by_path_over_all_pages)
{
    struct aws_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
    struct vfl_error err = {0};
    aws_bench_expect_connect(&bench);
    struct scripted_exchange *first = aws_bench_expect(&bench, "POST /", 200, "ec2_page_1.xml");
    first->contains[0] = "\r\n\r\n" FIRST_FORM "&IncludeManagedResources=true";
    first->contains[1] = "/ap-southeast-1/ec2/aws4_request, SignedHeaders=content-type;host;"
                         "x-amz-content-sha256;x-amz-date;x-amz-security-token, ";
    first->lacks[0] = "NextToken";
    aws_bench_expect(&bench, "POST /", 200, "ec2_page_2.xml")->contains[0] =
        "&NextToken=to%2Bken%2F%3D";
    aws_bench_start(&bench);
    enum vfl_status st = vfl_ec2_describe_interfaces(
        bench.session, "ap-southeast-1", (struct vfl_interface_sink){record, &log}, &err);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
    /* 2012-07-01T21:45:27Z is 1341179127. */
    ck_assert_str_eq(
        vfl_strbuf_string(&log),
        " id=eni-0f62d866 vpc=vpc-cc3c87a5 subnet=subnet-c53c87ac region=ap-southeast-1 "
        "type=interface description=Primary <network> interface owner=053230519467 "
        "attachment_owner=053230519467 instance=i-22197876 attached=1341179127 managed=0 "
        "primary=10.0.0.146 public=203.0.113.12 carrier=198.51.100.1 "
        "secondary=10.0.0.148 public=203.0.113.13 customer=198.51.100.2 ipv6=2001:db8::1 "
        "prefix=10.0.1.16/28 prefix=2001:db8:0:0:1::/80\n"
        " id=eni-0nat vpc=vpc-cc3c87a5 region=ap-southeast-1 type=nat_gateway "
        "description=Interface for NAT Gateway nat-0123 requester=036872051663 "
        "attachment_owner=amazon-aws attached=0 managed=1\n");
    vfl_strbuf_fini(&log);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(faults_name_region_and_remedy)
{
    static const struct {
        int status;
        const char *body;
        unsigned attempts;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {403, "ec2_unauthorized.xml", 1, VFL_DENIED,
         "region eu-west-3: ec2:DescribeNetworkInterfaces denied for role " BENCH_ROLE_ARN
         ": add it to the role's policy"},
        {200, "portal.html", 2, VFL_RETRY, "region eu-west-3"},
        {503, NULL, 3, VFL_RETRY, "HTTP 503"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
        struct vfl_error err = {0};
        aws_bench_expect_connect(&bench);
        for (unsigned attempt = 0; attempt < rows[i].attempts; attempt++)
            aws_bench_expect(&bench, "POST /", rows[i].status, rows[i].body);
        aws_bench_start(&bench);
        enum vfl_status st = vfl_ec2_describe_interfaces(
            bench.session, "eu-west-3", (struct vfl_interface_sink){record, &log}, &err);
        ck_assert_msg(st == rows[i].expected, "%s", err.text);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s", err.text);
        ck_assert_str_eq(vfl_strbuf_string(&log), "");
        vfl_strbuf_fini(&log);
        aws_bench_finish(&bench);
    }
}
END_TEST

START_TEST(a_server_that_does_not_know_managed_resources_is_asked_without)
{
    struct aws_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
    aws_bench_expect_connect(&bench);
    aws_bench_expect(&bench, "POST /", 400, "ec2_unknown_parameter.xml");
    aws_bench_expect(&bench, "POST /", 200, "ec2_page_2.xml")->lacks[0] = "IncludeManaged";
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_ec2_describe_interfaces(bench.session, "eu-west-1",
                                                 (struct vfl_interface_sink){record, &log}, NULL),
                     VFL_OK);
    ck_assert_ptr_nonnull(strstr(vfl_strbuf_string(&log), "eni-0nat"));
    vfl_strbuf_fini(&log);
    aws_bench_finish(&bench);
}
END_TEST

START_TEST(pages_that_do_not_advance_end)
{
    struct aws_bench bench = {0};
    struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
    aws_bench_expect_connect(&bench);
    aws_bench_expect(&bench, "POST /", 200, "ec2_page_1.xml");
    aws_bench_expect(&bench, "POST /", 200, "ec2_page_1.xml");
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_ec2_describe_interfaces(bench.session, "eu-west-1",
                                                 (struct vfl_interface_sink){record, &log}, NULL),
                     VFL_RETRY);
    vfl_strbuf_fini(&log);
    aws_bench_finish(&bench);
}
END_TEST

/* 53: A, B, A, B, ...: no page names itself. */
START_TEST(pages_that_go_in_a_circle_end)
{
    for (unsigned length = 1; length <= 5; length++) {
        struct aws_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
        struct vfl_error err = {0};
        char pages[5][200];
        /* The circle is seen within it once the kept token is one of it and twice as old. */
        static const unsigned expected_pages[] = {2, 5, 8, 9, 14};
        aws_bench_expect_connect(&bench);
        for (unsigned i = 0; i < expected_pages[length - 1]; i++) {
            (void)snprintf(pages[i % length], sizeof pages[0],
                           "<DescribeNetworkInterfacesResponse><nextToken>t%u</nextToken>"
                           "</DescribeNetworkInterfacesResponse>",
                           i % length);
            aws_bench_expect(&bench, "POST /", 200, NULL)->body = pages[i % length];
        }
        aws_bench_start(&bench);
        ck_assert_int_eq(vfl_ec2_describe_interfaces(bench.session, "eu-west-1",
                                                     (struct vfl_interface_sink){record, &log},
                                                     &err),
                         VFL_RETRY);
        ck_assert_msg(strstr(err.text, "do not advance") != NULL, "%s", err.text);
        vfl_strbuf_fini(&log);
        aws_bench_finish(&bench);
    }
}
END_TEST

static enum vfl_status count_interface(void *ctx, const struct vfl_interface *interface,
                                       struct vfl_error *err)
{
    size_t *count = ctx;
    (void)interface;
    (void)err;
    ++*count;
    return VFL_OK;
}

/* 53: what a large region has. */
START_TEST(fifty_thousand_interfaces_come_over_fifty_pages)
{
    struct aws_bench bench = {0};
    struct vfl_strbuf pages[50];
    size_t count = 0;
    struct vfl_error err = {0};
    aws_bench_expect_connect(&bench);
    for (unsigned page = 0; page < 50; page++) {
        vfl_strbuf_init(&pages[page], 1u << 20);
        vfl_strbuf_append_string(&pages[page],
                                 "<DescribeNetworkInterfacesResponse><networkInterfaceSet>");
        for (unsigned i = 0; i < 1000; i++)
            vfl_strbuf_appendf(&pages[page],
                               "<item><networkInterfaceId>eni-%u</networkInterfaceId></item>",
                               page * 1000 + i);
        vfl_strbuf_append_string(&pages[page], "</networkInterfaceSet>");
        if (page < 49)
            vfl_strbuf_appendf(&pages[page], "<nextToken>t%u</nextToken>", page + 1);
        vfl_strbuf_append_string(&pages[page], "</DescribeNetworkInterfacesResponse>");
        aws_bench_expect(&bench, "POST /", 200, NULL)->body = vfl_strbuf_string(&pages[page]);
    }
    aws_bench_start(&bench);
    enum vfl_status st = vfl_ec2_describe_interfaces(
        bench.session, "eu-west-1", (struct vfl_interface_sink){count_interface, &count}, &err);
    ck_assert_msg(st == VFL_OK, "%s", err.text);
    ck_assert_uint_eq(count, 50000);
    aws_bench_finish(&bench);
    for (unsigned page = 0; page < 50; page++)
        vfl_strbuf_fini(&pages[page]);
}
END_TEST

#define PAGE(items, token)                                                                         \
    "<DescribeNetworkInterfacesResponse><networkInterfaceSet>" items "</networkInterfaceSet>"      \
    "<nextToken>" token "</nextToken></DescribeNetworkInterfacesResponse>"
#define ITEM(id, more) "<item><networkInterfaceId>" id "</networkInterfaceId>" more "</item>"

START_TEST(odd_pages_are_read_to_the_end)
{
    static const struct {
        const char *name, *pages[2], *log;
    } rows[] = {
        {"no interface", {PAGE("", "")}, ""},
        {"an empty page before the last",
         {PAGE("", "t"), PAGE(ITEM("eni-1", ""), "")},
         " id=eni-1 region=eu-west-1 attached=0 managed=0\n"},
        {"an interface without an id is left out",
         {PAGE(ITEM("", "<vpcId>vpc-1</vpcId>") ITEM("eni-2", ""), "")},
         " id=eni-2 region=eu-west-1 attached=0 managed=0\n"},
        {"unknown elements, an unknown type, a time that is none",
         {PAGE(ITEM("eni-3", "<new><vpcId>v</vpcId></new><interfaceType>warp</interfaceType>"
                             "<attachment><attachTime>soon</attachTime></attachment>"),
               "")},
         " id=eni-3 region=eu-west-1 type=warp attached=0 managed=0\n"},
        {"markup and line breaks in a description",
         {PAGE(ITEM("eni-4", "<description>&lt;b&gt;&#10;\"]}</description>"), "")},
         " id=eni-4 region=eu-west-1 description=<b>\n\"]} attached=0 managed=0\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_strbuf log = VFL_STRBUF_INIT(8192);
        struct vfl_error err = {0};
        aws_bench_expect_connect(&bench);
        for (size_t page = 0; page < 2 && rows[i].pages[page] != NULL; page++)
            aws_bench_expect(&bench, "POST /", 200, NULL)->body = rows[i].pages[page];
        aws_bench_start(&bench);
        enum vfl_status st = vfl_ec2_describe_interfaces(
            bench.session, "eu-west-1", (struct vfl_interface_sink){record, &log}, &err);
        ck_assert_msg(st == VFL_OK, "%s: %s", rows[i].name, err.text);
        ck_assert_msg(strcmp(vfl_strbuf_string(&log), rows[i].log) == 0, "%s: %s", rows[i].name,
                      vfl_strbuf_string(&log));
        vfl_strbuf_fini(&log);
        aws_bench_finish(&bench);
    }
}
END_TEST

static void repeat(struct vfl_strbuf *out, const char *text, size_t count)
{
    while (count-- > 0)
        vfl_strbuf_append_string(out, text);
}

START_TEST(what_one_page_can_hold_is_bounded)
{
    static const struct {
        const char *name, *before, *repeated, *after;
        size_t count;
        enum vfl_status expected;
    } rows[] = {
        {"1024 addresses", "<privateIpAddressesSet>", "<item/>", "</privateIpAddressesSet>", 1024,
         VFL_OK},
        {"1025 addresses", "<privateIpAddressesSet>", "<item/>", "</privateIpAddressesSet>", 1025,
         VFL_LIMIT},
        {"1025 IPv6 addresses", "<ipv6AddressesSet>", "<item><ipv6Address>::1</ipv6Address></item>",
         "</ipv6AddressesSet>", 1025, VFL_LIMIT},
        {"a description of 64 KiB", "<description>", "x", "</description>", 65536, VFL_OK},
        {"and one byte more", "<description>", "x", "</description>", 65537, VFL_LIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct aws_bench bench = {0};
        struct vfl_strbuf page = VFL_STRBUF_INIT(1u << 20), log = VFL_STRBUF_INIT(1u << 20);
        struct vfl_error err = {0};
        vfl_strbuf_append_string(&page, "<DescribeNetworkInterfacesResponse><networkInterfaceSet>"
                                        "<item><networkInterfaceId>e</networkInterfaceId>");
        vfl_strbuf_append_string(&page, rows[i].before);
        repeat(&page, rows[i].repeated, rows[i].count);
        vfl_strbuf_append_string(&page, rows[i].after);
        vfl_strbuf_append_string(
            &page, "</item></networkInterfaceSet></DescribeNetworkInterfacesResponse>");
        aws_bench_expect_connect(&bench);
        aws_bench_expect(&bench, "POST /", 200, NULL)->body = vfl_strbuf_string(&page);
        aws_bench_start(&bench);
        enum vfl_status st = vfl_ec2_describe_interfaces(
            bench.session, "eu-west-1", (struct vfl_interface_sink){record, &log}, &err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].name, err.text);
        ck_assert_uint_eq(log.len > 0, st == VFL_OK);
        aws_bench_finish(&bench);
        vfl_strbuf_fini(&page);
        vfl_strbuf_fini(&log);
    }
}
END_TEST

static enum vfl_status refuse(void *ctx, const struct vfl_interface *interface,
                              struct vfl_error *err)
{
    (void)ctx;
    (void)interface;
    return vfl_error_set(err, VFL_LIMIT, "directory is full");
}

START_TEST(a_sinks_failure_comes_back_unchanged)
{
    struct aws_bench bench = {0};
    struct vfl_error err = {0};
    aws_bench_expect_connect(&bench);
    aws_bench_expect(&bench, "POST /", 200, "ec2_page_1.xml");
    aws_bench_start(&bench);
    ck_assert_int_eq(vfl_ec2_describe_interfaces(bench.session, "eu-west-1",
                                                 (struct vfl_interface_sink){refuse, NULL}, &err),
                     VFL_LIMIT);
    ck_assert_str_eq(err.text, "directory is full");
    aws_bench_finish(&bench);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        interfaces_are_read_by_path_over_all_pages,
        faults_name_region_and_remedy,
        a_server_that_does_not_know_managed_resources_is_asked_without,
        pages_that_do_not_advance_end,
        pages_that_go_in_a_circle_end,
        fifty_thousand_interfaces_come_over_fifty_pages,
        odd_pages_are_read_to_the_end,
        what_one_page_can_hold_is_bounded,
        a_sinks_failure_comes_back_unchanged,
    };
    return RUN_SUITE("ec2", cases);
}
