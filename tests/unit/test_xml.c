#include "core/aws/xml.h"

#include "core/strbuf.h"
#include "tests/unit/run_suite.h"

static enum vfl_status record_start(void *ctx, const char *path, struct vfl_error *err)
{
    struct vfl_strbuf *log = ctx;
    (void)err;
    vfl_strbuf_appendf(log, "<%s>", path);
    return VFL_OK;
}

static enum vfl_status record_end(void *ctx, const char *path, struct vfl_span text,
                                  struct vfl_error *err)
{
    struct vfl_strbuf *log = ctx;
    (void)err;
    vfl_strbuf_appendf(log, "%s=%.*s;", path, (int)text.len, text.ptr);
    return VFL_OK;
}

START_TEST(elements_are_told_by_path_without_root_and_prefix)
{
    struct vfl_strbuf log = VFL_STRBUF_INIT(4096);
    struct vfl_xml_handler handler = {record_start, record_end, &log};
    ck_assert_int_eq(
        vfl_xml_parse(VFL_SPAN_LITERAL("<?xml version='1.0'?><n:R xmlns:n='u'><n:a x='y'>1&amp;2"
                                       "<![CDATA[<3>]]></n:a><b><a>4</a><c/></b></n:R>"),
                      "R", handler, NULL),
        VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&log), "<><a>a=1&2<3>;<b><b/a>b/a=4;<b/c>b/c=;b=;=;");
    vfl_strbuf_fini(&log);
}
END_TEST

START_TEST(a_prefix_without_a_name_does_not_lift_what_is_below)
{
    struct vfl_strbuf log = VFL_STRBUF_INIT(1000);
    struct vfl_xml_handler handler = {record_start, record_end, &log};
    ck_assert_int_eq(
        vfl_xml_parse(VFL_SPAN_LITERAL("<R><x:><a>1</a></x:></R>"), "R", handler, NULL), VFL_OK);
    ck_assert_str_eq(vfl_strbuf_string(&log), "<><x:><x:/a>x:/a=1;x:=;=;");
    vfl_strbuf_fini(&log);
}
END_TEST

START_TEST(unsound_documents_are_refused)
{
    static const struct {
        const char *document;
        enum vfl_status expected;
        const char *text;
    } rows[] = {
        {"", VFL_FORMAT, "no element found"},
        {"<R>", VFL_FORMAT, ""},
        {"<R></S>", VFL_FORMAT, ""},
        {"<R/><R/>", VFL_FORMAT, ""},
        {"<R>\xff</R>", VFL_FORMAT, ""},
        {"<R>&#1;</R>", VFL_FORMAT, ""},
        {"<R>&unknown;</R>", VFL_FORMAT, ""},
        {"<R>\x01</R>", VFL_FORMAT, ""},
        {"<?xml version='1.0' encoding='utf-16'?><R/>", VFL_FORMAT, "encoding"},
        {"<?xml version='1.0' encoding='x-unknown'?><R/>", VFL_FORMAT, "encoding"},
        {"<html/>", VFL_FORMAT, "expected an XML document <R>, got <html>"},
        {"<!DOCTYPE R><R/>", VFL_FORMAT, "DOCTYPE"},
        {"<!DOCTYPE R [<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>]><R>&b;</R>", VFL_FORMAT, "DOCTYPE"},
        {"<!DOCTYPE R SYSTEM 'file:///etc/passwd'><R/>", VFL_FORMAT, "DOCTYPE"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_error err = {0};
        enum vfl_status st = vfl_xml_parse(vfl_span_from_string(rows[i].document), "R",
                                           (struct vfl_xml_handler){0}, &err);
        ck_assert_msg(st == rows[i].expected, "%s: %s", rows[i].document, err.text);
        ck_assert_msg(strstr(err.text, rows[i].text) != NULL, "%s: %s", rows[i].document, err.text);
    }
}
END_TEST

START_TEST(depth_and_text_are_bounded)
{
    for (int depth = VFL_XML_MAX_DEPTH; depth <= VFL_XML_MAX_DEPTH + 1; depth++) {
        struct vfl_strbuf document = VFL_STRBUF_INIT(4096);
        for (int i = 0; i < depth; i++)
            vfl_strbuf_append_string(&document, "<a>");
        for (int i = 0; i < depth; i++)
            vfl_strbuf_append_string(&document, "</a>");
        ck_assert_int_eq(
            vfl_xml_parse(vfl_strbuf_span(&document), NULL, (struct vfl_xml_handler){0}, NULL),
            depth <= VFL_XML_MAX_DEPTH ? VFL_OK : VFL_LIMIT);
        vfl_strbuf_fini(&document);
    }
    for (size_t size = VFL_XML_MAX_TEXT_BYTES; size <= VFL_XML_MAX_TEXT_BYTES + 1; size++) {
        struct vfl_strbuf document = VFL_STRBUF_INIT(100000);
        vfl_strbuf_append_string(&document, "<a>");
        for (size_t i = 0; i < size; i++)
            vfl_strbuf_append_char(&document, 'x');
        vfl_strbuf_append_string(&document, "</a>");
        ck_assert_int_eq(
            vfl_xml_parse(vfl_strbuf_span(&document), NULL, (struct vfl_xml_handler){0}, NULL),
            size <= VFL_XML_MAX_TEXT_BYTES ? VFL_OK : VFL_LIMIT);
        vfl_strbuf_fini(&document);
    }
}
END_TEST

static enum vfl_status refuse_end(void *ctx, const char *path, struct vfl_span text,
                                  struct vfl_error *err)
{
    int *call_count = ctx;
    (void)path;
    (void)text;
    ++*call_count;
    return vfl_error_set(err, VFL_UNSUPPORTED, "refused");
}

START_TEST(a_handlers_failure_stops_the_parse)
{
    int call_count = 0;
    struct vfl_error err = {0};
    struct vfl_xml_handler handler = {NULL, refuse_end, &call_count};
    ck_assert_int_eq(vfl_xml_parse(VFL_SPAN_LITERAL("<R><a/><b/><c/></R>"), NULL, handler, &err),
                     VFL_UNSUPPORTED);
    ck_assert_str_eq(err.text, "refused");
    ck_assert_int_eq(call_count, 1);
}
END_TEST

START_TEST(faults_are_read_from_every_envelope)
{
    static const struct {
        const char *document, *code, *message, *region;
    } rows[] = {
        {"<Error><Code>C</Code><Message>M</Message><Region>eu-west-1</Region></Error>", "C", "M",
         "eu-west-1"},
        {"<ErrorResponse><Error><Type>T</Type><Code>C</Code><Message>M</Message></Error>"
         "</ErrorResponse>",
         "C", "M", ""},
        {"<Response><Errors><Error><Code>C</Code><Message>M</Message></Error><Error><Code>D</Code>"
         "</Error></Errors></Response>",
         "C", "M", ""},
        {"<Error><Code>C</Code><Message>cut off", "C", "", ""},
        {"<Error><Other><Code>no</Code></Other><Code>C</Code></Error>", "C", "", ""},
        {"<html>503</html>", "", "", ""},
        {"", "", "", ""},
        {"not xml", "", "", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfl_xml_fault fault;
        vfl_xml_read_fault(vfl_span_from_string(rows[i].document), &fault);
        ck_assert_str_eq(fault.code, rows[i].code);
        ck_assert_str_eq(fault.message, rows[i].message);
        ck_assert_str_eq(fault.region, rows[i].region);
        ck_assert_int_eq(fault.is_error, rows[i].code[0] != '\0');
    }
}
END_TEST

int main(void)
{
    const TTest *const cases[] = {
        elements_are_told_by_path_without_root_and_prefix,
        a_prefix_without_a_name_does_not_lift_what_is_below,
        unsound_documents_are_refused,
        depth_and_text_are_bounded,
        a_handlers_failure_stops_the_parse,
        faults_are_read_from_every_envelope,
    };
    return RUN_SUITE("xml", cases);
}
