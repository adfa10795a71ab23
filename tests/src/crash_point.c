/* Ends a program with SIGKILL at one of its changes to files: before the CRASH_AT-th of them under
 * CRASH_UNDER happens, or, where it is a write and CRASH_TORN is set, after half of it. Without CRASH_AT
 * it counts them, and leaves the number in CRASH_COUNT. Loaded before the C library (LD_PRELOAD). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static atomic_long met;

static int is_under(const char *path) {
    const char *under = getenv("CRASH_UNDER");
    return under && path && strncmp(path, under, strlen(under)) == 0;
}

static int fd_is_under(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return is_under(path);
}

/* Whether this change is the one to end at. */
static int is_it(void) {
    const char *at = getenv("CRASH_AT");
    return atomic_fetch_add(&met, 1) + 1 == (at ? atol(at) : 0);
}

static void end_here(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

static void end_at(int counts) {
    if (counts && is_it()) end_here();
}

__attribute__((destructor)) static void tell(void) {
    const char *into = getenv("CRASH_COUNT");
    if (!into || getenv("CRASH_AT")) return;
    FILE *file = fopen(into, "w");
    if (file) {
        fprintf(file, "%ld", atomic_load(&met));
        fclose(file);
    }
}

#define REAL(name, ...) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))(__VA_ARGS__)

#define WRITES(name, place, ...)                                             \
    int old = errno;                                                         \
    if (fd_is_under(fd) && is_it()) {                                        \
        if (getenv("CRASH_TORN")) {                                          \
            size_t count = size / 2;                                         \
            (void)!place;                                                    \
        }                                                                    \
        end_here();                                                          \
    }                                                                        \
    errno = old;                                                             \
    return REAL(name, __VA_ARGS__)

ssize_t write(int fd, const void *from, size_t size) {
    WRITES(write, syscall(SYS_write, fd, from, count), fd, from, size);
}
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) {
    WRITES(pwrite, syscall(SYS_pwrite64, fd, from, count, at), fd, from, size, at);
}
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) {
    WRITES(pwrite64, syscall(SYS_pwrite64, fd, from, count, at), fd, from, size, at);
}
int fsync(int fd) { end_at(fd_is_under(fd)); return REAL(fsync, fd); }
int fdatasync(int fd) { end_at(fd_is_under(fd)); return REAL(fdatasync, fd); }
int ftruncate(int fd, off_t size) { end_at(fd_is_under(fd)); return REAL(ftruncate, fd, size); }
int ftruncate64(int fd, off64_t size) { end_at(fd_is_under(fd)); return REAL(ftruncate64, fd, size); }
int unlink(const char *path) { end_at(is_under(path)); return REAL(unlink, path); }
int rename(const char *from, const char *to) { end_at(is_under(to)); return REAL(rename, from, to); }
int mkdir(const char *path, mode_t mode) { end_at(is_under(path)); return REAL(mkdir, path, mode); }

static int makes(const char *path, int flags) {
    return (flags & (O_CREAT | O_TRUNC)) && is_under(path) && ((flags & O_TRUNC) || access(path, F_OK));
}

#define OPENS(name, ...)                                                     \
    mode_t mode = 0;                                                         \
    if (flags & O_CREAT) {                                                   \
        va_list rest;                                                        \
        va_start(rest, flags);                                               \
        mode = va_arg(rest, mode_t);                                         \
        va_end(rest);                                                        \
    }                                                                        \
    int old = errno;                                                         \
    end_at(makes(path, flags));                                              \
    errno = old;                                                             \
    return REAL(name, __VA_ARGS__, flags, mode)

int open(const char *path, int flags, ...) { OPENS(open, path); }
int open64(const char *path, int flags, ...) { OPENS(open64, path); }
int openat(int folder, const char *path, int flags, ...) { OPENS(openat, folder, path); }
int openat64(int folder, const char *path, int flags, ...) { OPENS(openat64, folder, path); }
