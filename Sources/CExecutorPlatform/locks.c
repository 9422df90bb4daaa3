// Locks on futexes, in the form that Ulrich Drepper's "Futexes Are Tricky" proves (its mutex 2). In an image they are a tenth of the code of
// the C library's mutexes and conditions, which also serve timeouts, priorities, robustness and cancellation that nobody here asks for.
#include "internal.h"

#include <linux/futex.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

// Waits while a word has a value, for at most so many milliseconds (0: for ever), or wakes one who waits. Returns the errno; errno itself is
// left alone, since `free` uses these locks.
static int futex(int32_t *word, int operation, int32_t value, uint32_t milliseconds) {
    // The call of this name takes longs on every machine, which time_t is not on all. The time is relative and monotonic.
    long timeout[2] = {(long)(milliseconds / 1000), (long)(milliseconds % 1000) * 1000000};
    int before = errno;
    long status = syscall(SYS_futex, word, operation | FUTEX_PRIVATE_FLAG, value, milliseconds ? timeout : NULL, NULL, 0);
    int error = status < 0 ? errno : 0;
    errno = before;
    return error;
}

struct platform_lock *platform_lock_create(void) {
    struct platform_lock *lock = malloc(sizeof *lock);
    if (!lock) __builtin_trap();
    *lock = (struct platform_lock){0, 0};
    return lock;
}

void platform_lock_destroy(struct platform_lock *lock) { free(lock); }

void platform_lock(struct platform_lock *lock) {
    int32_t found = 0;
    if (__atomic_compare_exchange_n(&lock->state, &found, 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) return;
    // Whoever had to wait takes it as contended: there may be others, and only an unlock that sees the 2 wakes one.
    while (__atomic_exchange_n(&lock->state, 2, __ATOMIC_ACQUIRE) != 0) futex(&lock->state, FUTEX_WAIT, 2, 0);
}

void platform_unlock(struct platform_lock *lock) {
    if (__atomic_exchange_n(&lock->state, 0, __ATOMIC_RELEASE) == 2) futex(&lock->state, FUTEX_WAKE, 1, 0);
}

// A signal changes the count before it wakes: whoever read the count with the lock held, and has not slept yet, does not fall asleep.
int32_t platform_lock_wait(struct platform_lock *lock, uint32_t milliseconds) {
    int32_t signals = __atomic_load_n(&lock->signals, __ATOMIC_RELAXED);
    platform_unlock(lock);
    int error = futex(&lock->signals, FUTEX_WAIT, signals, milliseconds);
    platform_lock(lock);
    return error == ETIMEDOUT;
}

void platform_lock_signal(struct platform_lock *lock) {
    __atomic_add_fetch(&lock->signals, 1, __ATOMIC_RELAXED);
    futex(&lock->signals, FUTEX_WAKE, 1, 0);
}
