/* One line alone, whatever it is like, by the plainest means: what the scanners leave to it, and
 * what they are held against. */
#include <string.h>

#include "core/flowlog/record_scanners.h"
#include "core/flowlog/values.h"

static bool read_number(struct vfl_span value, struct vfl_span block, uint64_t *ret_number)
{
    (void)block;
    return vfl_record_read_number(value, ret_number);
}

static bool read_address(struct vfl_span value, struct vfl_span block, struct vfl_ip *ret_address)
{
    (void)block;
    return vfl_ip_parse(value, ret_address);
}

#include "core/flowlog/record_fields.h"

bool vfl_record_read_number(struct vfl_span value, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value.len; i++) {
        unsigned digit = (unsigned)(value.ptr[i] - '0');
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            return false;
        number = number * 10 + digit;
    }
    *ret_number = number;
    return value.len > 0;
}

/* Values parted by runs of spaces and tabs. Returns false unless there are column_count of them and
 * no NUL byte; *ret_is_blank when there is none. */
static bool parse_values(const struct vfl_record_format *format, struct vfl_span line,
                         struct draft *draft, bool *ret_is_blank)
{
    struct vfl_values values = vfl_values_of(line);
    struct vfl_span value = {NULL, 0};
    unsigned column = 0;
    unsigned step = 0;
    while (vfl_values_next(&values, &value)) {
        if (column == format->column_count)
            return false;
        if (step < format->step_count && format->steps[step].column == column)
            parse_step(format->steps[step++], value, draft);
        column++;
    }
    *ret_is_blank = column == 0 && !values.has_nul;
    return column == format->column_count && !values.has_nul;
}

void vfl_record_parse(const struct vfl_record_format *format, struct vfl_span line,
                      int64_t now_epoch_s, struct vfl_record *ret_record)
{
    struct draft draft = {.record = ret_record, .block = line};
    bool is_blank = false;
    memset(ret_record, 0, sizeof *ret_record);
    if (parse_values(format, line, &draft, &is_blank)) {
        finish_record(&draft, now_epoch_s);
        return;
    }
    memset(ret_record, 0, sizeof *ret_record);
    ret_record->kind = is_blank ? VFL_RECORD_BLANK : VFL_RECORD_MALFORMED;
}
