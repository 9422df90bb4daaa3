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
enum { EVERYTHING_BELOW = 0x8000 /* AT_RECURSIVE */ };
enum {
    RIGHT_EXECUTE = 1 << 0,
    RIGHT_WRITE_FILE = 1 << 1,
    RIGHT_READ_FILE = 1 << 2,
    RIGHT_READ_DIRECTORY = 1 << 3,
    RIGHT_MAKE_CHARACTER = 1 << 6,
    RIGHT_MAKE_BLOCK = 1 << 11,
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

// Writes a text to a file of this process's own. Its descriptor goes with the program's start.
static ssize_t tell(const char *path, const char *text) {
    int descriptor = open(path, O_WRONLY | O_CLOEXEC);
    return descriptor < 0 ? -1 : write(descriptor, text, strlen(text));
}

// In a namespace of users of its own, the child is who it was.
static ssize_t keep_identity(const char *path, uint32_t number) {
    char once[32], text[64];
    platform_number_path(once, "", number, " ");
    platform_number_path(text, once, number, " 1");
    return tell(path, text);
}

static const uint8_t *next_entry(const uint8_t *entry) { return entry + strlen((const char *)entry) + 1; }

static int is_last(uint8_t letter) { return letter == 'n' || letter == 'o'; }

// Whether there is an entry with a letter, be it of any path or of the root.
static int has_entry(const uint8_t *sandbox, uint8_t letter, int is_root) {
    for (; !is_last(*sandbox); sandbox = next_entry(sandbox))
        if (*sandbox == letter && (!is_root || !sandbox[2])) return 1;
    return 0;
}

int platform_sandbox_needs_mounts(const uint8_t *sandbox) { return has_entry(sandbox, 'k', 0); }

// Two changes of a mount, for mount_setattr(2): its first word is what is set, its second what is cleared, and 1 is to be read-only.
static const uint64_t changes[] = {0, 1, 0, 0, 0};
#define WRITABLE (changes)
#define READ_ONLY (changes + 1)

static long change_mount(const char *path, const uint64_t *change, unsigned flags) {
    return syscall(MOUNT_SETATTR, AT_FDCWD, path, flags, change, 4 * sizeof *change);
}

// Makes mounts of all paths with a letter that are there, so that they can be told apart from what they are in.
static int make_mounts(const uint8_t *sandbox, uint8_t letter) {
    for (; !is_last(*sandbox); sandbox = next_entry(sandbox)) {
        const char *path = (const char *)sandbox + 1;
        if (*sandbox == letter && mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0 && (letter == 'k' || errno != ENOENT)) return -1;
    }
    return 0;
}

static int change_mounts(const uint8_t *sandbox, uint8_t letter, const uint64_t *change) {
    for (; !is_last(*sandbox); sandbox = next_entry(sandbox)) {
        const char *path = (const char *)sandbox + 1;
        // Where something is mounted below it that must stay as it is, that stays.
        if (*sandbox == letter && change_mount(path, change, EVERYTHING_BELOW) < 0 && change_mount(path, change, 0) < 0
            && (letter == 'k' || errno != ENOENT))
            return -1;
    }
    return 0;
}

int platform_sandbox_enter(const uint8_t *sandbox, int has_mounts, const uint32_t *identity) {
    static const struct sock_fprog offline = {sizeof no_network / sizeof *no_network, (struct sock_filter *)no_network};
    // Version 3 of capset(2): no capabilities, of which a root would have all that no file's rights hold back.
    static const uint32_t capabilities[] = {0x20080522, 0}, none[6];
    struct { uint64_t files, network, scopes; } handled;
    struct { uint64_t rights; int32_t parent; } __attribute__((packed)) rule;
    if (identity
        && (tell("/proc/self/setgroups", "deny") < 0 || keep_identity("/proc/self/uid_map", identity[0]) < 0
            || keep_identity("/proc/self/gid_map", identity[1]) < 0))
        return -1;
    // Landlock holds back neither modes, owners, times and attributes of files, nor, before its third version, truncate(2). What is mounted
    // read-only has none of them changed.
    if (has_mounts
        && (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
            || (!has_entry(sandbox, 'w', 1)
                && (make_mounts(sandbox, 'w') < 0 || change_mount("/", READ_ONLY, EVERYTHING_BELOW) < 0
                    || change_mounts(sandbox, 'w', WRITABLE) < 0))
            || make_mounts(sandbox, 'k') < 0 || change_mounts(sandbox, 'k', READ_ONLY) < 0))
        return -1;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) return -1;
    long version = syscall(CREATE_RULESET, NULL, 0, 1);
    if (version < (has_mounts ? 1 : 3)) {
        errno = ENOSYS;
        return -1;
    }
    handled.files = version >= 5 ? 0xFFFF : version >= 3 ? 0x7FFF : version == 2 ? 0x3FFF : 0x1FFF;
    handled.network = 0;
    // From the sixth on: sockets without a name in the file system, and signals.
    handled.scopes = 3;
    int rules = (int)syscall(CREATE_RULESET, &handled, version >= 6 ? 24 : 8, 0);
    if (rules < 0) return -1;
    for (; !is_last(*sandbox); sandbox = next_entry(sandbox)) {
        const char *path = (const char *)sandbox + 1;
        if (*sandbox == 'k') continue;
        // A device that is made is a way to what is behind it.
        rule.rights = *sandbox == 'w' ? handled.files & ~(uint64_t)(RIGHT_MAKE_CHARACTER | RIGHT_MAKE_BLOCK) : RIGHTS_TO_READ;
        rule.parent = open(path, O_PATH | O_CLOEXEC);
        // What is not there cannot be allowed; what is made there later stays forbidden.
        if (rule.parent < 0) continue;
        if (syscall(ADD_RULE, rules, 1, &rule, 0) < 0) {
            // What is no directory has fewer rights.
            rule.rights &= RIGHTS_OF_FILES;
            if (errno != EINVAL || syscall(ADD_RULE, rules, 1, &rule, 0) < 0) return -1;
        }
    }
    // From here on nothing can be mounted or unmounted either. All these descriptors go with the program's start.
    if (syscall(SYS_capset, capabilities, none) < 0 || syscall(RESTRICT_SELF, rules, 0) < 0) return -1;
    return *sandbox == 'n' ? 0 : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &offline, 0, 0);
}
