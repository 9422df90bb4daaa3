// The detaching of an executor from whoever started it, and its supervisor.
#include "internal.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef PR_SET_CHILD_SUBREAPER
#define PR_SET_CHILD_SUBREAPER 36
#endif

// Whoever calls this has no other threads. `fork` would also run handlers and take the C library's locks: a kilobyte of an image.
#ifdef __GLIBC__
#define copy_process fork
#else
#define copy_process _Fork
#endif

// Waits for the executor's end. What it started and could not end itself has become this process's: the nearest reaper's.
static void __attribute__((noreturn)) supervise(pid_t executor, const uint8_t *prefix) {
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    platform_session_keep(-1);
    pid_t ended;
    int status = 0;
    do ended = waitpid(-1, &status, 0);
    while (ended != executor && (ended > 0 || errno == EINTR));
    platform_kill_all(prefix);
    // One that has ended by itself has ended its session, and leaves nothing.
    if (WIFSIGNALED(status)) platform_session_save();
    platform_session_remove();
    _exit(0);
}

int32_t platform_session_detach(const uint8_t *prefix, struct platform_link *link) {
    // The front's end of the channel and the executor's, and a pipe.
    int made[4] = {-1, -1, -1, -1}, *channel = made, *nowhere = made + 2;
    pid_t front = -1;
    link->input = fcntl(0, F_DUPFD_CLOEXEC, 3);
    link->output = fcntl(1, F_DUPFD_CLOEXEC, 3);
    if (link->input >= 0 && link->output >= 0 && pipe(nowhere) == 0
        && syscall(SYS_socketpair, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, channel) == 0)
        front = copy_process();
    int error = errno;
    if (front > 0) {
        // Nobody has to hear of the supervisor's end.
        signal(SIGCHLD, SIG_IGN);
        platform_session_front(channel[0]);
    }
    link->channel = channel[1];
    if (front == 0) {
        setsid();
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        pid_t executor = copy_process();
        if (executor > 0) supervise(executor, prefix);
        // Where no second process can be had, this one is the executor and has no supervisor.
        setsid();
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        // A pipe that nobody reads: what is printed is lost, whoever started this is kept waiting by none of the three, and no /dev/null is needed.
        for (int number = 0; number < 3; number++) dup2(nowhere[1], number);
        channel[1] = -1;
    } else {
        close(link->input);
        close(link->output);
    }
    for (int index = 0; index < 4; index++) close(made[index]);
    return front == 0 ? 0 : -error;
}
