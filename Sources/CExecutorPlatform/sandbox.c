// What a child may do, said to the kernel between its start and its program. Nothing here takes memory or a lock: see `become`.
#include "internal.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

// From linux/landlock.h and linux/mount.h, which are younger than some of the headers that this is compiled with. The numbers are the same for
// every processor.
enum { MOUNT_SETATTR = 442, CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446, IO_URING_SETUP = 425 };
enum {
    RIGHT_EXECUTE = 1 << 0,
    RIGHT_WRITE_FILE = 1 << 1,
    RIGHT_READ_FILE = 1 << 2,
    RIGHT_READ_DIRECTORY = 1 << 3,
    RIGHT_TRUNCATE = 1 << 14,
    RIGHT_DEVICE_CONTROL = 1 << 15,
    RIGHTS_TO_READ = RIGHT_EXECUTE | RIGHT_READ_FILE | RIGHT_READ_DIRECTORY,
    RIGHTS_OF_FILES = RIGHT_EXECUTE | RIGHT_WRITE_FILE | RIGHT_READ_FILE | RIGHT_TRUNCATE | RIGHT_DEVICE_CONTROL,
};

#if defined(__x86_64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__i386__)
#define OWN_ARCHITECTURE AUDIT_ARCH_I386
#elif defined(__aarch64__)
#define OWN_ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__arm__)
#define OWN_ARCHITECTURE AUDIT_ARCH_ARM
#elif defined(__riscv) && __riscv_xlen == 64
#define OWN_ARCHITECTURE AUDIT_ARCH_RISCV64
#endif

// No socket but those within the machine, and none of these may be connected: behind such a socket is somebody whom nothing confines. Calls by
// another processor's convention have other numbers, and are all refused.
static const struct sock_filter no_network[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCHITECTURE, 0, 8),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_connect, 6, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IO_URING_SETUP, 5, 0),
#if defined(__i386__)
    // The one call for all that concerns sockets tells their family where this cannot look.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socketcall, 4, 0),
#else
    // On x86-64 those of x32 have this bit; nowhere else is a number so great.
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 4, 0),
#endif
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_socket, 0, 2),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 16),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1 /* AF_UNIX */, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
};

// Writes a text to a file of this process's own.
static int tell(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return -1;
    ssize_t written = write(descriptor, text, strlen(text));
    close(descriptor);
    return written < 0 ? -1 : 0;
}

// In a namespace of users of its own, the child is who it was.
static int keep_identity(const char *path, uint32_t number) {
    char once[32], text[64];
    platform_number_path(once, "", number, " ");
    platform_number_path(text, once, number, " 1");
    return tell(path, text);
}

int platform_sandbox_needs_mounts(const uint8_t *sandbox) {
    for (; *sandbox; sandbox += strlen((const char *)sandbox) + 1)
        if (*sandbox == 'k') return 1;
    return 0;
}

int platform_sandbox_enter(const uint8_t *sandbox, int has_users, uint32_t user, uint32_t group) {
    struct { uint64_t files, network, scopes; } handled = {0, 0, 0};
    struct { uint64_t set, clear, propagation, namespace; } read_only = {1, 0, 0, 0};
    if (has_users
        && (tell("/proc/self/setgroups", "deny") < 0 || keep_identity("/proc/self/uid_map", user) < 0
            || keep_identity("/proc/self/gid_map", group) < 0))
        return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return errno;
    long version = syscall(CREATE_RULESET, NULL, 0, 1);
    // Before the third version truncate(2) is not held back by anything.
    if (version < 3) return ENOSYS;
    handled.files = version >= 5 ? 0xFFFF : 0x7FFF;
    // Sockets without a name in the file system, and signals, from the sixth on.
    handled.scopes = version >= 6 ? 3 : 0;
    int rules = (int)syscall(CREATE_RULESET, &handled, version >= 6 ? 24 : 8, 0);
    if (rules < 0) return errno;
    int mounts = platform_sandbox_needs_mounts(sandbox), offline = 1;
    if (mounts && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return errno;
    for (; *sandbox; sandbox += strlen((const char *)sandbox) + 1) {
        const char *path = (const char *)sandbox + 1;
        if (*sandbox == 'n') offline = 0;
        if (*sandbox == 'k'
            && (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0
                || syscall(MOUNT_SETATTR, AT_FDCWD, path, 0x8000 /* AT_RECURSIVE */, &read_only, sizeof read_only) < 0))
            return errno;
        if (*sandbox != 'r' && *sandbox != 'w') continue;
        struct { uint64_t rights; int32_t parent; } __attribute__((packed)) rule;
        rule.rights = *sandbox == 'w' ? handled.files : RIGHTS_TO_READ;
        rule.parent = open(path, O_PATH | O_CLOEXEC);
        // What is not there cannot be allowed; what is made there later stays forbidden.
        if (rule.parent < 0) continue;
        if (syscall(ADD_RULE, rules, 1, &rule, 0) < 0) {
            // What is no directory has fewer rights.
            rule.rights &= RIGHTS_OF_FILES;
            if (errno != EINVAL || syscall(ADD_RULE, rules, 1, &rule, 0) < 0) return errno;
        }
        close(rule.parent);
    }
    // From here on nothing can be mounted or unmounted either.
    if (syscall(RESTRICT_SELF, rules, 0) < 0) return errno;
    close(rules);
    if (!offline) return 0;
    const struct sock_fprog program = {sizeof no_network / sizeof *no_network, (struct sock_filter *)no_network};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0 ? errno : 0;
}
