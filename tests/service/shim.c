/* For LD_PRELOAD: has functions of the C library fail or hang, as files in the folder $SHIM say.
 * A file with the name of a function holds the errno that it fails with, or "hang": then it does
 * not return while the file is there. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <netdb.h>
#include <stdio.h>

/* The errno that `name` is to fail with; 0: none. */
static int fault(const char *name) {
    const char *folder = getenv("SHIM");
    if (!folder) return 0;
    char path[512], text[16];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (;;) {
        long fd = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        if (fd < 0) return 0;
        long count = syscall(SYS_read, fd, text, sizeof text - 1);
        syscall(SYS_close, fd);
        text[count > 0 ? count : 0] = 0;
        if (strncmp(text, "hang", 4)) return atoi(text);
        usleep(10000);
    }
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define FAILS(name, result, declared, given)        \
    result name declared {                          \
        int error = fault(#name);                   \
        if (error) { errno = error; return -1; }    \
        return REAL(name) given;                    \
    }

FAILS(epoll_wait, int, (int e, struct epoll_event *events, int most, int wait), (e, events, most, wait))
FAILS(socket, int, (int domain, int type, int protocol), (domain, type, protocol))
FAILS(accept4, int, (int fd, struct sockaddr *a, socklen_t *l, int flags), (fd, a, l, flags))

static int is_program(const char *path) {
    size_t length = strlen(path);
    return length > 10 && !strcmp(path + length - 10, "/jat-proxy");
}

/* Only of the program itself. */
int statx(int folder, const char *path, int flags, unsigned mask, struct statx *found) {
    int error = is_program(path) ? fault("statx") : 0;
    if (error) { errno = error; return -1; }
    return REAL(statx)(folder, path, flags, mask, found);
}

int posix_spawnp(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                 const posix_spawnattr_t *with, char *const arguments[], char *const variables[]) {
    int error = is_program(path) ? fault("posix_spawnp") : 0;
    return error ? error : REAL(posix_spawnp)(pid, path, actions, with, arguments, variables);
}

int pthread_create(pthread_t *thread, const pthread_attr_t *with, void *(*run)(void *), void *of) {
    int error = fault("pthread_create");
    return error ? error : REAL(pthread_create)(thread, with, run, of);
}

int getaddrinfo(const char *n, const char *s, const struct addrinfo *h, struct addrinfo **a) {
    int error = fault("getaddrinfo");
    if (error) { errno = error; return EAI_SYSTEM; }
    return REAL(getaddrinfo)(n, s, h, a);
}

/* Only of files that a configuration is in, or the standard library could not start; of
 * certificates by a name of its own. */
int open64(const char *path, int flags, ...) {
    __builtin_va_list more;
    __builtin_va_start(more, flags);
    int mode = __builtin_va_arg(more, int), error = 0;
    if (strstr(path, ".toml")) error = fault("open64");
    if (strstr(path, ".pem")) error = fault("open64-pem");
    __builtin_va_end(more);
    if (error) { errno = error; return -1; }
    return REAL(open64)(path, flags, mode);
}
