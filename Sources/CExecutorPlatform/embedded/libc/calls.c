// System calls, as the kernel has them. musl has each as a function of its own that tells where its thread may be cancelled, and mends what only old
// kernels need; those with a variable number of arguments save all registers that could have one; and the clock reads the kernel's page of code
// as a library. Here each is its number and a jump. This is compiled apart, where nobody sees the functions' own declarations as well: whole words
// come the same way with any.
#if defined(__x86_64__) || defined(__aarch64__)
#include <errno.h>
#include <sys/syscall.h>

#define BARE __attribute__((naked, used)) void

#ifdef __x86_64__
#define ENTER "movl %0, %%eax\n jmp enter_kernel"
BARE enter_kernel(void) {
    __asm__("movq %rcx, %r10\n syscall\n cmpq $-4095, %rax\n jae 1f\n ret\n"
            "1: pushq %rax\n call __errno_location\n popq %rcx\n negl %ecx\n movl %ecx, (%rax)\n orq $-1, %rax\n ret");
}
BARE syscall(void) {
    __asm__("movl %edi, %eax\n movq %rsi, %rdi\n movq %rdx, %rsi\n movq %rcx, %rdx\n movq %r8, %rcx\n movq %r9, %r8\n movq 8(%rsp), %r9\n"
            "jmp enter_kernel");
}
#else
#define ENTER "mov x8, %0\n b enter_kernel"
BARE enter_kernel(void) {
    __asm__("svc 0\n cmn x0, #4095\n b.hs 1f\n ret\n"
            "1: stp x0, x30, [sp, #-16]!\n bl __errno_location\n ldp x1, x30, [sp], #16\n neg w1, w1\n str w1, [x0]\n mov x0, #-1\n ret");
}
BARE syscall(void) {
    __asm__("mov x8, x0\n mov x0, x1\n mov x1, x2\n mov x2, x3\n mov x3, x4\n mov x4, x5\n mov x5, x6\n b enter_kernel");
}
#endif

#define CALL(name, number) \
    BARE name(void) { __asm__(ENTER : : "i"(number)); }

CALL(__clock_gettime, SYS_clock_gettime)
void clock_gettime(void) __attribute__((alias("__clock_gettime")));
CALL(chdir, SYS_chdir)
CALL(copy_file_range, SYS_copy_file_range)
CALL(epoll_create1, SYS_epoll_create1)
CALL(epoll_ctl, SYS_epoll_ctl)
CALL(eventfd, SYS_eventfd2)
CALL(execve, SYS_execve)
CALL(fchdir, SYS_fchdir)
CALL(fchmod, SYS_fchmod)
CALL(fchown, SYS_fchown)
CALL(fcntl, SYS_fcntl)
CALL(fgetxattr, SYS_fgetxattr)
CALL(flock, SYS_flock)
CALL(fremovexattr, SYS_fremovexattr)
CALL(fsetxattr, SYS_fsetxattr)
CALL(fstat, SYS_fstat)
CALL(fstatat, SYS_newfstatat)
CALL(fsync, SYS_fsync)
CALL(ftruncate, SYS_ftruncate)
CALL(geteuid, SYS_geteuid)
CALL(getpid, SYS_getpid)
CALL(getxattr, SYS_getxattr)
CALL(inotify_add_watch, SYS_inotify_add_watch)
CALL(inotify_init1, SYS_inotify_init1)
CALL(inotify_rm_watch, SYS_inotify_rm_watch)
CALL(ioctl, SYS_ioctl)
CALL(kill, SYS_kill)
CALL(linkat, SYS_linkat)
CALL(listxattr, SYS_listxattr)
CALL(lseek, SYS_lseek)
CALL(mkdirat, SYS_mkdirat)
CALL(nanosleep, SYS_nanosleep)
CALL(openat, SYS_openat)
CALL(pipe2, SYS_pipe2)
CALL(prctl, SYS_prctl)
CALL(pread, SYS_pread64)
CALL(pwrite, SYS_pwrite64)
CALL(read, SYS_read)
CALL(readlinkat, SYS_readlinkat)
CALL(renameat, SYS_renameat)
CALL(setsid, SYS_setsid)
CALL(statfs, SYS_statfs)
CALL(symlinkat, SYS_symlinkat)
CALL(umask, SYS_umask)
CALL(uname, SYS_uname)
CALL(unlinkat, SYS_unlinkat)
CALL(utimensat, SYS_utimensat)
CALL(wait4, SYS_wait4)
CALL(write, SYS_write)

#ifdef __x86_64__
CALL(access, SYS_access)
CALL(chmod, SYS_chmod)
CALL(epoll_wait, SYS_epoll_wait)
CALL(link, SYS_link)
CALL(lstat, SYS_lstat)
CALL(mkdir, SYS_mkdir)
CALL(open, SYS_open)
CALL(poll, SYS_poll)
CALL(readlink, SYS_readlink)
CALL(rename, SYS_rename)
CALL(rmdir, SYS_rmdir)
CALL(stat, SYS_stat)
CALL(symlink, SYS_symlink)
CALL(unlink, SYS_unlink)
#else
// This kernel has them only with a directory, or with a mask of signals.
BARE open(void) { __asm__("mov x3, x2\n mov x2, x1\n mov x1, x0\n mov x0, #-100\n b openat"); }
CALL(epoll_pwait, SYS_epoll_pwait)
BARE epoll_wait(void) { __asm__("mov x4, #0\n b epoll_pwait"); }
#endif
#endif
