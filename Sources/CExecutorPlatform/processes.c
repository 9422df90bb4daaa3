// Starting children and taking their ends.
#include "internal.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

struct failure {
    int32_t stage, error;
};

struct child {
    char **arguments, **shell_arguments, **environment;
    const char *program, *directory, *search;
    const uint8_t *sandbox;  // empty where it may do everything
    const uint32_t *identity;
    int input, output, errors, report, has_terminal, has_mounts;
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
    if (child->has_terminal && ioctl(0, TIOCSCTTY, 0) < 0) {
        failure.error = errno;
        goto report;
    }
    // Before the directory is entered: a mount that comes later would not count in it.
    if (*child->sandbox && platform_sandbox_enter(child->sandbox, child->has_mounts, child->identity) < 0) {
        failure.stage = PLATFORM_STAGE_SANDBOX;
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
    const char *command = child->program;
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

static char **pointers(const uint8_t *strings, size_t length, size_t room) {
    size_t count = room;
    for (size_t index = 0; index < length; index++) count += strings[index] == 0;
    char **list = malloc(sizeof(char *) * (count + 1));
    if (!list) return NULL;
    char *next = (char *)strings;
    for (size_t index = room; index < count; index++) {
        list[index] = next;
        next += strlen(next) + 1;
    }
    list[count] = NULL;
    return list;
}

static void close_pair(int pair[2]) {
    if (pair[0] >= 0) close(pair[0]);
    if (pair[1] >= 0) close(pair[1]);
}

// A terminal's two ends: the executor's, and the child's which is open until the child has it.
static int open_terminal(const struct platform_spawn *spawn, int output[2]) {
    char path[40];
    int number = 0, unlocked = 0;
    output[0] = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (output[0] < 0 || ioctl(output[0], TIOCSPTLCK, &unlocked) < 0 || ioctl(output[0], TIOCGPTN, &number) < 0) return -1;
    platform_number_path(path, "/dev/pts/", (unsigned long)number, "");
    output[1] = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (output[1] < 0) return -1;
    return platform_resize(output[0], spawn->rows, spawn->columns);
}

int32_t platform_resize(int32_t terminal, uint32_t rows, uint32_t columns) {
    struct winsize size = {(unsigned short)rows, (unsigned short)columns, 0, 0};
    return ioctl(terminal, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}

// Starts a child that shares nothing with this process: one that shares its memory can have no namespace of users. Mounts of its own need one,
// unless this process may mount.
static pid_t start_apart(struct child *child, const uint32_t *identity) {
    pid_t process = (pid_t)syscall(SYS_clone, CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0);
    if (process >= 0 || errno != EPERM) return process;
    child->identity = identity;
    return (pid_t)syscall(SYS_clone, CLONE_NEWNS | CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
}

int32_t platform_spawn(
    struct platform_spawn *spawn, const uint8_t *program, const uint8_t *arguments, size_t arguments_length, const uint8_t *environment,
    size_t environment_length, const uint8_t *directory, const uint8_t *sandbox
) {
    int input[2] = {-1, -1}, output[2] = {-1, -1}, errors[2] = {-1, -1}, report[2] = {-1, -1};
    int32_t result = 0;
    struct child child;
    spawn->process = spawn->input_descriptor = spawn->output_descriptor = spawn->error_descriptor = -1;
    spawn->stage = PLATFORM_STAGE_SETUP;
    child.arguments = pointers(arguments, arguments_length, 0);
    child.shell_arguments = pointers(arguments, arguments_length, 1);
    child.environment = pointers(environment, environment_length, 0);
    child.program = (const char *)program;
    child.directory = (const char *)directory;
    child.sandbox = sandbox;
    child.has_mounts = *sandbox != 0;
    child.search = (const char *)platform_environment_value(environment, environment_length, "PATH");
    if (!child.search) child.search = "/usr/local/bin:/usr/bin:/bin";
    if (!child.arguments || !child.shell_arguments || !child.environment) {
        result = -ENOMEM;
        goto done;
    }
    child.shell_arguments[0] = (char *)"sh";
    child.has_terminal = spawn->rows > 0;
    if (child.has_terminal) {
        spawn->stage = PLATFORM_STAGE_TERMINAL;
        // A second descriptor of the same end: the event loop looks at one for reading and at the other for writing.
        if (open_terminal(spawn, output) < 0 || (input[1] = fcntl(output[0], F_DUPFD_CLOEXEC, 3)) < 0) goto failed;
        child.input = child.output = child.errors = output[1];
    } else {
        if (spawn->input ? pipe2(input, O_CLOEXEC) < 0 : (input[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0) goto failed;
        if (pipe2(output, O_CLOEXEC) < 0 || (!spawn->merge && pipe2(errors, O_CLOEXEC) < 0)) goto failed;
        child.input = input[0];
        child.output = output[1];
        child.errors = spawn->merge ? output[1] : errors[1];
    }
    const uint32_t identity[2] = {geteuid(), getegid()};
again:
    spawn->stage = PLATFORM_STAGE_SETUP;
    child.identity = NULL;
    if (pipe2(report, O_CLOEXEC) < 0) goto failed;
    child.report = report[1];
    pid_t process = child.has_mounts ? start_apart(&child, identity) : vfork();
    if (process == 0) become(&child);
    struct failure failure = {PLATFORM_STAGE_SANDBOX, errno};
    close(report[1]);
    report[1] = -1;
    // Where vfork is a fork (qemu-user), this read is what waits for the exec.
    if (process < 0 || platform_read(report[0], &failure, sizeof failure) == sizeof failure) {
        if (process < 0 && !child.has_mounts) failure.stage = PLATFORM_STAGE_SETUP;
        // The end of the child that did not become the program is taken by the event loop, as any orphan's.
        if (failure.stage == PLATFORM_STAGE_SANDBOX && child.has_mounts && !platform_sandbox_needs_mounts(sandbox)) {
            // This host has no namespaces for this user, or none in which something can be mounted.
            child.has_mounts = 0;
            close_pair(report);
            goto again;
        }
        spawn->stage = failure.stage;
        result = -failure.error;
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
