// The files that hold what processes printed.
#include "internal.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

int64_t platform_read_at(int32_t descriptor, void *buffer, size_t count, uint64_t offset) {
    ssize_t taken;
    do taken = pread(descriptor, buffer, count, (off_t)offset);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int64_t platform_write_at(int32_t descriptor, const void *buffer, size_t count, uint64_t offset) {
    ssize_t taken;
    do taken = pwrite(descriptor, buffer, count, (off_t)offset);
    while (taken < 0 && errno == EINTR);
    return taken < 0 ? -errno : taken;
}

int32_t platform_open_unnamed(const uint8_t *directory) {
    int descriptor;
#ifdef O_TMPFILE
    descriptor = open((const char *)directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0) return descriptor;
#endif
    // Kernels and file systems without such files: it has a name for a moment, that nobody can foresee.
    size_t length = strlen((const char *)directory);
    uint64_t number;
    char path[4096];
    if (length + 40 > sizeof path || platform_random((uint8_t *)&number, sizeof number) < 0) return -ENAMETOOLONG;
    memcpy(path, directory, length);
    platform_number_path(path + length, "/.portal-output-", (unsigned long)number, "");
    descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (descriptor < 0) return -errno;
    unlink(path);
    return descriptor;
}
