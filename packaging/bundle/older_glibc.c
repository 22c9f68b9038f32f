/* Takes the functions that glibc gave a new symbol version after 2.17 under their old one, so that
 * what is built on this distribution runs on those that are older. The libraries linked in use them
 * too, which is why their names are defined here (hidden) and not only our own calls redirected.
 * The old versions are part of glibc's ABI and stay: 2.34 moved libpthread and libdl into
 * libc, 2.33 made the stat family functions, 2.28 added fcntl64.
 *
 * When something is missing here, tests/packaging tells its name: a row for it, or it is not used.
 * The headers that declare these functions are left out, because they may rename them. */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define OLD(name, version) __asm__(".symver old_" #name ", " #name "@GLIBC_" version)

/* name(parameters) calls the old version with arguments. */
#define FORWARD(result, name, parameters, arguments, version)                                      \
    OLD(name, version);                                                                            \
    result old_##name parameters;                                                                  \
    result name parameters;                                                                        \
    result name parameters                                                                         \
    {                                                                                              \
        return old_##name arguments;                                                               \
    }

/* clang-format off */

/* 2.34: pthread_* and dl* */
FORWARD(int, pthread_create, (void *a, const void *b, void *(*c)(void *), void *d), (a, b, c, d), "2.2.5")
FORWARD(int, pthread_join, (uintptr_t a, void **b), (a, b), "2.2.5")
FORWARD(int, pthread_detach, (uintptr_t a), (a), "2.2.5")
FORWARD(int, pthread_kill, (uintptr_t a, int b), (a, b), "2.2.5")
FORWARD(int, pthread_once, (void *a, void (*b)(void)), (a, b), "2.2.5")
FORWARD(int, pthread_key_create, (unsigned *a, void (*b)(void *)), (a, b), "2.2.5")
FORWARD(int, pthread_key_delete, (unsigned a), (a), "2.2.5")
FORWARD(void *, pthread_getspecific, (unsigned a), (a), "2.2.5")
FORWARD(int, pthread_setspecific, (unsigned a, const void *b), (a, b), "2.2.5")
FORWARD(int, pthread_mutex_trylock, (void *a), (a), "2.2.5")
FORWARD(int, pthread_rwlock_init, (void *a, const void *b), (a, b), "2.2.5")
FORWARD(int, pthread_rwlock_destroy, (void *a), (a), "2.2.5")
FORWARD(int, pthread_rwlock_rdlock, (void *a), (a), "2.2.5")
FORWARD(int, pthread_rwlock_wrlock, (void *a), (a), "2.2.5")
FORWARD(int, pthread_rwlock_unlock, (void *a), (a), "2.2.5")
FORWARD(int, pthread_condattr_setclock, (void *a, int b), (a, b), "2.3.3")
FORWARD(int, pthread_attr_setstacksize, (void *a, size_t b), (a, b), "2.2.5")
FORWARD(int, pthread_setname_np, (uintptr_t a, const char *b), (a, b), "2.12")
FORWARD(int, pthread_sigmask, (int a, const void *b, void *c), (a, b, c), "2.2.5")
FORWARD(void *, dlopen, (const char *a, int b), (a, b), "2.2.5")
FORWARD(void *, dlsym, (void *a, const char *b), (a, b), "2.2.5")
FORWARD(int, dlclose, (void *a), (a), "2.2.5")
FORWARD(char *, dlerror, (void), (), "2.2.5")
FORWARD(int, dladdr, (const void *a, void *b), (a, b), "2.2.5")

/* clang-format on */

/* 2.33: functions, where there had been these. Their first argument is the layout of struct stat,
 * of which x86-64 has one, with and without 64 in the name. */
#define STAT_LAYOUT 1
OLD(__xstat, "2.2.5");
OLD(__lxstat, "2.2.5");
OLD(__fxstat, "2.2.5");
OLD(__fxstatat, "2.4");
int old___xstat(int layout, const char *path, void *ret_stat);
int old___lxstat(int layout, const char *path, void *ret_stat);
int old___fxstat(int layout, int fd, void *ret_stat);
int old___fxstatat(int layout, int fd, const char *path, void *ret_stat, int flags);

#define STAT_FAMILY(suffix)                                                                        \
    int stat##suffix(const char *path, void *ret_stat);                                            \
    int stat##suffix(const char *path, void *ret_stat)                                             \
    {                                                                                              \
        return old___xstat(STAT_LAYOUT, path, ret_stat);                                           \
    }                                                                                              \
    int lstat##suffix(const char *path, void *ret_stat);                                           \
    int lstat##suffix(const char *path, void *ret_stat)                                            \
    {                                                                                              \
        return old___lxstat(STAT_LAYOUT, path, ret_stat);                                          \
    }                                                                                              \
    int fstat##suffix(int fd, void *ret_stat);                                                     \
    int fstat##suffix(int fd, void *ret_stat)                                                      \
    {                                                                                              \
        return old___fxstat(STAT_LAYOUT, fd, ret_stat);                                            \
    }                                                                                              \
    int fstatat##suffix(int fd, const char *path, void *ret_stat, int flags);                      \
    int fstatat##suffix(int fd, const char *path, void *ret_stat, int flags)                       \
    {                                                                                              \
        return old___fxstatat(STAT_LAYOUT, fd, path, ret_stat, flags);                             \
    }

STAT_FAMILY()
STAT_FAMILY(64)

/* 2.28. Every argument that fcntl knows fits into a register of its own. */
OLD(fcntl, "2.2.5");
int old_fcntl(int fd, int command, void *argument);
int fcntl64(int fd, int command, void *argument);

int fcntl64(int fd, int command, void *argument)
{
    return old_fcntl(fd, command, argument);
}

/* 2.25. OpenSSL seeds its generator with it, and reads /dev/urandom itself where the kernel (before
 * 3.17) does not know the call. */
long syscall(long number, ...);
int getentropy(void *bytes, size_t size);

int getentropy(void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        long count = syscall(SYS_getrandom, (char *)bytes + done, size - done, 0);
        if (count < 0 && errno != EINTR)
            return -1;
        done += count > 0 ? (size_t)count : 0;
    }
    return 0;
}

/* 2.36. It cannot fail, and libc's own aborts the process instead. What calls it here are hash
 * seeds (expat) and names of MIME parts (curl); keys and nonces are OpenSSL's matter. */
void arc4random_buf(void *bytes, size_t size);

static int read_urandom(unsigned char *bytes, size_t size)
{
    int fd = (int)syscall(SYS_openat, AT_FDCWD, "/dev/urandom", O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    while (fd >= 0 && done < size) {
        ssize_t count = read(fd, bytes + done, size - done);
        if (count == 0 || (count < 0 && errno != EINTR))
            break;
        done += count > 0 ? (size_t)count : 0;
    }
    if (fd >= 0)
        (void)close(fd);
    return done == size ? 0 : -1;
}

void arc4random_buf(void *bytes, size_t size)
{
    if (getentropy(bytes, size) == 0 || read_urandom(bytes, size) == 0)
        return;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    uint64_t state = (uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now;
    for (size_t i = 0; i < size; i++) {
        state = state * 6364136223846793005U + 1442695040888963407U; /* Knuth's MMIX generator */
        ((unsigned char *)bytes)[i] = (unsigned char)(state >> 56);
    }
}
