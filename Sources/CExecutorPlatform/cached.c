// Whether a path, and the file there, are in the kernel's caches. Such a call costs microseconds; handing it to a worker and back costs two
// wakings, each of which can cost more than that (measured: a fifth to a third of a small call's whole round trip, most where cores sleep).
#include "internal.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

// Devices whose file systems were looked at, as the kernel numbers them, in 32 bits. Only block devices: the numbers of others are given to whatever is mounted next.
enum { device_count = 16 };
static uint32_t local_devices[device_count], other_devices[device_count];

static int is_among(const uint32_t *devices, uint32_t device) {
    for (int index = 0; index < device_count; index++) {
        if (__atomic_load_n(&devices[index], __ATOMIC_RELAXED) == device) return 1;
    }
    return 0;
}

static void note(uint32_t *devices, uint32_t device) {
    for (int index = 0; index < device_count; index++) {
        uint32_t free = 0;
        if (__atomic_compare_exchange_n(&devices[index], &free, device, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED) || free == device) return;
    }
}

void platform_note_device(const uint8_t *path, uint64_t wide) {
    uint32_t device = (uint32_t)wide;
    if (major((dev_t)device) == 0 || is_among(local_devices, device) || is_among(other_devices, device)) return;
    struct statfs system;
    if (statfs((const char *)path, &system) < 0) return;
    // ext2 to ext4, XFS and F2FS. FUSE can be on a block device too.
    uint32_t kind = (uint32_t)system.f_type;
    note(kind == 0xEF53 || kind == 0x58465342 || kind == 0xF2F52010 ? local_devices : other_devices, device);
}

// Whether the whole file behind a path descriptor is in the page cache. Opened by its descriptor: nobody can put another in its place.
static int is_content_cached(int descriptor, size_t most) {
    static char buffer[PLATFORM_CACHED_MOST];
    char name[32];
    platform_number_path(name, "/proc/self/fd/", (unsigned long)descriptor, "");
    int file = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) return 0;
    struct iovec vector = {buffer, most};
    long count = syscall(SYS_preadv2, file, &vector, 1L, 0L, 0L, (long)RWF_NOWAIT);
    close(file);
    return count == (long)most;
}

int32_t platform_is_cached(const uint8_t *path, int32_t follow, int32_t content) {
    static int is_missing;
    if (is_missing) return 0;
    struct open_how how = {.flags = O_PATH | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW), .resolve = RESOLVE_CACHED};
    int descriptor = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
    if (descriptor < 0) {
        // A file that is not there is nothing to wait for; it is seldom asked for, and left to a worker.
        if (errno == ENOSYS || errno == EINVAL) is_missing = 1;
        return 0;
    }
    struct statx status;
    int is_cached = syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &status) == 0 &&
        is_among(local_devices, (uint32_t)makedev(status.stx_dev_major, status.stx_dev_minor));
    if (is_cached && content) {
        is_cached = S_ISREG(status.stx_mode) && status.stx_size > 0 && status.stx_size <= PLATFORM_CACHED_MOST &&
            is_content_cached(descriptor, (size_t)status.stx_size);
    }
    close(descriptor);
    return is_cached;
}
