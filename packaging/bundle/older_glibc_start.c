/* The same as older_glibc.c for what starts a program. Since 2.34 the program's start code leaves
 * the constructors to libc.so; with the older version, any libc.so expects the program to call
 * them. */
#include <stddef.h>

__asm__(".symver old_libc_start_main, __libc_start_main@GLIBC_2.2.5");

typedef int main_function(int, char **, char **);
typedef void init_function(int, char **, char **);

int old_libc_start_main(main_function *start, int argc, char **argv, init_function *init,
                        void (*fini)(void), void (*rtld_fini)(void), void *stack_end);
int __libc_start_main(main_function *start, int argc, char **argv, init_function *init,
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end);

/* of crti.o, and of the linker */
extern void _init(void);
extern init_function *__init_array_start[];
extern init_function *__init_array_end[];

static void call_constructors(int argc, char **argv, char **environment)
{
    _init();
    for (init_function **next = __init_array_start; next != __init_array_end; next++)
        (*next)(argc, argv, environment);
}

int __libc_start_main(main_function *start, int argc, char **argv, init_function *init,
                      void (*fini)(void), void (*rtld_fini)(void), void *stack_end)
{
    (void)init;
    return old_libc_start_main(start, argc, argv, call_constructors, fini, rtld_fini, stack_end);
}
