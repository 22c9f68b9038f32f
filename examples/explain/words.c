#include "examples/explain/words.h"

#include <inttypes.h>
#include <stdio.h>

void vfl_words_append(struct vfl_strbuf *out, struct vfl_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];
        vfl_strbuf_append_char(out, byte < 0x20 || byte == 0x7f ? '?' : (char)byte);
    }
}

static void append_text(struct vfl_strbuf *out, const char *text)
{
    vfl_words_append(out, vfl_span_from_string(text));
}

const char *vfl_words_of_id(const char *id)
{
    static const char *const beginnings[] = {"urn:vpcip:", "urn:host:/"};
    for (size_t i = 0; i < sizeof beginnings / sizeof beginnings[0]; i++)
        if (strncmp(id, beginnings[i], strlen(beginnings[i])) == 0)
            return id + strlen(beginnings[i]);
    return id;
}

void vfl_words_append_protocol(struct vfl_strbuf *out, uint8_t protocol)
{
    static const struct {
        uint8_t protocol;
        const char *name;
    } names[] = {{1, "icmp"}, {6, "tcp"},     {17, "udp"},  {47, "gre"},
                 {50, "esp"}, {58, "icmpv6"}, {132, "sctp"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].protocol == protocol) {
            vfl_strbuf_append_string(out, names[i].name);
            return;
        }
    }
    vfl_strbuf_appendf(out, "%u", protocol);
}

/* --- what the agent is told --- */

void vfl_words_append_relation(struct vfl_strbuf *out, const struct vfl_relation *relation)
{
    vfl_strbuf_appendf(out, "  direction    %s\n  protocols    ",
                       vfl_evidence_name(relation->evidence));
    for (size_t i = 0; i < relation->protocol_count; i++) {
        vfl_strbuf_append_string(out, i > 0 ? ", " : "");
        vfl_words_append_protocol(out, relation->protocols[i]);
    }
    vfl_strbuf_appendf(out, "%s\n  ports        ",
                       relation->protocol_count == 0 ? "none told" : "");
    for (size_t i = 0; i < relation->port_count; i++)
        vfl_strbuf_appendf(out, "%s%u", i > 0 ? ", " : "", relation->ports[i]);
    if (relation->port_count == 0)
        vfl_strbuf_append_string(out, relation->has_more_ports ? "several" : "none told");
    else if (relation->has_more_ports)
        vfl_strbuf_append_string(out, " and more");
    vfl_strbuf_appendf(out, "\n  verdict      %s\n", relation->verdict);
    if (relation->refusal != NULL) {
        vfl_strbuf_append_string(out, "  refusal      ");
        append_text(out, relation->refusal);
        vfl_strbuf_append_char(out, '\n');
    }
    vfl_strbuf_appendf(out, "  observed by  %s\n", relation->observed_by);
}

/* --- direction --- */

static void append_ports(struct vfl_strbuf *out, uint16_t min, uint16_t max)
{
    if (min == max)
        vfl_strbuf_appendf(out, "port %u", min);
    else
        vfl_strbuf_appendf(out, "ports %u to %u", min, max);
}

static const char *rank_words(uint16_t port)
{
    static const char *const words[] = {"ephemeral", "below 32768", "a registered service",
                                        "well-known"};
    return words[vfl_port_rank(port)];
}

static void append_peers(struct vfl_strbuf *out, unsigned count)
{
    vfl_strbuf_appendf(out, "%u%s", count, count >= VFL_PORT_COUNT_MAX ? " or more" : "");
}

static void append_counting(struct vfl_strbuf *out,
                            const struct vfl_conversation_evidence *conversation)
{
    vfl_strbuf_appendf(out, "counted: port %u of the target was seen with ",
                       conversation->target_port_min);
    if (conversation->source_port_min != conversation->source_port_max) {
        vfl_strbuf_append_string(out, "several ports of the source");
        return;
    }
    append_peers(out, conversation->target_port_peers);
    vfl_strbuf_append_string(out, " different peer ports");
    vfl_strbuf_appendf(out, ", port %u of the source with ", conversation->source_port_min);
    append_peers(out, conversation->source_port_peers);
}

static void append_ranking(struct vfl_strbuf *out,
                           const struct vfl_conversation_evidence *conversation)
{
    uint16_t source = conversation->source_port_min;
    uint16_t target = conversation->target_port_min;
    if (vfl_port_rank(source) == vfl_port_rank(target))
        vfl_strbuf_appendf(out,
                           "ports: both are %s, and the lower one, %u, is taken for the service",
                           rank_words(target), target);
    else
        vfl_strbuf_appendf(out, "ports: %u (%s) is more of a service than %u (%s)", target,
                           rank_words(target), source, rank_words(source));
}

static void append_evidence(struct vfl_strbuf *out,
                            const struct vfl_conversation_evidence *conversation)
{
    switch (conversation->evidence) {
    case VFL_EVIDENCE_TCP_FLAGS:
        vfl_strbuf_append_string(out, "SYN seen: the source opened, or the target answered with "
                                      "SYN and ACK");
        break;
    case VFL_EVIDENCE_PORT_COUNT:
        append_counting(out, conversation);
        break;
    case VFL_EVIDENCE_PORT:
        append_ranking(out, conversation);
        break;
    case VFL_EVIDENCE_NONE:
        vfl_strbuf_append_string(out, "nothing tells a direction: it goes with the strongest "
                                      "relation of the two, else the lower address is the source");
        break;
    }
    if (conversation->is_flagged_both_ways)
        vfl_strbuf_append_string(out, "; SYN was seen of both, which tells nothing");
}

void vfl_words_append_conversations(struct vfl_strbuf *out,
                                    const struct vfl_relation_evidence *evidence)
{
    vfl_strbuf_append_string(out, "  evidence\n");
    for (size_t i = 0; i < evidence->conversation_count; i++) {
        const struct vfl_conversation_evidence *conversation = &evidence->conversations[i];
        vfl_strbuf_append_string(out, "    ");
        if (conversation->protocol == 0)
            vfl_strbuf_append_string(out, "no protocol");
        else
            vfl_words_append_protocol(out, conversation->protocol);
        if (conversation->has_ports) {
            vfl_strbuf_append_char(out, ' ');
            append_ports(out, conversation->target_port_min, conversation->target_port_max);
            vfl_strbuf_append_string(out, " from ");
            append_ports(out, conversation->source_port_min, conversation->source_port_max);
        }
        vfl_strbuf_append_string(out, ": ");
        append_evidence(out, conversation);
        vfl_strbuf_append_char(out, '\n');
    }
    if (evidence->has_more_conversations)
        vfl_strbuf_appendf(out,
                           "    more than %d kinds of traffic: the rest goes with the strongest "
                           "relation of the two\n",
                           VFL_TOPOLOGY_MAX_CONVERSATIONS);
}

/* --- bytes --- */

static const char *side_words(enum vfl_observer_side side)
{
    static const char *const words[] = {
        [VFL_OBSERVER_SRC] = "the sender",
        [VFL_OBSERVER_DST] = "the receiver",
        [VFL_OBSERVER_HOP] = "on the way",
    };
    return words[side];
}

static const char *action_words(enum vfl_action action)
{
    static const char *const words[] = {
        [VFL_ACTION_NONE] = "",
        [VFL_ACTION_ACCEPT] = " accepted",
        [VFL_ACTION_REJECT] = " refused",
    };
    return words[action];
}

static const char *count_words(enum vfl_report_count count)
{
    static const char *const words[] = {
        [VFL_REPORT_COUNTED] = "counted",
        [VFL_REPORT_OTHER_FLOW_LOG] =
            "second report, not counted: another flow log of this interface counts",
        [VFL_REPORT_OTHER_OBSERVER] = "second report, not counted: another observer counts",
    };
    return words[count];
}

void vfl_words_append_reports(struct vfl_strbuf *out, const struct vfl_relation_evidence *evidence,
                              bool is_reply)
{
    for (size_t i = 0; i < evidence->report_count; i++) {
        const struct vfl_traffic_report *report = &evidence->reports[i];
        if (report->is_reply != is_reply)
            continue;
        vfl_strbuf_append_string(out, "    ");
        append_text(out, report->reporter[0] != '\0' ? report->reporter : "an unnamed reporter");
        vfl_strbuf_appendf(out, " (%s), flow log ", side_words(report->side));
        append_text(out, report->flow_log_id[0] != '\0' ? report->flow_log_id : "not named");
        vfl_strbuf_appendf(out, ": %" PRIu64 " record%s%s, %" PRIu64 " bytes: %s\n",
                           report->records, report->records == 1 ? "" : "s",
                           action_words(report->action), report->bytes, count_words(report->count));
    }
}
