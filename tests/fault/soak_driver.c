/* One check instance in one process, run whenever a line comes on standard input.
 *
 *   soak_driver LIBRARY INIT_CONFIG INSTANCE      the last two are files with YAML maps
 *
 * After each run one line: exit status of the run, bytes in its traffic metrics, components,
 * relations and removals that it sent, and its message. Transactions are committed when a run has
 * returned. At the end of the input the check is torn down. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi/stackstate_check.h"

#define MAX_CONFIG_BYTES 65536

static struct {
    double bytes;
    unsigned long components;
    unsigned long relations;
    unsigned long removals;
    long lent;
    char *state; /* committed */
    char *booked_state;
    bool is_stopped;
} agent;

static void submit_component(char *check_id, struct stackstate_check_instance_key *key, char *id,
                             char *type, char *text)
{
    (void)check_id, (void)key, (void)id, (void)type, (void)text;
    agent.components++;
}

static void submit_relation(char *check_id, struct stackstate_check_instance_key *key, char *source,
                            char *target, char *type, char *text)
{
    (void)check_id, (void)key, (void)source, (void)target, (void)type, (void)text;
    agent.relations++;
}

static void submit_delete(char *check_id, struct stackstate_check_instance_key *key, char *element)
{
    (void)check_id, (void)key, (void)element;
    agent.removals++;
}

static void submit_metric(char *check_id, enum stackstate_check_metric_type type, char *name,
                          double value, char **tags, char *hostname, bool flush_first_value)
{
    (void)check_id, (void)type, (void)tags, (void)hostname, (void)flush_first_value;
    if (strcmp(name, "aws.flowlog.bytes_sent") == 0)
        agent.bytes += value;
}

static void start_transaction(char *check_id)
{
    (void)check_id;
}

static void stop_transaction(char *check_id)
{
    (void)check_id;
    agent.is_stopped = true;
}

static void set_transaction_state(char *check_id, char *key, char *state)
{
    (void)check_id, (void)key;
    free(agent.booked_state);
    agent.booked_state = strdup(state);
}

static char *get_state(char *check_id, char *key)
{
    (void)check_id, (void)key;
    agent.lent++;
    return strdup(agent.state == NULL ? "{}" : agent.state);
}

static void give_back(void *memory)
{
    agent.lent--;
    free(memory);
}

static void commit(void)
{
    if (agent.is_stopped && agent.booked_state != NULL) {
        free(agent.state);
        agent.state = agent.booked_state;
        agent.booked_state = NULL;
    }
    agent.is_stopped = false;
}

static const struct stackstate_check_callbacks callbacks = {
    .struct_size = sizeof callbacks,
    .abi_version = STACKSTATE_CHECK_ABI_VERSION,
    .submit_component = submit_component,
    .submit_relation = submit_relation,
    .submit_delete = submit_delete,
    .submit_metric = submit_metric,
    .start_transaction = start_transaction,
    .stop_transaction = stop_transaction,
    .set_transaction_state = set_transaction_state,
    .get_state = get_state,
    .cgo_free = give_back,
};

static bool read_text(const char *path, char *text, size_t text_size)
{
    FILE *file = fopen(path, "r");
    size_t length = file == NULL ? 0 : fread(text, 1, text_size - 1, file);
    text[length] = '\0';
    return file != NULL && fclose(file) == 0 && length < text_size - 1;
}

static bool find(void *library, const char *name, void *function)
{
    void *address = library == NULL ? NULL : dlsym(library, name);
    memcpy(function, &address, sizeof address);
    return address != NULL;
}

int main(int argc, char **argv)
{
    static char init_config[MAX_CONFIG_BYTES];
    static char instance[MAX_CONFIG_BYTES];
    char message[1024] = "";
    char line[16];
    stackstate_check_configure_fn configure;
    stackstate_check_run_fn run;
    stackstate_check_teardown_fn teardown;
    struct stackstate_check *check = NULL;

    void *library = argc == 4 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!find(library, "stackstate_check_configure", &configure) ||
        !find(library, "stackstate_check_run", &run) ||
        !find(library, "stackstate_check_teardown", &teardown) ||
        !read_text(argv[2], init_config, sizeof init_config) ||
        !read_text(argv[3], instance, sizeof instance)) {
        (void)fprintf(stderr, "soak_driver: cannot load the library or read the configuration\n");
        return EXIT_FAILURE;
    }
    if (configure(&callbacks, "soak", init_config, instance, &check, message, sizeof message) !=
        0) {
        (void)fprintf(stderr, "soak_driver: %s\n", message);
        return EXIT_FAILURE;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        message[0] = '\0';
        agent.bytes = 0;
        agent.components = agent.relations = agent.removals = 0;
        int status = run(check, message, sizeof message);
        commit();
        (void)printf("%d %.0f %lu %lu %lu %s\n", status, agent.bytes, agent.components,
                     agent.relations, agent.removals, message);
        (void)fflush(stdout);
    }
    teardown(check);
    (void)dlclose(library);
    free(agent.state);
    free(agent.booked_state);
    return agent.lent == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
