/* check-host: runs a StackState check that comes as a shared library, the way the agent does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/doctor/doctor.h"
#include "examples/explain/explain.h"
#include "examples/host/log.h"
#include "examples/host/schedule.h"

enum { EXIT_RUN_FAILED = 1, EXIT_USAGE = 2 };

static int refuse(const struct vfl_error *err)
{
    (void)fprintf(stderr, "check-host: %s\n", err->text);
    return EXIT_USAGE;
}

static void print_counts(struct vfl_schedule *schedule)
{
    for (size_t i = 0; i < vfl_schedule_session_count(schedule); i++) {
        struct vfl_session *session = vfl_schedule_session(schedule, i);
        (void)fprintf(stderr, "%s: runs %lu", session->check_id, session->run_count);
        for (int call = 0; call < VFL_CALL_COUNT; call++) {
            unsigned long count = atomic_load(&session->call_counts[call]);
            if (count > 0)
                (void)fprintf(stderr, ", %s %lu", vfl_call_name((enum vfl_call)call), count);
        }
        (void)putc('\n', stderr);
    }
}

static void print_graph(struct vfl_schedule *schedule)
{
    size_t count = vfl_schedule_session_count(schedule);
    const struct vfl_landscape **landscapes = calloc(count, sizeof *landscapes);
    if (landscapes == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        landscapes[i] = vfl_schedule_session(schedule, i)->landscape;
    vfl_output_dot(stdout, landscapes, count);
    free(landscapes);
}

static int run(const struct vfl_options *options, struct vfl_schedule *schedule,
               struct vfl_agent *agent)
{
    bool is_good = vfl_schedule_run(schedule);
    if (options->output == VFL_OUTPUT_DOT)
        print_graph(schedule);
    else if (options->output == VFL_OUTPUT_NONE)
        print_counts(schedule);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        vfl_log(STACKSTATE_CHECK_LOG_ERROR, NULL, "cannot write to standard output");
        is_good = false;
    }
    long lent_count = atomic_load(&agent->lent_count);
    if (lent_count != 0) {
        vfl_log(STACKSTATE_CHECK_LOG_ERROR, NULL,
                "%ld texts were handed to the check and %s back through cgo_free",
                lent_count > 0 ? lent_count : -lent_count,
                lent_count > 0 ? "never given" : "more given");
        is_good = false;
    }
    return is_good && atomic_load(&agent->fault_count) == 0 ? EXIT_SUCCESS : EXIT_RUN_FAILED;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "explain") == 0)
        return vfl_explain_main(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "doctor") == 0)
        return vfl_doctor_main(argc - 1, argv + 1);
    struct vfl_options options;
    switch (vfl_options_parse(argc, argv, &options)) {
    case VFL_OPTIONS_DONE:
        return EXIT_SUCCESS;
    case VFL_OPTIONS_WRONG:
        return EXIT_USAGE;
    case VFL_OPTIONS_RUN:
        break;
    }

    struct vfl_error err = {0};
    struct vfl_library library = {0};
    struct vfl_conf conf = {0};
    struct vfl_agent agent = {.output = options.output};
    struct vfl_schedule *schedule = NULL;
    bool is_damaged = false;
    int status;

    vfl_schedule_block_signals();
    if (vfl_conf_read(options.conf_path, options.is_dry_run, &conf, &err) != VFL_OK ||
        vfl_library_open(options.library_path, &library, &err) != VFL_OK ||
        vfl_state_file_open(options.state_path, options.is_dry_run, &agent.state, &is_damaged,
                            &err) != VFL_OK) {
        status = refuse(&err);
        goto out;
    }
    if (is_damaged)
        vfl_log(STACKSTATE_CHECK_LOG_WARNING, NULL,
                "state file %s is not a JSON object: taken as empty", options.state_path);
    if (vfl_schedule_new(&options, &library, &conf, &agent, &schedule, &err) != VFL_OK) {
        status = refuse(&err);
        goto out;
    }
    status = run(&options, schedule, &agent);

out:
    vfl_schedule_free(schedule);
    vfl_state_file_free(agent.state);
    vfl_library_close(&library);
    vfl_conf_fini(&conf);
    return status;
}
