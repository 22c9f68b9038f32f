#include "examples/host/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "abi/stackstate_check.h"

static const char help_text[] =
    "Usage: check-host --check LIBRARY --config conf.yaml [options]\n"
    "       check-host explain [options] FILE..\n"
    "       check-host doctor --config conf.yaml\n"
    "Runs a StackState check that comes as a shared library, the way the agent does; or explains\n"
    "what the flow-log check makes of files (check-host explain --help); or asks AWS whether it has\n"
    "all that it needs (check-host doctor --help).\n"
    "\n"
    "  -l, --check LIBRARY   the check: a shared library with the StackState check ABI\n"
    "  -c, --config FILE     the agent's conf.yaml: init_config and a list of instances\n"
    "  -1, --once            run each instance once, then exit\n"
    "  -n, --runs N          run each instance N times, then exit (default: until stopped)\n"
    "  -i, --interval S      seconds between runs (default: the instance's collection_interval\n"
    "                        or min_collection_interval, else 60)\n"
    "  -o, --output FORM     text   who talks to whom, after each run (default on a terminal)\n"
    "                        jsonl  one JSON object per callback (default elsewhere)\n"
    "                        dot    the topology as a Graphviz graph, at the end\n"
    "                        none   count callbacks only\n"
    "  -s, --state FILE      keep the check's state in FILE (default: in memory only)\n"
    "  -d, --dry-run         set dry_run in every instance, and do not write the state file\n"
    "  -h, --help            this text\n"
    "  -V, --version         the version of the host and of the ABI\n"
    "\n"
    "Log lines go to stderr. SIGINT and SIGTERM end the check within 3 seconds.\n"
    "Exit status: 0 all runs went through, 1 a run failed or the check broke a rule of the ABI,\n"
    "2 wrong usage or configuration.\n";

static bool parse_count(const char *option, const char *text, unsigned long max,
                        unsigned long *ret_count)
{
    char *end = NULL;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value == 0 || value > max) {
        (void)fprintf(stderr, "check-host: %s wants a number from 1 to %lu, not \"%s\"\n", option,
                      max, text);
        return false;
    }
    *ret_count = value;
    return true;
}

static bool parse_output(const char *text, enum vfl_output *ret_output)
{
    static const struct {
        const char *name;
        enum vfl_output output;
    } forms[] = {
        {"text", VFL_OUTPUT_TEXT},
        {"jsonl", VFL_OUTPUT_JSONL},
        {"dot", VFL_OUTPUT_DOT},
        {"none", VFL_OUTPUT_NONE},
    };
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(text, forms[i].name) == 0) {
            *ret_output = forms[i].output;
            return true;
        }
    }
    (void)fprintf(stderr, "check-host: --output wants text, jsonl, dot or none, not \"%s\"\n",
                  text);
    return false;
}

static bool take_option(int option, struct vfl_options *options)
{
    unsigned long count = 0;
    switch (option) {
    case 'l':
        options->library_path = optarg;
        return true;
    case 'c':
        options->conf_path = optarg;
        return true;
    case 's':
        options->state_path = optarg;
        return true;
    case '1':
        options->run_limit = 1;
        return true;
    case 'n':
        return parse_count("--runs", optarg, 1000000000ul, &options->run_limit);
    case 'i':
        if (!parse_count("--interval", optarg, 604800ul, &count))
            return false;
        options->interval_s = (unsigned)count;
        return true;
    case 'o':
        return parse_output(optarg, &options->output);
    case 'd':
        options->is_dry_run = true;
        return true;
    default: /* getopt_long has said what is wrong */
        (void)fprintf(stderr, "Try: check-host --help\n");
        return false;
    }
}

static enum vfl_options_outcome complain(const char *problem)
{
    (void)fprintf(stderr, "check-host: %s\nTry: check-host --help\n", problem);
    return VFL_OPTIONS_WRONG;
}

enum vfl_options_outcome vfl_options_parse(int argc, char **argv, struct vfl_options *ret_options)
{
    static const struct option long_options[] = {
        {"check", required_argument, NULL, 'l'},
        {"config", required_argument, NULL, 'c'},
        {"once", no_argument, NULL, '1'},
        {"runs", required_argument, NULL, 'n'},
        {"interval", required_argument, NULL, 'i'},
        {"output", required_argument, NULL, 'o'},
        {"state", required_argument, NULL, 's'},
        {"dry-run", no_argument, NULL, 'd'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
        {NULL, 0, NULL, 0},
    };
    struct vfl_options options = {
        .output = isatty(STDOUT_FILENO) ? VFL_OUTPUT_TEXT : VFL_OUTPUT_JSONL,
    };
    int option;
    while ((option = getopt_long(argc, argv, "l:c:1n:i:o:s:dhV", long_options, NULL)) != -1) {
        if (option == 'h') {
            (void)fputs(help_text, stdout);
            return VFL_OPTIONS_DONE;
        }
        if (option == 'V') {
            (void)printf("check-host %s (check ABI %u)\n", VFL_VERSION,
                         STACKSTATE_CHECK_ABI_VERSION);
            return VFL_OPTIONS_DONE;
        }
        if (!take_option(option, &options))
            return VFL_OPTIONS_WRONG;
    }
    if (optind < argc) {
        (void)fprintf(stderr, "check-host: \"%s\" is not an option\nTry: check-host --help\n",
                      argv[optind]);
        return VFL_OPTIONS_WRONG;
    }
    if (options.library_path == NULL)
        return complain("--check is missing: the shared library to run");
    if (options.conf_path == NULL)
        return complain("--config is missing: the check's conf.yaml");
    *ret_options = options;
    return VFL_OPTIONS_RUN;
}
