#include "examples/doctor/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_REMEDY_BYTES (1u << 20)
#define MAX_TEXT_BYTES 4096

static const char *const words[] = {
    [VFL_VERDICT_OK] = "ok",
    [VFL_VERDICT_ADVICE] = "advice",
    [VFL_VERDICT_MISSING] = "MISSING",
    [VFL_VERDICT_WRONG] = "WRONG",
    [VFL_VERDICT_NOT_CHECKED] = "not checked",
};

void vfl_report_init(struct vfl_report *report)
{
    *report = (struct vfl_report){.remedy_count = 0};
    vfl_strbuf_init(&report->remedies, MAX_REMEDY_BYTES);
}

void vfl_report_fini(struct vfl_report *report)
{
    vfl_strbuf_fini(&report->remedies);
}

/* What comes from outside must not steer the terminal that it is shown on. */
static void print_plain(char *text)
{
    for (char *at = text; *at != '\0'; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            *at = '?';
    (void)printf("%s\n", text);
}

static void print_line(const char *word, const char *subject, const char *format, va_list args)
    VFL_PRINTF(3, 0);
static void print_line(const char *word, const char *subject, const char *format, va_list args)
{
    char text[MAX_TEXT_BYTES];
    (void)printf("  %-11s  %-29s  ", word, subject);
    (void)vsnprintf(text, sizeof text, format, args);
    print_plain(text);
    (void)fflush(stdout); /* the next answer may take a while */
}

void vfl_report_ask(const char *subject, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    print_line("asking", subject, format, args);
    va_end(args);
}

void vfl_report_tell(struct vfl_report *report, enum vfl_verdict verdict, const char *subject,
                     const char *format, ...)
{
    va_list args;
    report->counts[verdict]++;
    va_start(args, format);
    print_line(words[verdict], subject, format, args);
    va_end(args);
}

/* Takes document. */
static void append_lines(struct vfl_strbuf *out, char *document)
{
    for (const char *at = document; at != NULL && *at != '\0'; at++) {
        if (at == document || at[-1] == '\n')
            vfl_strbuf_append_string(out, "     ");
        vfl_strbuf_append_char(out, *at);
    }
    if (document != NULL)
        vfl_strbuf_append_char(out, '\n');
    free(document);
}

static void append_title(struct vfl_strbuf *out, const char *format, va_list args) VFL_PRINTF(2, 0);
static void append_title(struct vfl_strbuf *out, const char *format, va_list args)
{
    char title[MAX_TEXT_BYTES];
    (void)vsnprintf(title, sizeof title, format, args);
    vfl_strbuf_append_string(out, title);
    vfl_strbuf_append_char(out, '\n');
}

void vfl_report_remedy(struct vfl_report *report, char *document, const char *format, ...)
{
    va_list args;
    vfl_strbuf_appendf(&report->remedies, "\n%3u. ", ++report->remedy_count);
    va_start(args, format);
    append_title(&report->remedies, format, args);
    va_end(args);
    append_lines(&report->remedies, document);
}

void vfl_report_remedy_more(struct vfl_report *report, char *document, const char *format, ...)
{
    va_list args;
    vfl_strbuf_append_string(&report->remedies, "     ");
    va_start(args, format);
    append_title(&report->remedies, format, args);
    va_end(args);
    append_lines(&report->remedies, document);
}

enum vfl_status vfl_report_print_remedies(struct vfl_report *report, struct vfl_error *err)
{
    enum vfl_status st = vfl_strbuf_check(&report->remedies, "what is to be done", err);
    if (st == VFL_OK && report->remedies.len > 0)
        (void)printf("\nTo do:\n%s", vfl_strbuf_string(&report->remedies));
    vfl_strbuf_reset(&report->remedies);
    report->remedy_count = 0;
    return st;
}

void vfl_report_print_counts(const struct vfl_report *report)
{
    (void)putchar('\n');
    for (int verdict = 0; verdict < VFL_VERDICT_COUNT; verdict++)
        (void)printf("%s%u %s", verdict == 0 ? "" : ", ", report->counts[verdict], words[verdict]);
    (void)putchar('\n');
}

bool vfl_report_is_good(const struct vfl_report *report)
{
    return report->counts[VFL_VERDICT_MISSING] + report->counts[VFL_VERDICT_WRONG] == 0;
}
