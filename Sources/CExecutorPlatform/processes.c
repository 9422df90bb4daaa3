// Starting children and signalling their trees.
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct failure {
    int32_t stage, error;
};

struct child {
    char **arguments, **shell_arguments, **environment;
    const char *directory, *search;
    int input, output, errors, report;
};

static int execute(const struct child *child, const char *path) {
    execve(path, child->arguments, child->environment);
    if (errno == ENOEXEC) {
        child->shell_arguments[1] = (char *)path;
        execve("/bin/sh", child->shell_arguments, child->environment);
        errno = ENOEXEC;
    }
    return errno;
}

// Runs in the child, which may share the parent's memory: it changes nothing but its own stack and the kernel's view of it.
static void __attribute__((noinline, noreturn)) become(const struct child *child) {
    struct failure failure = {PLATFORM_STAGE_SETUP, 0};
    setsid();
    if (dup2(child->input, 0) < 0 || dup2(child->output, 1) < 0 || dup2(child->errors, 2) < 0) {
        failure.error = errno;
        goto report;
    }
    if (chdir(child->directory) < 0) {
        failure.stage = PLATFORM_STAGE_DIRECTORY;
        failure.error = errno;
        goto report;
    }
    platform_restore_file_limit();
    signal(SIGPIPE, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    signal(SIGINT, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    failure.stage = PLATFORM_STAGE_EXECUTE;
    const char *command = child->arguments[0];
    if (strchr(command, '/')) {
        failure.error = execute(child, command);
        goto report;
    }
    // As execvp: the first directory whose file runs; permission denied is reported only where no other one has it.
    int denied = 0;
    size_t length = strlen(command);
    for (const char *start = child->search;;) {
        const char *end = strchrnul(start, ':');
        size_t prefix = (size_t)(end - start);
        char path[4096];
        if (prefix + length + 2 <= sizeof path) {
            memcpy(path, start, prefix);
            // An empty entry is the working directory.
            if (prefix > 0) path[prefix++] = '/';
            memcpy(path + prefix, command, length + 1);
            int error = execute(child, path);
            if (error == EACCES) {
                denied = 1;
            } else if (error != ENOENT && error != ENOTDIR && error != ENODEV && error != ESTALE && error != ETIMEDOUT) {
                failure.error = error;
                goto report;
            }
        }
        if (!*end) break;
        start = end + 1;
    }
    failure.error = denied ? EACCES : ENOENT;
report:
    while (write(child->report, &failure, sizeof failure) < 0 && errno == EINTR) {}
    _exit(127);
}

static char **pointers(const uint8_t *strings, int32_t count, int32_t room) {
    char **list = malloc(sizeof(char *) * (size_t)(count + room + 1));
    if (!list) return NULL;
    char *next = (char *)strings;
    for (int32_t index = 0; index < count; index++) {
        list[room + index] = next;
        next += strlen(next) + 1;
    }
    list[room + count] = NULL;
    return list;
}

static void close_pair(int pair[2]) {
    if (pair[0] >= 0) close(pair[0]);
    if (pair[1] >= 0) close(pair[1]);
}

int32_t platform_spawn(struct platform_spawn *spawn) {
    int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1}, report[2] = {-1, -1};
    int32_t result = 0;
    struct child child;
    spawn->process = spawn->input_descriptor = spawn->output_descriptor = spawn->error_descriptor = -1;
    spawn->stage = PLATFORM_STAGE_SETUP;
    child.arguments = pointers(spawn->arguments, spawn->argument_count, 0);
    child.shell_arguments = pointers(spawn->arguments, spawn->argument_count, 1);
    child.environment = pointers(spawn->environment, spawn->environment_count, 0);
    child.directory = (const char *)spawn->directory;
    child.search = (const char *)spawn->search;
    if (!child.arguments || !child.shell_arguments || !child.environment) {
        result = -ENOMEM;
        goto done;
    }
    child.shell_arguments[0] = (char *)"sh";
    if (spawn->input ? pipe2(input, O_CLOEXEC) < 0 : (input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) goto failed;
    if (pipe2(output, O_CLOEXEC) < 0 || (!spawn->merge && pipe2(errors, O_CLOEXEC) < 0) || pipe2(report, O_CLOEXEC) < 0) goto failed;
    child.input = input[0];
    child.output = output[1];
    child.errors = spawn->merge ? output[1] : errors[1];
    child.report = report[1];

    pid_t process = vfork();
    if (process == 0) become(&child);
    if (process < 0) goto failed;
    close(report[1]);
    report[1] = -1;
    // Where vfork is a fork (qemu-user), this read is what waits for the exec.
    struct failure failure;
    if (platform_read(report[0], &failure, sizeof failure) == sizeof failure) {
        spawn->stage = failure.stage;
        result = -failure.error;
        // The end of the child that did not become the program is taken by the event loop, as any orphan's.
        goto done;
    }
    spawn->process = process;
    spawn->input_descriptor = input[1];
    spawn->output_descriptor = output[0];
    spawn->error_descriptor = errors[0];
    if (input[1] >= 0) platform_set_nonblocking(input[1]);
    platform_set_nonblocking(output[0]);
    if (errors[0] >= 0) platform_set_nonblocking(errors[0]);
    input[1] = output[0] = errors[0] = -1;
    goto done;
failed:
    result = -errno;
done:
    close_pair(input);
    close_pair(output);
    close_pair(errors);
    close_pair(report);
    free(child.arguments);
    free(child.shell_arguments);
    free(child.environment);
    return result;
}

int32_t platform_reap(struct platform_end *end) {
    int status;
    struct rusage usage;
    pid_t process;
    do process = wait4(-1, &status, WNOHANG, &usage);
    while (process < 0 && errno == EINTR);
    if (process <= 0) return 0;
    end->process = process;
    end->code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : -1;
    end->processor_milliseconds = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000
        + (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
    return 1;
}

// ---- Trees

struct entry {
    int32_t process, parent, session;
    uint64_t started;
    char state;
    char member;
};

static int read_small(const char *path, char *buffer, size_t capacity) {
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t count = read(descriptor, buffer, capacity - 1);
    close(descriptor);
    if (count < 0) return -1;
    buffer[count] = 0;
    return (int)count;
}

static int read_entry(int32_t process, struct entry *entry) {
    char path[48], text[512];
    platform_number_path(path, "/proc/", (unsigned long)process, "/stat");
    if (read_small(path, text, sizeof text) <= 0) return 0;
    // The name is in parentheses and may hold any byte; what follows the last one is numbers.
    char *rest = strrchr(text, ')');
    if (!rest || !rest[1]) return 0;
    entry->process = process;
    entry->state = rest[2];
    entry->member = 0;
    const char *next = rest + 3;
    entry->parent = (int32_t)platform_digits(&next);
    platform_digits(&next);
    entry->session = (int32_t)platform_digits(&next);
    for (int field = 7; field < 22; field++) platform_digits(&next);
    entry->started = platform_digits(&next);
    return 1;
}

// As memmem, which brings a kilobyte of Boyer-Moore into an image.
static int contains(const char *bytes, size_t count, const char *part, size_t length) {
    for (size_t start = 0; start + length <= count; start++) {
        if (bytes[start] == part[0] && memcmp(bytes + start, part, length) == 0) return 1;
    }
    return 0;
}

// Whether a process was started with the marker in its environment.
static int has_marker(int32_t process, const char *marker) {
    char path[48];
    platform_number_path(path, "/proc/", (unsigned long)process, "/environ");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) return 0;
    size_t length = strlen(marker), kept = 0;
    char buffer[4096];
    int found = 0;
    ssize_t count;
    while (!found && (count = read(descriptor, buffer + kept, sizeof buffer - kept)) > 0) {
        size_t filled = kept + (size_t)count;
        found = contains(buffer, filled, marker, length);
        kept = filled < length ? filled : length;
        memmove(buffer, buffer + filled - kept, kept);
    }
    close(descriptor);
    return found;
}

// The kernel lists processes by rising number; whatever is out of order is moved to its place.
static void sort(struct entry *entries, size_t count) {
    for (size_t index = 1; index < count; index++) {
        struct entry entry = entries[index];
        size_t place = index;
        for (; place > 0 && entries[place - 1].process > entry.process; place--) entries[place] = entries[place - 1];
        entries[place] = entry;
    }
}

static const struct entry *find(const struct entry *entries, size_t count, int32_t process) {
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (entries[middle].process < process) low = middle + 1;
        else high = middle;
    }
    return low < count && entries[low].process == process ? &entries[low] : NULL;
}

// Sends only where the number still names the process that was looked at.
static void send_signal(const struct entry *entry, int number) {
    struct entry now;
#if defined(SYS_pidfd_open) && defined(SYS_pidfd_send_signal)
    int descriptor = (int)syscall(SYS_pidfd_open, entry->process, 0);
    if (descriptor >= 0) {
        long sent = -1;
        int same = read_entry(entry->process, &now) && now.started == entry->started;
        if (same) sent = syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0);
        int unsupported = same && sent < 0 && errno == ENOSYS;
        close(descriptor);
        if (!unsupported) return;
    }
#endif
    if (read_entry(entry->process, &now) && now.started == entry->started) kill(entry->process, number);
}

static int32_t signal_members(int32_t leader, const char *marker, int number) {
    DIR *directory = opendir("/proc");
    if (!directory) return -errno;
    struct entry *entries = NULL;
    size_t count = 0, room = 0;
    struct dirent *item;
    while ((item = readdir(directory))) {
        if (item->d_name[0] < '1' || item->d_name[0] > '9') continue;
        if (count == room) {
            room = room ? room * 2 : 256;
            struct entry *more = realloc(entries, room * sizeof *entries);
            if (!more) break;
            entries = more;
        }
        const char *digits = item->d_name;
        if (read_entry((int32_t)platform_digits(&digits), &entries[count])) count++;
    }
    closedir(directory);
    if (count == 0) {
        free(entries);
        return -ENOENT;
    }
    sort(entries, count);
    int32_t self = getpid();
    for (size_t index = 0; index < count; index++) {
        struct entry *entry = &entries[index];
        if (entry->process == self) continue;
        int adopted = entry->parent == self || entry->parent == 1;
        if (leader > 0) {
            entry->member = entry->process == leader || entry->session == leader || (adopted && has_marker(entry->process, marker));
        } else {
            entry->member = entry->parent == self || (adopted && has_marker(entry->process, marker));
        }
    }
    for (int changed = 1; changed;) {
        changed = 0;
        for (size_t index = 0; index < count; index++) {
            if (entries[index].member || entries[index].process == self) continue;
            const struct entry *parent = find(entries, count, entries[index].parent);
            if (parent && parent->member) entries[index].member = 1, changed = 1;
        }
    }
    int32_t living = 0;
    for (size_t index = 0; index < count; index++) {
        if (!entries[index].member || entries[index].state == 'Z' || entries[index].state == 'X') continue;
        living++;
        if (number > 0) send_signal(&entries[index], number);
    }
    free(entries);
    return living;
}

int32_t platform_group_signal(int32_t leader, int32_t number) { return kill(-leader, number) < 0 ? -errno : 0; }

int32_t platform_tree_signal(int32_t leader, const uint8_t *marker, int32_t number) {
    int32_t living = signal_members(leader, (const char *)marker, number);
    if (living < 0) {
        // A host without /proc: the group is what can be reached.
        return leader > 0 && kill(-leader, number) == 0 ? 1 : 0;
    }
    uint64_t deadline = platform_clock() + 2000000000u;
    // A killed process is gone only some time later, and may have had a child meanwhile.
    for (long pause = 200000; number == SIGKILL && living > 0 && platform_clock() < deadline;) {
        struct timespec time = {0, pause};
        nanosleep(&time, NULL);
        if (pause < 10000000) pause *= 2;
        living = signal_members(leader, (const char *)marker, number);
    }
    return living;
}
