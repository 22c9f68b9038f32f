#include "examples/host/output.h"

#include <stdlib.h>
#include <string.h>

static void print_quoted(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            (void)putc('\\', out);
        (void)putc((unsigned char)*text < 0x20 ? ' ' : *text, out);
    }
}

struct node {
    const char *id;
    struct vfl_endpoint endpoint;
};

static int by_vpc(const void *left, const void *right)
{
    const struct node *a = left;
    const struct node *b = right;
    int order = strcmp(a->endpoint.vpc, b->endpoint.vpc);
    return order != 0 ? order : strcmp(a->id, b->id);
}

static void print_node(FILE *out, const struct node *node)
{
    (void)fputs("    \"", out);
    print_quoted(out, node->id);
    (void)fputs("\" [label=\"", out);
    print_quoted(out, node->endpoint.address);
    if (node->endpoint.public_hosts[0] != '\0') {
        (void)fputs("\\n", out);
        print_quoted(out, node->endpoint.public_hosts);
    }
    (void)fputs("\", tooltip=\"", out);
    print_quoted(out, node->id);
    (void)fputs("\"];\n", out);
}

/* Nodes stand in one box per VPC. */
static void print_nodes(FILE *out, const struct vfl_landscape *landscape, size_t landscape_number)
{
    json_t *components = vfl_landscape_components(landscape);
    struct node *nodes = calloc(json_object_size(components) + 1, sizeof *nodes);
    size_t count = 0;
    size_t box_count = 0;
    const char *id;
    const json_t *call;
    if (nodes == NULL)
        return;
    json_object_foreach(components, id, call)
    {
        nodes[count].id = id;
        vfl_landscape_endpoint(landscape, id, &nodes[count++].endpoint);
    }
    qsort(nodes, count, sizeof *nodes, by_vpc);
    for (size_t i = 0; i < count; i++) {
        const char *vpc = nodes[i].endpoint.vpc;
        bool is_first = i == 0 || strcmp(vpc, nodes[i - 1].endpoint.vpc) != 0;
        bool is_last = i + 1 == count || strcmp(vpc, nodes[i + 1].endpoint.vpc) != 0;
        if (is_first && vpc[0] != '\0') {
            (void)fprintf(out, "  subgraph cluster_%zu_%zu {\n    label=\"", landscape_number,
                          box_count++);
            print_quoted(out, vpc);
            (void)fputs("\";\n", out);
        }
        print_node(out, &nodes[i]);
        if (is_last && vpc[0] != '\0')
            (void)fputs("  }\n", out);
    }
    free(nodes);
}

static void print_edge(FILE *out, const struct vfl_relation *relation)
{
    char service[120];
    char bytes[32];
    bool is_refused = strcmp(relation->verdict, "refused") == 0;
    vfl_relation_service(relation, service, sizeof service);
    vfl_format_bytes(relation->total_bytes, bytes, sizeof bytes);
    (void)fputs("  \"", out);
    print_quoted(out, relation->source_id);
    (void)fputs("\" -> \"", out);
    print_quoted(out, relation->target_id);
    (void)fputs("\" [label=\"", out);
    print_quoted(out, service);
    (void)fprintf(out, "\\n%s\"", is_refused ? "refused" : bytes);
    if (is_refused)
        (void)fputs(", style=dashed, color=\"#c0392b\", fontcolor=\"#c0392b\"", out);
    else if (strstr(relation->verdict, "refused") != NULL)
        (void)fputs(", color=\"#d68910\", fontcolor=\"#9c640c\"", out);
    if (!relation->is_direction_known)
        (void)fputs(", dir=none", out);
    (void)fputs("];\n", out);
}

void vfl_output_dot(FILE *out, const struct vfl_landscape *const *landscapes,
                    size_t landscape_count)
{
    (void)fputs("digraph flows {\n"
                "  graph [rankdir=LR, bgcolor=white, pad=0.4, nodesep=0.35, ranksep=1.3,\n"
                "         fontname=\"Helvetica\", fontsize=11, fontcolor=\"#5d6d7e\"];\n"
                "  node [shape=box, style=\"rounded,filled\", fillcolor=\"#f4f6f8\",\n"
                "        color=\"#aeb9c4\", fontcolor=\"#212f3d\", fontname=\"Helvetica\",\n"
                "        fontsize=11, margin=\"0.18,0.09\"];\n"
                "  edge [color=\"#7f8c9a\", fontcolor=\"#5d6d7e\", fontname=\"Helvetica\",\n"
                "        fontsize=9, arrowsize=0.7];\n",
                out);
    (void)fputs("  style=\"rounded\";\n  color=\"#d5dbe1\";\n", out);
    for (size_t i = 0; i < landscape_count; i++) {
        struct vfl_relation *relations = NULL;
        print_nodes(out, landscapes[i], i);
        size_t count = vfl_landscape_relations(landscapes[i], &relations);
        for (size_t j = 0; j < count; j++)
            print_edge(out, &relations[j]);
        free(relations);
    }
    (void)fputs("}\n", out);
}
