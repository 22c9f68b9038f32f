#include "core/aws/timestamp.h"

#include <stdio.h>

#define SECONDS_PER_DAY 86400
#define LAST_EPOCH_S 253402300799 /* 9999-12-31T23:59:59Z */

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March here, so that the
 * leap day is the last one of its year. */
static int64_t days_from_date(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = y / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void date_from_days(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
    int64_t shifted = days + 719468;
    int64_t era = shifted / 146097;
    int64_t day_of_era = shifted - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    *ret_day = (int)(day_of_year - (153 * month + 2) / 5 + 1);
    *ret_month = (int)(month < 10 ? month + 3 : month - 9);
    *ret_year = (int)(year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0));
}

void vfl_timestamp_format_amz(int64_t epoch_s, char ret_text[VFL_AMZ_DATE_SIZE])
{
    if (epoch_s < 0)
        epoch_s = 0;
    if (epoch_s > LAST_EPOCH_S)
        epoch_s = LAST_EPOCH_S;
    int year, month, day;
    date_from_days(epoch_s / SECONDS_PER_DAY, &year, &month, &day);
    unsigned second = (unsigned)(epoch_s % SECONDS_PER_DAY);
    char text[64];
    (void)snprintf(text, sizeof text, "%04d%02d%02dT%02u%02u%02uZ", year, month, day, second / 3600,
                   second / 60 % 60, second % 60);
    memcpy(ret_text, text, VFL_AMZ_DATE_SIZE - 1);
    ret_text[VFL_AMZ_DATE_SIZE - 1] = '\0';
}

static bool read_digits(struct vfl_span text, size_t at, size_t count, int *ret_value)
{
    int value = 0;
    if (at + count > text.len)
        return false;
    for (size_t i = at; i < at + count; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (text.ptr[i] - '0');
    }
    *ret_value = value;
    return true;
}

struct moment {
    int year, month, day, hour, minute, second;
};

static bool epoch_from_moment(const struct moment *moment, int64_t *ret_epoch_s)
{
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (moment->year < 1970 || moment->month < 1 || moment->month > 12 || moment->day < 1 ||
        moment->hour > 23 || moment->minute > 59 || moment->second > 60)
        return false;
    bool is_leap = moment->year % 4 == 0 && (moment->year % 100 != 0 || moment->year % 400 == 0);
    int last_day = month_days[moment->month - 1] + (moment->month == 2 && is_leap ? 1 : 0);
    if (moment->day > last_day)
        return false;
    int second = moment->second == 60 ? 59 : moment->second;
    *ret_epoch_s = days_from_date(moment->year, moment->month, moment->day) * SECONDS_PER_DAY +
                   moment->hour * 3600 + moment->minute * 60 + second;
    return true;
}

bool vfl_timestamp_parse_iso8601(struct vfl_span text, int64_t *ret_epoch_s)
{
    struct moment moment = {0};
    if (text.len < 20 || text.ptr[4] != '-' || text.ptr[7] != '-' || text.ptr[10] != 'T' ||
        text.ptr[13] != ':' || text.ptr[16] != ':' || text.ptr[text.len - 1] != 'Z')
        return false;
    if (!read_digits(text, 0, 4, &moment.year) || !read_digits(text, 5, 2, &moment.month) ||
        !read_digits(text, 8, 2, &moment.day) || !read_digits(text, 11, 2, &moment.hour) ||
        !read_digits(text, 14, 2, &moment.minute) || !read_digits(text, 17, 2, &moment.second))
        return false;
    if (text.len > 20) {
        if (text.ptr[19] != '.' || text.len < 22)
            return false;
        for (size_t i = 20; i < text.len - 1; i++)
            if (text.ptr[i] < '0' || text.ptr[i] > '9')
                return false;
    }
    return epoch_from_moment(&moment, ret_epoch_s);
}

bool vfl_timestamp_parse_http(struct vfl_span text, int64_t *ret_epoch_s)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct moment moment = {0};
    if (text.len != 29 || memcmp(text.ptr + 3, ", ", 2) != 0 ||
        memcmp(text.ptr + 25, " GMT", 4) != 0 || text.ptr[7] != ' ' || text.ptr[11] != ' ' ||
        text.ptr[16] != ' ' || text.ptr[19] != ':' || text.ptr[22] != ':')
        return false;
    for (int i = 0; i < 12; i++)
        if (memcmp(text.ptr + 8, months + 3 * i, 3) == 0)
            moment.month = i + 1;
    if (!read_digits(text, 5, 2, &moment.day) || !read_digits(text, 12, 4, &moment.year) ||
        !read_digits(text, 17, 2, &moment.hour) || !read_digits(text, 20, 2, &moment.minute) ||
        !read_digits(text, 23, 2, &moment.second))
        return false;
    return epoch_from_moment(&moment, ret_epoch_s);
}
