/* Makes a socket behave like /dev/watchdog for one process: open(2) connects, ioctl(2) asks the
 * process behind the socket (watchdog.py), write(2) and close(2) are the socket's own, and so is
 * what happens when the process dies. Loaded with LD_PRELOAD, so that the product's calls are the
 * real ones. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct packet {
    int32_t fault;
    uint32_t request;
    char argument[40];
};

static int watchdog = -1;

static int connected(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct packet answer;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    strncpy(address.sun_path, path, sizeof address.sun_path - 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        recv(fd, &answer, sizeof answer, 0) != sizeof answer) {
        close(fd);
        errno = ENODEV;
        return -1;
    }
    if (answer.fault) {
        close(fd);
        errno = answer.fault;
        return -1;
    }
    watchdog = fd;
    return fd;
}

static int opened(const char *name, const char *path, int flags, mode_t mode)
{
    int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, name);
    struct stat found;

    if (stat(path, &found) == 0 && S_ISSOCK(found.st_mode))
        return connected(path);
    return real(path, flags, mode);
}

#define OPEN(name)                                                                                 \
    int name(const char *path, int flags, ...)                                                     \
    {                                                                                              \
        va_list rest;                                                                              \
        va_start(rest, flags);                                                                     \
        mode_t mode = flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;                  \
        va_end(rest);                                                                              \
        return opened(#name, path, flags, mode);                                                   \
    }

OPEN(open)
OPEN(open64)

int ioctl(int fd, unsigned long request, ...)
{
    static int (*real)(int, unsigned long, ...);
    struct packet packet = {0};
    va_list rest;

    va_start(rest, request);
    char *argument = va_arg(rest, char *);
    va_end(rest);
    if (fd != watchdog || fd < 0) {
        if (!real)
            real = dlsym(RTLD_NEXT, "ioctl");
        return real(fd, request, argument);
    }
    size_t size = _IOC_SIZE(request);
    if (size > sizeof packet.argument) {
        errno = EINVAL;
        return -1;
    }
    packet.request = request;
    memcpy(packet.argument, argument, size);
    if (send(fd, &packet, sizeof packet, MSG_NOSIGNAL) != sizeof packet ||
        recv(fd, &packet, sizeof packet, 0) != sizeof packet) {
        errno = EIO;
        return -1;
    }
    if (packet.fault) {
        errno = packet.fault;
        return -1;
    }
    memcpy(argument, packet.argument, size);
    return 0;
}
