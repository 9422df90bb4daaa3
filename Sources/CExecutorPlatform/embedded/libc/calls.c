// System calls that musl has as functions with a variable number of arguments: each of them saves all registers that could have one, and `fcntl`
// and `open` mend what only old kernels need. And the clock, for which musl reads the kernel's page of code as a library. What the images call
// takes whole words only, which come the same way with either declaration. This is compiled apart, where nobody sees both.
#if defined(__x86_64__) || defined(__aarch64__)
#include <errno.h>
#include <sys/syscall.h>
#include <time.h>

static long call(long number, long first, long second, long third, long fourth, long fifth, long sixth) {
#ifdef __x86_64__
    register long r10 __asm__("r10") = fourth;
    register long r8 __asm__("r8") = fifth;
    register long r9 __asm__("r9") = sixth;
    __asm__ volatile("syscall" : "+a"(number) : "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
    return number;
#else
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = first;
    register long x1 __asm__("x1") = second;
    register long x2 __asm__("x2") = third;
    register long x3 __asm__("x3") = fourth;
    register long x4 __asm__("x4") = fifth;
    register long x5 __asm__("x5") = sixth;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
    return x0;
#endif
}

long syscall(long number, long first, long second, long third, long fourth, long fifth, long sixth) {
    long status = call(number, first, second, third, fourth, fifth, sixth);
    if (status >= 0 || status < -4095) return status;
    errno = (int)-status;
    return -1;
}

int openat(int directory, const char *path, int flags, unsigned mode) {
    return (int)syscall(SYS_openat, directory, (long)path, flags, mode, 0, 0);
}

int open(const char *path, int flags, unsigned mode) { return openat(-100 /* AT_FDCWD */, path, flags, mode); }

int fcntl(int descriptor, int command, long value) { return (int)syscall(SYS_fcntl, descriptor, command, value, 0, 0, 0); }

int ioctl(int descriptor, int command, long value) { return (int)syscall(SYS_ioctl, descriptor, (unsigned)command, value, 0, 0, 0); }

int prctl(int option, long second, long third, long fourth, long fifth) {
    return (int)syscall(SYS_prctl, option, second, third, fourth, fifth, 0);
}

int __clock_gettime(clockid_t clock, struct timespec *time) {
    return (int)syscall(SYS_clock_gettime, clock, (long)time, 0, 0, 0, 0);
}
int clock_gettime(clockid_t clock, struct timespec *time) __attribute__((alias("__clock_gettime")));
#endif
