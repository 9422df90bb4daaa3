// The process itself: start-up, signals, clock, host facts.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct rlimit platform_child_files;
static uint32_t saved_umask;
static int signal_event = -1;
static uint32_t signals;

void platform_number_path(char *buffer, const char *prefix, unsigned long number, const char *suffix) {
    char digits[20];
    int count = 0;
    do digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (*prefix) *buffer++ = *prefix++;
    while (count > 0) *buffer++ = digits[--count];
    while ((*buffer++ = *suffix++)) {}
}

uint64_t platform_digits(const char **position) {
    const char *next = *position;
    uint64_t number = 0;
    while (*next == ' ') next++;
    if (*next == '-') next++;
    for (; *next >= '0' && *next <= '9'; next++) number = number * 10 + (uint64_t)(*next - '0');
    *position = next;
    return number;
}

// The system call itself: musl's setrlimit stops all threads for kernels that are older than any with epoll's newer calls.
static int file_limit(const struct rlimit *wanted, struct rlimit *had) {
    uint64_t old[2], new[2];
    if (wanted) new[0] = wanted->rlim_cur, new[1] = wanted->rlim_max;
    long status = syscall(SYS_prlimit64, 0, RLIMIT_NOFILE, wanted ? new : NULL, had ? old : NULL);
    if (status == 0 && had) had->rlim_cur = (rlim_t)old[0], had->rlim_max = (rlim_t)old[1];
    return (int)status;
}

void platform_restore_file_limit(void) {
    if (platform_child_files.rlim_max > 0) file_limit(&platform_child_files, NULL);
}

static void close_inherited(void) {
#ifdef SYS_close_range
    if (syscall(SYS_close_range, 3U, ~0U, 0U) == 0) return;
#endif
    // Kernels before 5.9. The directory's own descriptor is among what is listed; closing a number twice is harmless here.
    DIR *directory = opendir("/proc/self/fd");
    if (directory) {
        int numbers[1024], count = 0;
        struct dirent *entry;
        while (count < 1024 && (entry = readdir(directory))) {
            const char *digits = entry->d_name;
            int number = (int)platform_digits(&digits);
            if (number > 2 && number != dirfd(directory)) numbers[count++] = number;
        }
        closedir(directory);
        while (count > 0) close(numbers[--count]);
    } else {
        for (int number = 3; number < 1024; number++) close(number);
    }
}

void platform_prepare(void) {
    close_inherited();
    for (int number = 0; number <= 2; number++) {
        if (fcntl(number, F_GETFD) < 0 && open("/dev/null", O_RDWR) != number) _exit(1);
    }
    for (int number = 1; number < 65; number++) {
        struct sigaction action;
        if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) signal(number, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_IGN);
#ifdef PR_SET_CHILD_SUBREAPER
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
#endif
    saved_umask = umask(022);
    umask(saved_umask);
    if (file_limit(NULL, &platform_child_files) == 0 && platform_child_files.rlim_cur < platform_child_files.rlim_max) {
        struct rlimit raised = platform_child_files;
        raised.rlim_cur = raised.rlim_max;
        file_limit(&raised, NULL);
    }
}

static void on_signal(int number) {
    int saved = errno;
    __atomic_fetch_or(&signals, number == SIGCHLD ? 1 : 2, __ATOMIC_SEQ_CST);
    platform_event_signal(signal_event);
    errno = saved;
}

int32_t platform_watch_signals(int32_t event) {
    signal_event = event;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    int numbers[] = {SIGCHLD, SIGTERM, SIGHUP, SIGINT};
    for (unsigned index = 0; index < 4; index++) {
        if (sigaction(numbers[index], &action, NULL) < 0) return -errno;
    }
    return 0;
}

uint32_t platform_take_signals(void) { return __atomic_exchange_n(&signals, 0, __ATOMIC_SEQ_CST); }

void platform_exit(int32_t status) { _exit(status); }
int32_t platform_process_id(void) { return getpid(); }
uint32_t platform_user_id(void) { return geteuid(); }
uint32_t platform_umask(void) { return saved_umask; }

int32_t platform_random(uint8_t *bytes, size_t count) {
#ifdef SYS_getrandom
    if (syscall(SYS_getrandom, bytes, count, 0) == (long)count) return 0;
#endif
    // Kernels before 3.17.
    int descriptor = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    ssize_t taken = read(descriptor, bytes, count);
    close(descriptor);
    return taken == (ssize_t)count ? 0 : -EIO;
}

uint64_t platform_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t platform_wall_clock(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

uint64_t platform_resident_kilobytes(void) {
    char text[64];
    int descriptor = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    ssize_t count = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (count <= 0) return 0;
    text[count] = 0;
    const char *space = strchr(text, ' ');
    return space ? platform_digits(&space) * getauxval(AT_PAGESZ) / 1024 : 0;
}

const uint8_t *platform_environment(int32_t index) { return (const uint8_t *)environ[index]; }
const uint8_t *platform_variable(const uint8_t *name) { return (const uint8_t *)getenv((const char *)name); }

int32_t platform_uname(uint8_t *buffer, size_t capacity) {
    struct utsname names;
    if (uname(&names) < 0) return -errno;
    const char *parts[] = {names.sysname, names.machine, names.release, names.nodename};
    size_t used = 0;
    for (int index = 0; index < 4; index++) {
        size_t length = strlen(parts[index]) + 1;
        if (used + length > capacity) return -ENAMETOOLONG;
        memcpy(buffer + used, parts[index], length);
        used += length;
    }
    return (int32_t)used;
}

// /etc/passwd is read here: getpwuid would pull the C library's name service into a static binary. Accounts from a directory service are
// not in the file; for them the environment that the login gave has USER and HOME.
int32_t platform_account(uint32_t user, uint8_t *buffer, size_t capacity) {
    int descriptor = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -errno;
    char text[4096], *line = text, *filled = text;
    int32_t result = -ENOENT;
    while (result == -ENOENT) {
        char *end = memchr(line, '\n', (size_t)(filled - line));
        if (!end) {
            // What is left of the buffer moves to its front; a line that fills all of it is none that this looks for.
            size_t rest = line == text && filled == text + sizeof text ? 0 : (size_t)(filled - line);
            memmove(text, line, rest);
            line = text;
            ssize_t count = read(descriptor, text + rest, sizeof text - rest);
            if (count <= 0) break;
            filled = text + rest + count;
            continue;
        }
        *end = 0;
        char *fields[6] = {line};
        int count = 1;
        for (char *next = line; count < 6 && (next = strchr(next, ':')); count++) {
            *next++ = 0;
            fields[count] = next;
        }
        line = end + 1;
        if (count < 6 || fields[2][0] < '0' || fields[2][0] > '9') continue;
        const char *digits = fields[2];
        if (platform_digits(&digits) != user) continue;
        char *shell = strchr(fields[5], ':');
        if (shell) *shell++ = 0;
        const char *parts[] = {fields[0], fields[5], shell ? shell : ""};
        size_t used = 0;
        for (int index = 0; index < 3; index++) {
            size_t length = strlen(parts[index]) + 1;
            if (used + length > capacity) {
                close(descriptor);
                return -ENAMETOOLONG;
            }
            memcpy(buffer + used, parts[index], length);
            used += length;
        }
        result = (int32_t)used;
    }
    close(descriptor);
    return result;
}

int32_t platform_working_directory(uint8_t *buffer, size_t capacity) {
    // The C library's function would allocate where it is given no buffer, and brings an allocator with it.
    long length = syscall(SYS_getcwd, buffer, capacity);
    return length < 0 ? -errno : (int32_t)length - 1;
}

static const short errors[] = {
    ENOENT, EACCES, EPERM, EROFS, EEXIST, ENOTEMPTY, ENOTDIR, EISDIR, ENOSPC, EDQUOT, EFBIG, ENAMETOOLONG, EINVAL, ELOOP,
    ETIMEDOUT, EXDEV, EBUSY, EMFILE, ENFILE, ENOMEM, EIO, E2BIG, ESTALE, ETXTBSY, EAGAIN, EPIPE, ECANCELED, EOPNOTSUPP, ENXIO,
    ENOEXEC, ELIBBAD,
};

enum platform_errno platform_errno_name(int32_t error) {
    if (error < 0) error = -error;
    for (unsigned index = 0; index < sizeof errors / sizeof *errors; index++) {
        if (errors[index] == error) return (enum platform_errno)index;
    }
    return PLATFORM_OTHER;
}
