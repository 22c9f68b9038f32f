/* The transport under the fuzz targets of the AWS clients: the input is what a server answers, one
 * body after the other, each ended by a NUL, which no XML document has. A target defines the
 * function that its client sends with, so that the client runs without signatures and sockets. */
#ifndef VFL_FUZZ_ANSWERS_H
#define VFL_FUZZ_ANSWERS_H

#include "core/aws/client.h"

#include "tests/fuzz/replay.h"

static struct vfl_span answers;

void vfl_aws_reply_init(struct vfl_aws_reply *reply)
{
    *reply = (struct vfl_aws_reply){.http.content_length_bytes = -1};
    vfl_strbuf_init(&reply->http.body, VFL_AWS_MAX_DOCUMENT_BYTES);
}

void vfl_aws_reply_fini(struct vfl_aws_reply *reply)
{
    vfl_strbuf_fini(&reply->http.body);
}

/* As the AWS client does with 2xx answers: VFL_FORMAT asks for another one. */
static enum vfl_status
take_answer(enum vfl_status (*parse)(void *ctx, struct vfl_span body, struct vfl_error *err),
            void *parse_ctx, struct vfl_aws_reply *reply, struct vfl_error *err)
{
    while (answers.len > 0) {
        const char *end = memchr(answers.ptr, '\0', answers.len);
        struct vfl_span body = answers;
        if (end != NULL)
            body.len = (size_t)(end - body.ptr);
        size_t used = body.len + (end != NULL);
        answers = (struct vfl_span){answers.ptr + used, answers.len - used};
        vfl_strbuf_reset(&reply->http.body);
        vfl_strbuf_append(&reply->http.body, body);
        FUZZ_CHECK(vfl_strbuf_check(&reply->http.body, "answer", NULL) == VFL_OK);
        enum vfl_status st = parse(parse_ctx, body, err);
        if (st != VFL_FORMAT)
            return st;
    }
    return vfl_error_set(err, VFL_RETRY, "no more answers");
}

#endif
