// Readiness and threads.
#include "internal.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

int32_t platform_poller_create(void) {
    int poller = epoll_create1(EPOLL_CLOEXEC);
    return poller < 0 ? -errno : poller;
}

int32_t platform_poller_control(int32_t poller, int32_t change, int32_t descriptor, uint32_t interests, uint64_t tag) {
    static const int changes[] = {EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
    struct epoll_event event;
    event.events = (interests & PLATFORM_READABLE ? EPOLLIN : 0u) | (interests & PLATFORM_WRITABLE ? EPOLLOUT : 0u)
        | (interests & PLATFORM_EDGE ? EPOLLET : 0u);
    event.data.u64 = tag;
    return epoll_ctl(poller, changes[change], descriptor, &event) < 0 ? -errno : 0;
}

int32_t platform_poller_wait(int32_t poller, struct platform_event *events, int32_t capacity, int32_t milliseconds) {
    struct epoll_event raw[64];
    int count = epoll_wait(poller, raw, capacity < 64 ? capacity : 64, milliseconds);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int index = 0; index < count; index++) {
        events[index].tag = raw[index].data.u64;
        events[index].ready = (raw[index].events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? PLATFORM_READABLE : 0u)
            | (raw[index].events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? PLATFORM_WRITABLE : 0u);
    }
    return count;
}

int32_t platform_event_create(void) {
    int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return event < 0 ? -errno : event;
}

void platform_event_signal(int32_t event) {
    uint64_t one = 1;
    // It fails only at 2^64 signals, and then it is readable anyway.
    if (write(event, &one, sizeof one) < 0) return;
}

int32_t platform_wait_ready(int32_t descriptor, uint32_t interests, int32_t milliseconds) {
    struct pollfd entry = {descriptor, (interests & PLATFORM_READABLE ? POLLIN : 0) | (interests & PLATFORM_WRITABLE ? POLLOUT : 0), 0};
    return poll(&entry, 1, milliseconds) > 0;
}

struct start {
    void (*entry)(void *);
    void *context;
};

static void *run(void *raw) {
    struct start start = *(struct start *)raw;
    free(raw);
    start.entry(start.context);
    return NULL;
}

int32_t platform_thread_start(void (*entry)(void *), void *context) {
    struct start *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    start->entry = entry;
    start->context = context;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 128 * 1024);
    // Signals are the event loop's: a worker's system calls are not interrupted, and a child is born with no handler that could run in it.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int error = pthread_create(&thread, &attributes, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    if (error) free(start);
    return -error;
}

int32_t platform_flag_read(const int32_t *flag) { return __atomic_load_n(flag, __ATOMIC_ACQUIRE); }
void platform_flag_raise(int32_t *flag) { __atomic_store_n(flag, 1, __ATOMIC_RELEASE); }
void platform_flag_lower(int32_t *flag) { __atomic_store_n(flag, 0, __ATOMIC_RELEASE); }
