#include "core/topology/interfaces.h"

#include <stdio.h>

#include "tests/recorder/recorder.h"
#include "tests/unit/run_suite.h"

#define NOW INT64_C(1700000000)

static struct vfl_ip ip_of(const char *text)
{
    struct vfl_ip ip = {0};
    ck_assert_msg(vfl_ip_parse(vfl_span_from_string(text), &ip), "%s", text);
    return ip;
}

/* The id of the owner, or "-". */
static const char *owner_of(const struct vfl_interfaces *directory, const char *vpc_id,
                            const char *address, int64_t at_epoch_s)
{
    struct vfl_address_owner owner;
    uint32_t vpc = vfl_tokens_find(&directory->tokens, vfl_span_from_string(vpc_id));
    if (!vfl_interfaces_find_owner(directory, vpc, ip_of(address), at_epoch_s, &owner))
        return "-";
    return vfl_tokens_text(&directory->tokens, owner.interface->id);
}

START_TEST(finds_interfaces_by_id_and_owners_by_every_kind_of_address)
{
    const struct recorder_interface known[] = {
        {.id = "eni-a",
         .vpc_id = "vpc-1",
         .region = "eu-west-1",
         .primary = "10.0.0.1",
         .public_ip = "52.1.1.1",
         .secondary = "10.0.0.101",
         .secondary_public_ip = "52.1.1.2",
         .ipv6 = "2600:1::A",
         .prefix = "10.0.1.16/28",
         .attach_epoch_s = 1600000000},
        {.id = "eni-b", .vpc_id = "vpc-1", .ipv6 = "2600:1::b", .prefix = "2600:1:0:0:5::/80"},
    };
    const struct {
        const char *address;
        const char *owner;
        enum vfl_address_kind kind;
    } table[] = {
        {"10.0.0.1", "eni-a", VFL_ADDRESS_PRIMARY},
        {"10.0.0.101", "eni-a", VFL_ADDRESS_SECONDARY},
        {"2600:1::a", "eni-a", VFL_ADDRESS_IPV6},
        {"::ffff:10.0.0.1", "eni-a", VFL_ADDRESS_PRIMARY},
        {"10.0.1.15", "-", 0},
        {"10.0.1.16", "eni-a", VFL_ADDRESS_PREFIX},
        {"10.0.1.31", "eni-a", VFL_ADDRESS_PREFIX},
        {"10.0.1.32", "-", 0},
        {"2600:1:0:0:5:ffff:ffff:ffff", "eni-b", VFL_ADDRESS_PREFIX},
        {"2600:1:0:0:6::", "-", 0},
        {"52.1.1.1", "-", 0},
    };
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW, known, 2);
    const struct vfl_known_interface *a =
        vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-a"));
    ck_assert_ptr_nonnull(a);
    ck_assert_str_eq(vfl_tokens_text(&directory.tokens, a->vpc_id), "vpc-1");
    ck_assert_str_eq(vfl_tokens_text(&directory.tokens, a->region), "eu-west-1");
    ck_assert(vfl_ip_equal(a->primary, ip_of("10.0.0.1")));
    ck_assert_int_eq(a->attach_epoch_s, 1600000000);
    const struct vfl_known_interface *b =
        vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-b"));
    ck_assert(vfl_ip_is_absent(b->primary));
    ck_assert_ptr_null(vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-c")));
    uint32_t vpc = vfl_tokens_find(&directory.tokens, VFL_SPAN_LITERAL("vpc-1"));
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct vfl_address_owner owner = {0};
        bool is_owned =
            vfl_interfaces_find_owner(&directory, vpc, ip_of(table[i].address), NOW, &owner);
        ck_assert_msg(
            strcmp(owner_of(&directory, "vpc-1", table[i].address, NOW), table[i].owner) == 0, "%s",
            table[i].address);
        if (is_owned)
            ck_assert_msg(owner.address->kind == table[i].kind, "%s", table[i].address);
    }
    struct vfl_address_owner owner;
    ck_assert(vfl_interfaces_find_owner(&directory, vpc, ip_of("10.0.0.101"), NOW, &owner));
    ck_assert(vfl_ip_equal(owner.address->public_ips[0], ip_of("52.1.1.2")));
    ck_assert(vfl_ip_is_absent(owner.address->public_ips[1]));
    ck_assert(
        !vfl_interfaces_find_owner(&directory, VFL_TOKEN_ABSENT, ip_of("10.0.0.1"), NOW, &owner));
    vfl_interfaces_fini(&directory);
    vfl_interfaces_fini(NULL);
}
END_TEST

START_TEST(counts_the_vpcs_that_own_an_address)
{
    const struct recorder_interface known[] = {
        {.id = "eni-1", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
        {.id = "eni-2", .vpc_id = "vpc-2", .primary = "10.0.0.1"},
        {.id = "eni-3", .vpc_id = "vpc-2", .primary = "10.0.0.2", .prefix = "10.0.1.16/28"},
        {.id = "eni-4", .vpc_id = "vpc-2", .primary = "10.0.0.2"},
        {.id = "eni-5", .vpc_id = "vpc-3", .primary = "10.0.1.17"},
    };
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW, known, 5);
    uint32_t vpc_id = 77;
    ck_assert_uint_eq(vfl_interfaces_find_vpcs(&directory, ip_of("10.0.0.9"), 0, &vpc_id), 0);
    ck_assert_uint_eq(vpc_id, 77);
    ck_assert_uint_eq(vfl_interfaces_find_vpcs(&directory, ip_of("10.0.0.2"), 0, &vpc_id), 1);
    ck_assert_str_eq(vfl_tokens_text(&directory.tokens, vpc_id), "vpc-2");
    ck_assert_uint_eq(vfl_interfaces_find_vpcs(&directory, ip_of("10.0.0.1"), 0, &vpc_id), 2);
    ck_assert_uint_eq(vfl_interfaces_find_vpcs(&directory, ip_of("10.0.1.17"), 0, &vpc_id), 2);
    ck_assert_uint_eq(vfl_interfaces_find_vpcs(&directory, ip_of("10.0.1.18"), 0, &vpc_id), 1);
    vfl_interfaces_fini(&directory);
}
END_TEST

START_TEST(a_vanished_interface_is_kept_for_six_hours)
{
    const struct recorder_interface known[] = {
        {.id = "eni-gone", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
        {.id = "eni-stays", .vpc_id = "vpc-1", .primary = "10.0.0.2"},
    };
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW, known, 2);
    recorder_fill_directory(&directory, NOW + 6 * 3600, &known[1], 1);
    ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.1", NOW), "eni-gone");
    ck_assert_ptr_nonnull(vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-gone")));
    recorder_fill_directory(&directory, NOW + 6 * 3600 + 1, &known[1], 1);
    ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.1", NOW), "-");
    ck_assert_ptr_null(vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-gone")));
    ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.2", NOW), "eni-stays");
    ck_assert_uint_eq(directory.count, 1);
    ck_assert_uint_eq(directory.address_count, 1);
    vfl_interfaces_fini(&directory);
}
END_TEST

START_TEST(a_refresh_replaces_the_addresses_of_an_interface)
{
    const struct recorder_interface before = {
        .id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .secondary = "10.0.0.2"};
    const struct recorder_interface after = {
        .id = "eni-a", .vpc_id = "vpc-1", .primary = "10.0.0.1", .secondary = "10.0.0.3"};
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW, &before, 1);
    for (int i = 1; i <= 3; i++)
        recorder_fill_directory(&directory, NOW + i * 60, &after, 1);
    ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.2", NOW), "-");
    ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.3", NOW), "eni-a");
    ck_assert_uint_eq(directory.address_count, 2);
    vfl_interfaces_fini(&directory);
}
END_TEST

START_TEST(a_reused_address_belongs_to_the_one_attached_last_before_the_record)
{
    const struct recorder_interface first = {
        .id = "eni-1", .vpc_id = "vpc-1", .primary = "10.0.0.1", .attach_epoch_s = NOW};
    const struct recorder_interface second = {
        .id = "eni-2", .vpc_id = "vpc-1", .primary = "10.0.0.1", .attach_epoch_s = NOW + 100};
    const struct recorder_interface third = {
        .id = "eni-3", .vpc_id = "vpc-1", .primary = "10.0.0.1", .attach_epoch_s = NOW + 200};
    const struct {
        int64_t at_epoch_s;
        const char *owner;
    } table[] = {
        {NOW - 10, "eni-1"}, /* before all: the first, which was nearest */
        {NOW, "eni-1"},       {NOW + 99, "eni-1"},   {NOW + 100, "eni-2"}, {NOW + 199, "eni-2"},
        {NOW + 200, "eni-3"}, {NOW + 9999, "eni-3"}, {0, "eni-3"}, /* now: the one seen last */
    };
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW + 50, &first, 1);
    recorder_fill_directory(&directory, NOW + 150, &second, 1);
    recorder_fill_directory(&directory, NOW + 250, &third, 1);
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_msg(strcmp(owner_of(&directory, "vpc-1", "10.0.0.1", table[i].at_epoch_s),
                             table[i].owner) == 0,
                      "%ld", (long)(table[i].at_epoch_s - NOW));
    vfl_interfaces_fini(&directory);
}
END_TEST

START_TEST(without_attach_times_the_one_seen_last_owns_a_reused_address)
{
    const struct recorder_interface known[] = {
        {.id = "eni-1", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
        {.id = "eni-2", .vpc_id = "vpc-1", .primary = "10.0.0.1"},
    };
    for (int later = 0; later < 2; later++) {
        struct vfl_interfaces directory = {0};
        recorder_fill_directory(&directory, NOW, &known[1 - later], 1);
        recorder_fill_directory(&directory, NOW + 60, &known[later], 1);
        ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.1", NOW), known[later].id);
        vfl_interfaces_fini(&directory);
        /* Seen at once: the lower id, whatever the order of the list. */
        const struct recorder_interface swapped[] = {known[later], known[1 - later]};
        recorder_fill_directory(&directory, NOW, swapped, 2);
        ck_assert_str_eq(owner_of(&directory, "vpc-1", "10.0.0.1", NOW), "eni-1");
        vfl_interfaces_fini(&directory);
    }
}
END_TEST

START_TEST(skips_what_names_no_interface_or_does_not_parse)
{
    const struct recorder_interface known[] = {
        {.id = "eni-1", .primary = "10.0.0.1"},
        {.vpc_id = "vpc-1", .primary = "10.0.0.2"},
        {.id = "eni-3",
         .vpc_id = "vpc-1",
         .primary = "10.0.0.3",
         .secondary = "10.0.0.300",
         .ipv6 = "nonsense",
         .prefix = "10.0.1.17/28"},
    };
    struct vfl_interfaces directory = {0};
    recorder_fill_directory(&directory, NOW, known, 3);
    ck_assert_uint_eq(directory.count, 1);
    ck_assert_uint_eq(directory.address_count, 1);
    vfl_interfaces_fini(&directory);
}
END_TEST

START_TEST(recognises_middleboxes_by_type_and_by_description_only_of_aws)
{
    const struct {
        const char *name;
        struct recorder_interface interface;
        enum vfl_interface_kind kind;
    } table[] = {
        {"plain", {.type = "interface"}, VFL_INTERFACE_ORDINARY},
        {"nat type", {.type = "nat_gateway"}, VFL_INTERFACE_NAT_GATEWAY},
        {"nat type of the API's enum", {.type = "natGateway"}, VFL_INTERFACE_NAT_GATEWAY},
        {"regional nat", {.type = "regional_nat_gateway"}, VFL_INTERFACE_NAT_GATEWAY},
        {"nat description", {.description = "Interface for NAT Gateway x"}, VFL_INTERFACE_ORDINARY},
        {"nat description, managed",
         {.description = "Interface for NAT Gateway x", .is_requester_managed = true},
         VFL_INTERFACE_NAT_GATEWAY},
        {"alb description",
         {.description = "ELB app/x", .requester_id = "amazon-elb"},
         VFL_INTERFACE_ORDINARY},
        {"alb description, managed",
         {.description = "ELB app/x", .requester_id = "amazon-elb", .is_requester_managed = true},
         VFL_INTERFACE_APPLICATION_LOAD_BALANCER},
        {"alb attached by amazon-elb",
         {.description = "ELB app/x",
          .requester_id = "123456789012",
          .attachment_owner_id = "amazon-elb",
          .is_requester_managed = true},
         VFL_INTERFACE_APPLICATION_LOAD_BALANCER},
        {"alb of somebody else",
         {.description = "ELB app/x", .requester_id = "123", .is_requester_managed = true},
         VFL_INTERFACE_ORDINARY},
        {"nlb",
         {.type = "network_load_balancer",
          .description = "ELB net/x",
          .requester_id = "amazon-elb",
          .is_requester_managed = true},
         VFL_INTERFACE_ORDINARY},
        {"classic elb",
         {.description = "ELB x", .requester_id = "amazon-elb", .is_requester_managed = true},
         VFL_INTERFACE_ORDINARY},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct recorder_interface known = table[i].interface;
        struct vfl_interfaces directory = {0};
        known.id = "eni-1";
        known.vpc_id = "vpc-1";
        recorder_fill_directory(&directory, NOW, &known, 1);
        ck_assert_msg(vfl_interfaces_find(&directory, VFL_SPAN_LITERAL("eni-1"))->kind ==
                          table[i].kind,
                      "%s", table[i].name);
        vfl_interfaces_fini(&directory);
    }
}
END_TEST

START_TEST(finds_each_of_many)
{
    struct vfl_interfaces directory = {0};
    struct vfl_error err = {0};
    vfl_interfaces_start_refresh(&directory, NOW);
    for (uint32_t i = 0; i < 3000; i++) {
        char id[32];
        char address[32];
        struct vfl_interface_address own = {.is_primary = true};
        (void)snprintf(id, sizeof id, "eni-%u", i);
        (void)snprintf(address, sizeof address, "10.1.%u.%u", i / 256, i % 256);
        own.private_ip = vfl_span_from_string(address);
        struct vfl_interface interface = {.id = vfl_span_from_string(id),
                                          .vpc_id = VFL_SPAN_LITERAL("vpc-1"),
                                          .addresses = &own,
                                          .address_count = 1};
        ck_assert_int_eq(vfl_interfaces_add(&directory, &interface, &err), VFL_OK);
    }
    ck_assert_int_eq(vfl_interfaces_finish_refresh(&directory, &err), VFL_OK);
    for (uint32_t i = 0; i < 3000; i++) {
        char id[32];
        char address[32];
        (void)snprintf(id, sizeof id, "eni-%u", i);
        (void)snprintf(address, sizeof address, "10.1.%u.%u", i / 256, i % 256);
        ck_assert_str_eq(owner_of(&directory, "vpc-1", address, NOW), id);
    }
    vfl_interfaces_fini(&directory);
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        finds_interfaces_by_id_and_owners_by_every_kind_of_address,
        counts_the_vpcs_that_own_an_address,
        a_vanished_interface_is_kept_for_six_hours,
        a_refresh_replaces_the_addresses_of_an_interface,
        a_reused_address_belongs_to_the_one_attached_last_before_the_record,
        without_attach_times_the_one_seen_last_owns_a_reused_address,
        skips_what_names_no_interface_or_does_not_parse,
        recognises_middleboxes_by_type_and_by_description_only_of_aws,
        finds_each_of_many,
    };
    return RUN_SUITE("interfaces", cases);
}
