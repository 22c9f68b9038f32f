#include "examples/doctor/doctor.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/aws/ec2.h"
#include "core/claims.h"
#include "core/collector.h"
#include "core/interfaces_file.h"
#include "core/store/store_dir.h"
#include "examples/doctor/examination.h"
#include "examples/doctor/policy.h"
#include "examples/host/conf.h"

enum { EXIT_MISSING = 1, EXIT_USAGE = 2 };

#define MAX_INSTANCE_MS (10 * 60 * 1000)
#define DEFAULT_WAIT_S 15
#define MAX_WAIT_S 600

static const char help_text[] =
    "Usage: check-host doctor --config conf.yaml [--wait S] [--check-delete]\n"
    "Asks AWS what the flow-log check will need: credentials, role, external id, clock, bucket,\n"
    "versioning, lifecycle, every permission, and the flow logs' format. Says what is missing, "
    "and\n"
    "prints the policy statement that adds it. Nothing is deleted or changed.\n"
    "\n"
    "  -c, --config FILE     the agent's conf.yaml: init_config and a list of instances\n"
    "  -w, --wait S          wait for each answer at most S seconds, repetitions included (15)\n"
    "      --check-delete    ask for s3:DeleteObject on a server other than AWS too, where the\n"
    "                        question may leave a delete marker of a name that nobody uses\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit status: 0 nothing is missing or wrong, 1 something is, 2 wrong usage, or FILE is no\n"
    "conf.yaml.\n";

struct options {
    const char *conf_path;
    bool is_delete_forced;
    unsigned wait_s;
};

void vfl_examination_fail(struct vfl_examination *examination, const char *permission,
                          char *statement, const struct vfl_error *err)
{
    bool is_missing = err->status == VFL_DENIED;
    vfl_report_tell(examination->report, is_missing ? VFL_VERDICT_MISSING : VFL_VERDICT_WRONG,
                    permission, "%s", err->text);
    if (is_missing)
        vfl_report_remedy(examination->report, statement,
                          "%s: add this statement to the permissions policy of role %s:",
                          permission, examination->config->role_arn);
    else
        free(statement);
}

/* --- files of this machine --- */

static enum vfl_status stop_at_first(void *ctx, const struct vfl_store_object *object,
                                     struct vfl_error *err)
{
    (void)object;
    *(bool *)ctx = true;
    return vfl_error_set(err, VFL_LIMIT, "one is enough");
}

/* Only listed: the store's own question makes the folder for what is deleted. */
static void examine_folder(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    struct vfl_store *store = NULL;
    bool has_object = false;
    const struct vfl_config *config = examination->config;
    struct vfl_report *report = examination->report;
    enum vfl_status st =
        vfl_store_dir_new(config->store_directory, config->bucket, NULL, &store, &err);
    if (st == VFL_OK)
        st = store->ops->list(store, "", "", (struct vfl_object_sink){stop_at_first, &has_object},
                              &err);
    if (st == VFL_OK || has_object)
        vfl_report_tell(report, VFL_VERDICT_OK, "bucket", "%s/%s, a folder of this machine%s",
                        config->store_directory, config->bucket, has_object ? "" : ", is empty");
    else
        vfl_report_tell(report, VFL_VERDICT_WRONG, "bucket", "%s", err.text);
    if (store != NULL)
        store->ops->free(store);
}

/* --- interfaces --- */

static enum vfl_status count_interface(void *ctx, const struct vfl_interface *item,
                                       struct vfl_error *err)
{
    (void)item;
    (void)err;
    ++*(unsigned long *)ctx;
    return VFL_OK;
}

static void examine_interfaces_file(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    unsigned long count = 0;
    const char *path = examination->config->interfaces_file;
    enum vfl_status st =
        vfl_interfaces_file_read(path, (struct vfl_interface_sink){count_interface, &count}, &err);
    if (st == VFL_OK)
        vfl_report_tell(examination->report, VFL_VERDICT_OK, "interfaces_file",
                        "%s: %lu interfaces", path, count);
    else
        vfl_report_tell(examination->report, VFL_VERDICT_WRONG, "interfaces_file", "%s", err.text);
}

void vfl_examine_interfaces(struct vfl_examination *examination)
{
    static const char permission[] = "ec2:DescribeNetworkInterfaces";
    const struct vfl_config *config = examination->config;
    if (config->interfaces_file != NULL) {
        examine_interfaces_file(examination);
        return;
    }
    for (size_t i = 0; i < config->region_count; i++) {
        struct vfl_error err = {0};
        unsigned long count = 0;
        const struct vfl_interface_sink sink = {count_interface, &count};
        vfl_report_ask(permission, "%s", config->regions[i]);
        enum vfl_status st =
            vfl_ec2_describe_interfaces(examination->session, config->regions[i], sink, &err);
        if (st == VFL_OK) {
            vfl_report_tell(examination->report, VFL_VERDICT_OK, permission, "%s: %lu interfaces",
                            config->regions[i], count);
            continue;
        }
        vfl_examination_fail(examination, permission,
                             st == VFL_DENIED ? vfl_policy_interfaces() : NULL, &err);
        if (st == VFL_DENIED)
            return;
    }
}

/* --- one instance --- */

int64_t vfl_examination_now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void examine_aws(struct vfl_examination *examination)
{
    struct vfl_report *report = examination->report;
    if (!vfl_examine_role(examination)) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "bucket and interfaces",
                        "they are asked about as the role");
        return;
    }
    if (examination->config->store_directory != NULL) {
        examine_folder(examination);
    } else if (vfl_examine_bucket(examination)) {
        vfl_report_ask("flow logs", "what the bucket has, and the newest of it");
        vfl_examine_flow_logs(examination);
        vfl_examine_deletion(examination);
    } else {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "flow logs", "they are in the bucket");
    }
    vfl_examine_interfaces(examination);
}

/* One of several may well be off; a file in which all are does nothing. */
static void tell_switched_off(struct vfl_examination *examination)
{
    static const char subject[] = "process_flow_logs";
    if (examination->is_any_on) {
        vfl_report_tell(examination->report, VFL_VERDICT_NOT_CHECKED, subject,
                        "switched off here: it is not true in this instance");
        return;
    }
    vfl_report_tell(examination->report, VFL_VERDICT_WRONG, subject,
                    "it is not true: the check does nothing for this instance");
    vfl_report_remedy(examination->report, NULL, "Set process_flow_logs: true in the instance.");
}

static void examine_config(struct vfl_examination *examination)
{
    struct vfl_error err = {0};
    struct vfl_report *report = examination->report;
    const struct vfl_config *config = examination->config;
    for (size_t i = 0; i < config->notice_count; i++)
        vfl_report_tell(report, VFL_VERDICT_ADVICE, "configuration", "%s", config->notices[i]);
    if (!config->process_flow_logs) {
        tell_switched_off(examination);
        return;
    }
    /* It is asked about all the same: which of the two is wanted is not known here. */
    if (vfl_claims_take(config, examination->owner, &err) != VFL_OK)
        vfl_report_tell(report, VFL_VERDICT_WRONG, "configuration", "%s", err.text);
    if (vfl_collector_open_session(config, NULL, &examination->session, &err) != VFL_OK) {
        vfl_report_tell(report, VFL_VERDICT_WRONG, "configuration", "%s", err.text);
        return;
    }
    vfl_report_tell(report, VFL_VERDICT_OK, "configuration", "account %s, bucket %s, role %s",
                    config->account, config->bucket, config->role_arn);
    if (examination->session == NULL) {
        vfl_report_tell(report, VFL_VERDICT_NOT_CHECKED, "AWS",
                        "it is not used: bucket and interfaces are files of this machine");
        examine_folder(examination);
        vfl_examine_interfaces(examination);
        return;
    }
    vfl_aws_session_start_run(examination->session, vfl_examination_now_ms() + MAX_INSTANCE_MS);
    vfl_aws_session_limit_calls(examination->session, (int64_t)examination->wait_s * 1000);
    examine_aws(examination);
}

/* One that cannot be read is told by its own examination, and says nothing of the others. */
static bool is_any_on(const struct vfl_conf *conf)
{
    bool is_on = false;
    for (size_t i = 0; !is_on && i < conf->instance_count; i++) {
        struct vfl_config config = {0};
        enum vfl_status st =
            vfl_config_parse(vfl_span_from_string(conf->init_config),
                             vfl_span_from_string(conf->instances[i].yaml), &config, NULL);
        is_on = st != VFL_OK || config.process_flow_logs;
        vfl_config_fini(&config);
    }
    return is_on;
}

static enum vfl_status examine_instance(const struct vfl_conf *conf, size_t index, bool is_any_on,
                                        const struct options *options, struct vfl_report *report,
                                        struct vfl_error *err)
{
    struct vfl_error failure = {0};
    struct vfl_config config = {0};
    struct vfl_examination examination = {
        .config = &config,
        .owner = &conf->instances[index],
        .report = report,
        .is_delete_forced = options->is_delete_forced,
        .is_any_on = is_any_on,
        .wait_s = options->wait_s,
        .now_epoch_s = (int64_t)time(NULL),
    };
    (void)printf("%sinstances[%zu]\n", index == 0 ? "" : "\n", index);
    enum vfl_status st =
        vfl_config_parse(vfl_span_from_string(conf->init_config),
                         vfl_span_from_string(conf->instances[index].yaml), &config, &failure);
    if (st == VFL_OK)
        examine_config(&examination);
    else
        vfl_report_tell(report, VFL_VERDICT_WRONG, "configuration", "%s", failure.text);
    vfl_s3_bucket_free(examination.bucket);
    vfl_aws_session_free(examination.session);
    vfl_config_fini(&config);
    return vfl_report_print_remedies(report, err);
}

/* --- the command line --- */

static bool parse_wait(const char *text, unsigned *ret_wait_s)
{
    unsigned value = 0;
    const char *at = text;
    for (; *at >= '0' && *at <= '9' && value <= MAX_WAIT_S; at++)
        value = value * 10 + (unsigned)(*at - '0');
    if (*at != '\0' || value < 1 || value > MAX_WAIT_S) {
        (void)fprintf(stderr, "check-host doctor: --wait wants a number from 1 to %d, not \"%s\"\n",
                      MAX_WAIT_S, text);
        return false;
    }
    *ret_wait_s = value;
    return true;
}

/* True: go on; otherwise *ret_status is the exit status. */
static bool parse_options(int argc, char **argv, struct options *ret_options, int *ret_status)
{
    enum { CHECK_DELETE = 256 };
    static const struct option long_options[] = {
        {"config", required_argument, NULL, 'c'},
        {"wait", required_argument, NULL, 'w'},
        {"check-delete", no_argument, NULL, CHECK_DELETE},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.wait_s = DEFAULT_WAIT_S};
    int option;
    *ret_status = EXIT_USAGE;
    while ((option = getopt_long(argc, argv, "c:w:h", long_options, NULL)) != -1) {
        if (option == 'c') {
            options.conf_path = optarg;
        } else if (option == 'w') {
            if (!parse_wait(optarg, &options.wait_s))
                return false;
        } else if (option == CHECK_DELETE) {
            options.is_delete_forced = true;
        } else if (option == 'h') {
            (void)fputs(help_text, stdout);
            *ret_status = EXIT_SUCCESS;
            return false;
        } else {
            (void)fprintf(stderr, "Try: check-host doctor --help\n");
            return false;
        }
    }
    if (optind < argc || options.conf_path == NULL) {
        (void)fprintf(stderr, "check-host doctor: %s\nTry: check-host doctor --help\n",
                      options.conf_path == NULL ? "--config is missing: the agent's conf.yaml"
                                                : "it takes options alone");
        return false;
    }
    *ret_options = options;
    return true;
}

int vfl_doctor_main(int argc, char **argv)
{
    struct vfl_error err = {0};
    struct options options;
    struct vfl_conf conf = {0};
    struct vfl_report report;
    int exit_status;
    if (!parse_options(argc, argv, &options, &exit_status))
        return exit_status;
    vfl_report_init(&report);
    enum vfl_status st = vfl_conf_read(options.conf_path, false, &conf, &err);
    bool is_on = st == VFL_OK && is_any_on(&conf);
    for (size_t i = 0; st == VFL_OK && i < conf.instance_count; i++)
        st = examine_instance(&conf, i, is_on, &options, &report, &err);
    if (st == VFL_OK) {
        vfl_report_print_counts(&report);
        exit_status = vfl_report_is_good(&report) ? EXIT_SUCCESS : EXIT_MISSING;
    } else {
        (void)fprintf(stderr, "check-host doctor: %s\n", err.text);
        exit_status = EXIT_USAGE;
    }
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)fprintf(stderr, "check-host doctor: cannot write to standard output\n");
        exit_status = EXIT_USAGE;
    }
    for (size_t i = 0; i < conf.instance_count; i++)
        vfl_claims_release(&conf.instances[i]);
    vfl_conf_fini(&conf);
    vfl_report_fini(&report);
    return exit_status;
}
