/* Signs the requests on standard input and prints every stage; sigv4_oracle.py compares the output
 * with botocore's. One request is lines of "word hex"; see print_request in that script. */
#include "core/aws/sigv4.h"

#include <stdio.h>
#include <stdlib.h>

#define MAX_FIELDS 200

struct field {
    char word[16];
    char *bytes;
    size_t length;
};

static int hex_value(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

static struct vfl_span span_of(const struct field *field)
{
    return (struct vfl_span){field->bytes, field->length};
}

static void sign_request(const struct field *fields, size_t field_count)
{
    struct vfl_sigv4_pair params[VFL_SIGV4_MAX_PAIRS] = {{{0}, {0}}};
    struct vfl_sigv4_pair headers[VFL_SIGV4_MAX_PAIRS] = {{{0}, {0}}};
    struct vfl_sigv4_request request = {.params = params, .headers = headers};
    struct vfl_sigv4_scope scope = {1369353600, NULL, NULL};
    const char *id = "", *secret = "";
    for (size_t i = 0; i < field_count; i++) {
        const struct field *field = &fields[i];
        const char *word = field->word;
        if (strcmp(word, "method") == 0)
            request.method = field->bytes;
        else if (strcmp(word, "path") == 0)
            request.path = span_of(field);
        else if (strcmp(word, "normalise") == 0)
            request.path_mode = VFL_SIGV4_PATH_NORMALISED;
        else if (strcmp(word, "hash") == 0)
            request.payload_hash = field->bytes;
        else if (strcmp(word, "pname") == 0)
            params[request.param_count].name = span_of(field);
        else if (strcmp(word, "pvalue") == 0)
            params[request.param_count++].value = span_of(field);
        else if (strcmp(word, "hname") == 0)
            headers[request.header_count].name = span_of(field);
        else if (strcmp(word, "hvalue") == 0)
            headers[request.header_count++].value = span_of(field);
        else if (strcmp(word, "region") == 0)
            scope.region = field->bytes;
        else if (strcmp(word, "service") == 0)
            scope.service = field->bytes;
        else if (strcmp(word, "id") == 0)
            id = field->bytes;
        else if (strcmp(word, "secret") == 0)
            secret = field->bytes;
    }
    struct vfl_error err = {0};
    struct vfl_sigv4 state;
    vfl_sigv4_init(&state);
    if (vfl_sigv4_canonicalise(&state, &request, &err) != VFL_OK ||
        vfl_sigv4_make_string_to_sign(&state, &scope, &err) != VFL_OK ||
        vfl_sigv4_sign(&state, &scope, id, secret, &err) != VFL_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        exit(1);
    }
    printf("%s\n--\n%s\n--\n%s\n==\n", vfl_strbuf_string(&state.canonical_request),
           vfl_strbuf_string(&state.string_to_sign), state.signature);
    vfl_sigv4_fini(&state);
}

int main(void)
{
    static struct field fields[MAX_FIELDS];
    static char line[65536];
    size_t count = 0;
    while (count < MAX_FIELDS && fgets(line, sizeof line, stdin) != NULL) {
        char *space = strchr(line, ' ');
        if (space == NULL) { /* the empty line after a request */
            sign_request(fields, count);
            while (count > 0)
                free(fields[--count].bytes);
            continue;
        }
        struct field *field = &fields[count++];
        (void)snprintf(field->word, sizeof field->word, "%.*s", (int)(space - line), line);
        const char *hex = space + 1;
        field->length = strcspn(hex, "\n") / 2;
        field->bytes = calloc(1, field->length + 1);
        if (field->bytes == NULL)
            return 1;
        for (size_t i = 0; i < field->length; i++)
            field->bytes[i] = (char)(hex_value(hex[2 * i]) * 16 + hex_value(hex[2 * i + 1]));
    }
    return 0;
}
